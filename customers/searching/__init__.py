"""Finding customers for people and programs, and what is known of each."""

from customers.files.schema import Column
from customers.searching.conditions import NO, YES, Filter, can_be_unknown, read_filters, written
from customers.searching.finding import MOST_COUNTED, PAGE_SIZE, Count, Found, Wanted, find, sortable
from customers.searching.known import (
    Fact,
    Purchases,
    category_label,
    changed,
    facts,
    get,
    in_words,
    keys_of,
    known,
    purchases_of,
    values,
)

__all__ = [
    "MOST_COUNTED",
    "NO",
    "PAGE_SIZE",
    "YES",
    "Column",
    "Count",
    "Fact",
    "Filter",
    "Found",
    "Purchases",
    "Wanted",
    "can_be_unknown",
    "category_label",
    "changed",
    "facts",
    "find",
    "get",
    "in_words",
    "keys_of",
    "known",
    "purchases_of",
    "read_filters",
    "sortable",
    "values",
    "written",
]
