"""The model as PMML, scored by an interpreter that knows nothing of this site, gives our own segments."""

from typing import Any
from xml.etree import ElementTree as Tree

import numpy as np
import pytest

from segments.kmeans.fitting import fit
from segments.kmeans.model import Model, ModelSegment, apply_model, nearest_two
from segments.kmeans.pmml import to_pmml
from segments.kmeans.preparing import prepare
from segments.kmeans.shapes import Definition, FloatMatrix
from tests.segments.kmeans import pmml

ROWS = 1_500
LEVELS = {"city": tuple("ABCDEFGHIJKLMN"), "tier": ("gold", "less & <more>")}


def customers() -> FloatMatrix:
    """Balance (either sign), amount (skewed), age, city (of many, some rare), tier; each sometimes missing."""
    random = np.random.default_rng(4)
    group = random.integers(0, 3, ROWS)
    raw = np.column_stack(
        [
            random.normal(0, 40, ROWS) + 120 * (group - 1),
            np.exp(random.normal(2 + group, 0.5)),
            random.integers(18, 80, ROWS),
            random.choice(14, ROWS, p=[0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.04, 0.03, 0.01, 0.01, 0.005, 0.005]),
            random.integers(0, 2, ROWS),
        ]
    )
    raw[random.random(raw.shape) < 0.02] = np.nan
    return raw


def modelled(definition: dict[str, Any], raw: FloatMatrix, levels: dict[str, tuple[str, ...]]) -> Model:
    prepared = prepare(np.arange(1, len(raw) + 1), raw, Definition.from_json(definition), levels=levels)
    found = fit(prepared, 4, seed=0)
    segments = tuple(
        ModelSegment(f"sgm_{number}", tuple(map(float, centre)), int(size), 9.0)
        for number, (centre, size) in enumerate(zip(found.centroids, found.sizes, strict=True))
    )
    return Model(prepared.specs, segments, categories=prepared.categories)


def as_row(names: list[str], values: FloatMatrix, levels: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    return {
        name: None if np.isnan(value) else levels[name][int(value)] if name in levels else float(value)
        for name, value in zip(names, values, strict=True)
    }


@pytest.mark.parametrize("transform", ["auto", "none", "log1p", "yeo_johnson", "rank"])
@pytest.mark.parametrize("scaling", ["standard", "none"])
def test_everybody_comes_into_the_same_segment_for_every_way_of_preparing(transform: str, scaling: str) -> None:
    names = ["balance", "amount", "age"]
    features = [{"name": name, "transform": transform, "weight": 1.5, "clip": [1, 99]} for name in names]
    raw = customers()[:, :3]
    model = modelled({"features": features, "scaling": scaling}, raw, {})
    document = to_pmml(model, {}, title="Anything")
    some = raw[:: ROWS // 150]
    scored = nearest_two(apply_model(model, names, some), model.centroids)

    told = [pmml.score(document, as_row(names, row, {})) for row in some]
    assert [segment for segment, _ in told] == [f"sgm_{nearest}" for nearest in scored.nearest]
    np.testing.assert_allclose([np.sqrt(far) for _, far in told], scored.distance, rtol=1e-12)


@pytest.mark.parametrize("many", [True, False])
def test_categories_are_told_with_rare_levels_new_ones_and_none(many: bool) -> None:
    names = ["amount", "city", "tier"]
    raw = customers()[:, [1, 3, 4]]
    levels = {name: LEVELS[name] for name in ("city", "tier")}
    if not many:
        raw[:, 1] = np.where(raw[:, 1] > 3, np.nan, raw[:, 1])
        raw = raw[~np.isnan(raw[:, 1])]
        levels["city"] = tuple("ABCD")
    model = modelled({"features": names}, raw, levels)
    assert bool(model.categories[0].rare) == many
    document = to_pmml(model, {"sgm_0": "Loyal & <dear>"}, title="Anything")

    # One level more than the model has seen, and nobody's.
    asked = levels | {"city": (*levels["city"], "Elsewhere")}
    some = np.vstack([raw[:120], [[5.0, len(levels["city"]), 0.0], [5.0, np.nan, np.nan]]])
    scored = nearest_two(apply_model(model, names, some, levels=asked), model.centroids)
    told = [pmml.score(document, as_row(names, row, asked)) for row in some]
    assert [segment for segment, _ in told] == [f"sgm_{nearest}" for nearest in scored.nearest]
    np.testing.assert_allclose([np.sqrt(far) for _, far in told], scored.distance, rtol=1e-12)
    cluster = Tree.fromstring(document).find("ClusteringModel/Cluster", pmml.NAMESPACES)  # noqa: S314 - our own
    assert cluster is not None
    assert cluster.attrib["name"] == "Loyal & <dear>"
