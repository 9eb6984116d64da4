"""The model as PMML 4.4, for programs that score from that: features as they come in, preparation and centroids."""

from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as Tree

import numpy as np

from segments.kmeans.model import Model
from segments.kmeans.shapes import CategorySpec, FeatureSpec, Transform

VERSION = "4.4"
NAMESPACE = "http://www.dmg.org/PMML-4_4"
# Nearer to 0 or 2 than this, the powers of Yeo and Johnson are logarithms.
NO_POWER = 1e-12

Element = Tree.Element


def to_pmml(model: Model, names: Mapping[str, str], *, title: str) -> bytes:
    """The document in UTF-8. `names` are the segments' own by their ids; a segment without one is called by its id."""
    root = Element("PMML", {"xmlns": NAMESPACE, "version": VERSION})
    header = Tree.SubElement(root, "Header", description=title)
    Tree.SubElement(header, "Application", name="segmentation-site")
    root.append(_dictionary(model))
    clustering = Tree.SubElement(
        root,
        "ClusteringModel",
        modelName=title,
        functionName="clustering",
        modelClass="centerBased",
        numberOfClusters=str(model.k),
    )
    clustering.append(_schema(model))
    clustering.append(_output())
    prepared = [*_prepared(model)]
    steps = Tree.SubElement(clustering, "LocalTransformations")
    for field in prepared:
        steps.extend(field)
    measure = Tree.SubElement(clustering, "ComparisonMeasure", kind="distance", compareFunction="absDiff")
    Tree.SubElement(measure, "squaredEuclidean")
    for field in prepared:
        Tree.SubElement(clustering, "ClusteringField", field=field[-1].get("name", ""))
    for segment in model.segments:
        cluster = Tree.SubElement(
            clustering,
            "Cluster",
            id=segment.segment_id,
            name=names.get(segment.segment_id, segment.segment_id),
            size=str(segment.n),
        )
        centre = Tree.SubElement(cluster, "Array", n=str(len(segment.centroid)), type="real")
        centre.text = " ".join(map(_number, segment.centroid))
    Tree.indent(root)
    document: bytes = Tree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _dictionary(model: Model) -> Element:
    fields = Element("DataDictionary", numberOfFields=str(len(model.names)))
    for spec in model.features:
        Tree.SubElement(fields, "DataField", name=spec.name, optype="continuous", dataType="double")
    for category in model.categories:
        # Without its levels: one that is new is no error, it is prepared as the model says.
        Tree.SubElement(fields, "DataField", name=category.name, optype="categorical", dataType="string")
    return fields


def _schema(model: Model) -> Element:
    schema = Element("MiningSchema")
    for spec in model.features:
        Tree.SubElement(
            schema,
            "MiningField",
            name=spec.name,
            missingValueReplacement=_number(spec.impute),
            missingValueTreatment="asValue",
        )
    for category in model.categories:
        Tree.SubElement(schema, "MiningField", name=category.name)
    return schema


def _output() -> Element:
    output = Element("Output")
    Tree.SubElement(
        output, "OutputField", name="segment_id", optype="categorical", dataType="string", feature="predictedValue"
    )
    Tree.SubElement(
        output, "OutputField", name="squared_distance", optype="continuous", dataType="double", feature="affinity"
    )
    return output


def _prepared(model: Model) -> Iterator[list[Element]]:
    """For each column of the prepared space the derived fields that lead there, itself the last."""
    for spec in model.features:
        yield [*_number_steps(spec)]
    for category in model.categories:
        for column in range(category.width):
            yield [_derived(f"{category.name}:{column}", _share_of(category, column))]


def _number_steps(spec: FeatureSpec) -> Iterator[Element]:
    """Clip → transform → scale → weight; what is missing was replaced before."""
    value = _field(spec.name)
    if spec.clip:
        low, high = spec.clip
        value = _apply("min", _apply("max", value, _constant(low)), _constant(high))
    if spec.transform in (Transform.RANK, Transform.YEO_JOHNSON):
        # It is interpolated, or spoken of several times: both want a field.
        clipped = f"{spec.name}:clipped"
        yield _derived(clipped, value)
        value = _field(clipped)
    value = _bent(spec, value)
    scaled = _apply("/", _apply("-", value, _constant(spec.center)), _constant(spec.scale))
    yield _derived(f"{spec.name}:prepared", _apply("*", scaled, _constant(spec.weight)))


def _bent(spec: FeatureSpec, value: Element) -> Element:
    if spec.transform is Transform.LOG1P:
        return _apply("ln1p", _apply("max", value, _constant(0.0)))
    if spec.transform is Transform.YEO_JOHNSON and spec.lambda_ is not None:
        upper = _power(_apply("+", value, _constant(1.0)), value, spec.lambda_)
        mirrored = _apply("-", _constant(0.0), value)
        lower = _power(_apply("-", _constant(1.0), value), mirrored, 2 - spec.lambda_)
        is_upper = _apply("greaterOrEqual", value, _constant(0.0))
        return _apply("if", is_upper, upper, _apply("-", _constant(0.0), lower))
    if spec.transform is Transform.RANK and spec.knots is not None:
        return _interpolated(value.get("field", ""), *spec.knots)
    return value


def _power(base: Element, less_one: Element, power: float) -> Element:
    """(base^power − 1) / power, which is ln base where the power vanishes."""
    if abs(power) <= NO_POWER:
        return _apply("ln1p", less_one)
    return _apply("/", _apply("-", _apply("pow", base, _constant(power)), _constant(1.0)), _constant(power))


def _interpolated(field: str, values: tuple[float, ...], quantiles: tuple[float, ...]) -> Element:
    norm = Element("NormContinuous", field=field, outliers="asExtremeValues")
    for value, quantile in zip(values, quantiles, strict=True):
        Tree.SubElement(norm, "LinearNorm", orig=_number(value), norm=_number(quantile))
    return norm


def _share_of(spec: CategorySpec, column: int) -> Element:
    """1 for a level's own column, 0 for the others', and its share for who has no level or a new one."""
    known = [*spec.levels, *spec.rare]
    is_rest = column == len(spec.levels)
    weight = float(spec.weight / np.sqrt(2))
    own, other, share = (_constant(part * weight) for part in (1.0, 0.0, spec.shares[column]))
    field = _field(spec.name)
    if is_rest:
        # Rare levels and new ones alike.
        of_known = _apply("if", _is_in(field, spec.levels), other, own)
    else:
        elsewhere = other if spec.rare else _apply("if", _is_in(field, known), other, share)
        of_known = _apply("if", _apply("equal", field, _constant(spec.levels[column])), own, elsewhere)
    return _apply("if", _apply("isMissing", field), share, of_known)


def _is_in(field: Element, levels: list[str] | tuple[str, ...]) -> Element:
    return _apply("isIn", field, *map(_constant, levels))


def _derived(name: str, expression: Element) -> Element:
    field = Element("DerivedField", name=name, optype="continuous", dataType="double")
    field.append(expression)
    return field


def _apply(function: str, *arguments: Element) -> Element:
    apply = Element("Apply", function=function)
    apply.extend(arguments)
    return apply


def _field(name: str) -> Element:
    return Element("FieldRef", field=name)


def _constant(value: float | str) -> Element:
    constant = Element("Constant", dataType="string" if isinstance(value, str) else "double")
    constant.text = value if isinstance(value, str) else _number(value)
    return constant


def _number(value: float) -> str:
    """So that reading it gives the very same number."""
    return repr(float(value))
