"""Samples that depend on who is in the data and on nothing else: not on row order, engine or number of threads."""

import numpy as np
import numpy.typing as npt


def hashed_order(ids: npt.NDArray[np.int64], salt: int) -> npt.NDArray[np.uint64]:
    """A well-mixed 64-bit number for each id (SplitMix64.

    Steele, Lea and Flood 2014), the same wherever it is computed.
    """
    with np.errstate(over="ignore"):
        mixed = ids.astype(np.uint64) + np.uint64(salt) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def hashed_sample(ids: npt.NDArray[np.int64], size: int, salt: int) -> npt.NDArray[np.int64]:
    """Positions of at most `size` rows in the order of their ids: those whose ids hash lowest."""
    lowest = np.arange(len(ids))
    if len(ids) > size:
        lowest = np.argpartition(hashed_order(ids, salt), size)[:size]
    return lowest[np.argsort(ids[lowest])]
