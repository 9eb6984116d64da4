"""A small interpreter of PMML, written from its specification: what of it clusterings with derived fields need."""

import math
import operator
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as Tree

import numpy as np

NAMESPACES = {"": "http://www.dmg.org/PMML-4_4"}
Values = dict[str, Any]

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "min": min,
    "max": max,
    "pow": math.pow,
    "ln1p": math.log1p,
    "equal": operator.eq,
    "greaterOrEqual": operator.ge,
    "isMissing": lambda value: value is None,
    "isIn": lambda value, *others: value in others,
}


def score(document: bytes, row: Mapping[str, Any]) -> tuple[str, float]:
    """The id of the cluster that a row of values belongs to, and the squared distance."""
    root = Tree.fromstring(document)  # noqa: S314 - a document of our own
    model = _one(root, "ClusteringModel")
    assert _one(model, "ComparisonMeasure").find("squaredEuclidean", NAMESPACES) is not None
    values = _fields(root, model, row)
    for derived in model.findall("LocalTransformations/DerivedField", NAMESPACES):
        (expression,) = derived
        values[derived.attrib["name"]] = _value(expression, values)
    z = np.array([values[field.attrib["field"]] for field in model.findall("ClusteringField", NAMESPACES)])
    clusters = model.findall("Cluster", NAMESPACES)
    assert len(clusters) == int(model.attrib["numberOfClusters"])
    far = [float(np.square(z - _array(_one(cluster, "Array"))).sum()) for cluster in clusters]
    nearest = int(np.argmin(far))
    return clusters[nearest].attrib["id"], far[nearest]


def _fields(root: Tree.Element, model: Tree.Element, row: Mapping[str, Any]) -> Values:
    """What comes in, with what stands in for what is missing."""
    numbers = {
        field.attrib["name"]
        for field in root.findall("DataDictionary/DataField", NAMESPACES)
        if field.attrib["dataType"] == "double"
    }
    values: Values = {}
    for field in model.findall("MiningSchema/MiningField", NAMESPACES):
        name, value = field.attrib["name"], row.get(field.attrib["name"])
        if value is None and "missingValueReplacement" in field.attrib:
            value = float(field.attrib["missingValueReplacement"])
        values[name] = float(value) if name in numbers and value is not None else value
    return values


def _value(expression: Tree.Element, values: Values) -> Any:
    tag = expression.tag.rpartition("}")[2]
    if tag == "FieldRef":
        return values[expression.attrib["field"]]
    if tag == "Constant":
        text = expression.text or ""
        return float(text) if expression.attrib["dataType"] == "double" else text
    if tag == "NormContinuous":
        points = [(float(one.attrib["orig"]), float(one.attrib["norm"])) for one in expression]
        assert expression.attrib["outliers"] == "asExtremeValues"
        assert all(before[0] < after[0] for before, after in pairwise(points))
        origs, norms = ([point[side] for point in points] for side in (0, 1))
        return float(np.interp(float(values[expression.attrib["field"]]), origs, norms))
    assert tag == "Apply", tag
    if expression.attrib["function"] == "if":
        condition, then, otherwise = expression
        # What is not chosen is not computed: a power of what is below zero has no value.
        return _value(then if _value(condition, values) else otherwise, values)
    return FUNCTIONS[expression.attrib["function"]](*(_value(argument, values) for argument in expression))


def _one(parent: Tree.Element, tag: str) -> Tree.Element:
    found = parent.find(tag, NAMESPACES)
    assert found is not None, tag
    return found


def _array(array: Tree.Element) -> np.ndarray[Any, np.dtype[np.float64]]:
    numbers = [float(text) for text in (array.text or "").split()]
    assert len(numbers) == int(array.attrib["n"])
    return np.array(numbers)
