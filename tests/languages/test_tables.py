"""Rows of tables that filters write, in place of loops in templates."""

import json

from django.template import Context, Template
from django.utils.html import escape
from django.utils.translation import override

from segments.browsing.runs import Cell
from segments.browsing.segments import Member
from segments.kmeans.explaining import FitWord

HOSTILE = '"><script>alert(1)</script>'


def test_whatever_stands_in_a_table_is_text() -> None:
    member = Member(1, HOSTILE, HOSTILE, [(HOSTILE, HOSTILE)], FitWord.TYPICAL)
    cell = Cell(HOSTILE, HOSTILE, HOSTILE, "near", 0)
    shown = {"rows": [(HOSTILE, HOSTILE)], "members": [member], "cells": [cell]}
    page = Template("{% load cells %}{{ rows|table_rows }}{{ members|member_rows }}{{ cells|heat_cells }}").render(
        Context(shown)
    )
    assert "<script" not in page
    assert page.count(escape(HOSTILE)) == 11


def test_nothing_in_a_charts_data_ends_its_element() -> None:
    page = Template("{{ config|chart_data:'one' }}").render(Context({"config": {"label": f"{HOSTILE} & </script>"}}))
    assert page.count("<") == page.count(">") == 2
    told = page.removeprefix('<script id="one" type="application/json">').removesuffix("</script>")
    assert json.loads(told) == {"label": f"{HOSTILE} & </script>"}


def test_numbers_are_spelled_for_the_reader_and_kept_for_files() -> None:
    with override("de"):
        page = Template("{{ rows|table_rows }}").render(Context({"rows": [("Ältere", "1,234.5", "–")]}))
    assert page == (
        '<tr><th scope="row">Ältere</th><td class="number" data-value="1,234.5">1.234,5</td>'
        '<td class="number" data-value="–">–</td></tr>'
    )
