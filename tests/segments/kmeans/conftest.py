"""The real mall data and its known results, as columns."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segments.kmeans.preparing import prepare
from segments.kmeans.shapes import Definition, FloatVector, Prepared
from tests.conftest import real_file

HEADERS = {"age": "Age", "annual_income": "Annual Income (k$)", "spending_score": "Spending Score (1-100)"}
INCOME_AND_SPENDING = ("annual_income", "spending_score")


@pytest.fixture
def mall(mall_file: Path) -> dict[str, FloatVector]:
    """The 200 customers by column; `gender` is 1 for a woman."""
    with mall_file.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = {key: np.array([float(row[header]) for row in rows]) for key, header in HEADERS.items()}
    columns["gender"] = np.array([float(row["Gender"] == "Female") for row in rows])
    columns["id"] = np.array([int(row["CustomerID"]) for row in rows])
    return columns


@pytest.fixture
def acceptance() -> dict[str, Any]:
    """What the mall data must give."""
    known: dict[str, Any] = json.loads(real_file("acceptance.json").read_text(encoding="utf-8"))
    return known


@pytest.fixture
def prepared_mall(mall: dict[str, FloatVector]) -> Callable[..., Prepared]:
    """`prepared_mall(features, scaling)` is the mall data as a definition of these prepares it."""

    def prepare_mall(features: tuple[str, ...] = INCOME_AND_SPENDING, scaling: str = "none", **more: Any) -> Prepared:
        definition = Definition.from_json({"features": list(features), "scaling": scaling, **more})
        return prepare(mall["id"].astype(np.int64), np.column_stack([mall[name] for name in features]), definition)

    return prepare_mall
