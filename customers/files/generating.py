"""Customers that do not exist, for a site that has something to show: like those of the well-known mall data, by seed.

Five groups by income and spending, whose ages differ; about one row in a hundred has a fault that the importer must
find.
"""

from typing import BinaryIO

import numpy as np
import polars as pl

BAD_SHARE = 0.01
FIRST_NAMES = (
    *("Amara", "Anton", "Beatriz", "Bela", "Carlo", "Chiara", "Dalia", "Emil", "Esther", "Farid", "Freya", "Goran"),
    *("Hana", "Henrik", "Ines", "Ivo", "Jana", "Jonas", "Kaya", "Karim", "Lea", "Luca", "Maja", "Mateo"),
    *("Nadia", "Noor", "Olga", "Oskar", "Paula", "Pavel", "Quinn", "Rosa", "Ruben", "Samira", "Simon", "Tara"),
    *("Tomas", "Ulla", "Vera", "Viktor", "Wanda", "Xenia", "Yara", "Yusuf", "Zoe", "Zoran"),
)
LAST_NAMES = (
    *(
        "Abel",
        "Adler",
        "Almeida",
        "Baker",
        "Barros",
        "Bergman",
        "Castro",
        "Costa",
        "Dahl",
        "Demir",
        "Duarte",
        "Eriksen",
    ),
    *("Farkas", "Ferrari", "Fischer", "Garcia", "Haas", "Hansen", "Horvat", "Ibrahim", "Ivanov", "Jansen", "Kaplan"),
    *(
        "Keller",
        "Kowalski",
        "Laurent",
        "Lind",
        "Lopez",
        "Marino",
        "Meyer",
        "Moreau",
        "Nagy",
        "Novak",
        "Okafor",
        "Olsen",
    ),
    *("Park", "Petit", "Popescu", "Rossi", "Sato", "Schmidt", "Silva", "Sommer", "Tanaka", "Torres", "Urban", "Vogel"),
    *("Weber", "Wolf", "Yilmaz", "Zimmer"),
)
CITIES = (
    *(("Lisbon", "Portugal"), ("Porto", "Portugal"), ("Madrid", "Spain"), ("Seville", "Spain"), ("Lyon", "France")),
    *(("Paris", "France"), ("Nantes", "France"), ("Milan", "Italy"), ("Bologna", "Italy"), ("Vienna", "Austria")),
    *(("Munich", "Germany"), ("Berlin", "Germany"), ("Hamburg", "Germany"), ("Zürich", "Switzerland")),
    *(("Ghent", "Belgium"), ("Utrecht", "Netherlands"), ("Aarhus", "Denmark"), ("Malmö", "Sweden")),
    *(("Gdańsk", "Poland"), ("Brno", "Czechia")),
)
# Share of everybody, then mean and standard deviation of income (k$), spending score and age.
GROUPS = (
    (0.40, (55, 9), (50, 6), (43, 16)),
    (0.20, (87, 15), (82, 9), (33, 4)),
    (0.17, (88, 15), (17, 9), (41, 11)),
    (0.12, (26, 8), (21, 11), (45, 13)),
    (0.11, (26, 8), (79, 10), (25, 5)),
)
# Header → what stands there instead in a row with that fault.
FAULTS = (
    ("Age", "unknown age"),
    ("Age", "213"),
    ("Annual Income (k$)", "-4"),
    ("Annual Income (k$)", "forty"),
    ("Spending Score (1-100)", "170"),
    ("Email", "somebody at example.com"),
    ("Gender", "M/F"),
    ("Joined on", "2024-02-31"),
    ("Joined on", "2199-01-01"),
    ("CustomerID", ""),
)


def write_customers(count: int, seed: int, into: BinaryIO) -> None:
    """A CSV of `count` rows; the same seed gives the same bytes. A million take about two seconds."""
    random = np.random.default_rng(seed)
    frame = _customers(count, random)
    for header, value, rows in _faults(count, random):
        column = frame[header].cast(pl.String)
        frame = frame.with_columns(column.scatter(rows, value).alias(header))
    frame.write_csv(into)


def _customers(count: int, random: np.random.Generator) -> pl.DataFrame:
    group = random.choice(len(GROUPS), count, p=[share for share, *_ in GROUPS])
    first, last = (random.integers(0, len(names), count) for names in (FIRST_NAMES, LAST_NAMES))
    city = random.integers(0, len(CITIES), count)
    numbers = pl.int_range(1, count + 1, eager=True)
    frame = pl.DataFrame(
        {
            "CustomerID": numbers,
            "First name": pl.Series(FIRST_NAMES).gather(first),
            "Last name": pl.Series(LAST_NAMES).gather(last),
            "Gender": np.where(random.random(count) < 0.56, "Female", "Male"),
            "Age": _spread(group, 3, random, low=18, high=70),
            "Annual Income (k$)": _spread(group, 1, random, low=15, high=137),
            "Spending Score (1-100)": _spread(group, 2, random, low=1, high=99),
            "City": pl.Series([name for name, _ in CITIES]).gather(city),
            "Country": pl.Series([country for _, country in CITIES]).gather(city),
            "Joined on": np.datetime64("2024-12-31") - random.integers(0, 2000, count).astype("timedelta64[D]"),
            "Consent": random.choice(["yes", "no", ""], count, p=[0.62, 0.2, 0.18]),
        }
    )
    email = pl.format("{}.{}.{}@example.com", "First name", "Last name", "CustomerID").str.to_lowercase()
    return frame.insert_column(3, frame.select(email.alias("Email")).to_series())


def _spread(group: np.ndarray, place: int, random: np.random.Generator, *, low: int, high: int) -> np.ndarray:
    """Whole numbers around each one's group's middle, within the limits."""
    middles = np.array([figures[place] for figures in GROUPS], dtype=float)[group]
    drawn: np.ndarray[tuple[int], np.dtype[np.float64]] = random.normal(middles[:, 0], middles[:, 1])
    return np.clip(np.rint(drawn), low, high).astype(np.int64)


def _faults(count: int, random: np.random.Generator) -> list[tuple[str, str, np.ndarray]]:
    """Header, faulty text, and the rows that have it."""
    bad = random.choice(count, round(count * BAD_SHARE), replace=False)
    return [(header, value, bad[place :: len(FAULTS)]) for place, (header, value) in enumerate(FAULTS)]
