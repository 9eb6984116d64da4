"""How a file is going to be read, as it was found when its import was started: so nobody needs to look at it twice."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from customers.files import mapping
from customers.files.cells import DateOrder, Style
from customers.files.mapping import MappedColumn
from customers.files.sampling import Dialect, Sample
from customers.files.schema import Column, UnknownTarget


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is written, its headers, and what its columns are read into; nothing of its rows."""

    dialect: Dialect
    headers: tuple[str, ...]
    mapped: tuple[MappedColumn, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it but the columns' rules, which are the registry's."""
        return {
            "dialect": asdict(self.dialect),
            "headers": list(self.headers),
            "mapped": [
                {"position": one.position, "key": one.column.key, "factor": one.factor, **asdict(one.style)}
                for one in self.mapped
            ],
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any], columns: Sequence[Column]) -> Self:
        """The same again. Raises UnknownTarget when a column is no longer there."""
        by_key = {column.key: column for column in columns}
        headers = tuple(said["headers"])
        mapped = []
        for one in said["mapped"]:
            if one["key"] not in by_key:
                raise UnknownTarget(target=one["key"], known=", ".join(by_key))
            style = Style(one["decimal"], DateOrder(one["date_order"]))
            header, position = headers[one["position"]], one["position"]
            mapped.append(MappedColumn(position, header, by_key[one["key"]], one["factor"], style))
        dialect: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in said["dialect"].items()
        }
        return cls(Dialect(**dialect), headers, tuple(mapped))


def plan(sample: Sample, columns: Sequence[Column], chosen: Mapping[str, str]) -> Plan:
    """What follows from a sample and a complete mapping of its headers. Raises as `mapping.apply`."""
    return Plan(sample.dialect, sample.headers, mapping.apply(sample, columns, chosen))
