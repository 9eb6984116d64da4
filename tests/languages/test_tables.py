"""Rows of tables that filters write, in place of loops in templates."""

from django.template import Context, Template
from django.utils.html import escape
from django.utils.translation import override

HOSTILE = '"><script>alert(1)</script>'


def test_whatever_stands_in_a_table_is_text() -> None:
    shown = {"rows": [(HOSTILE, HOSTILE)], "figures": [(HOSTILE, HOSTILE)]}
    page = Template("{{ rows|table_rows }}{{ figures|labelled_cells }}").render(Context(shown))
    assert "<script" not in page
    assert page.count(escape(HOSTILE)) == 5


def test_numbers_are_spelled_for_the_reader_and_kept_for_files() -> None:
    with override("de"):
        page = Template("{{ rows|table_rows }}").render(Context({"rows": [("Ältere", "1,234.5", "–")]}))
    assert page == (
        '<tr><th scope="row">Ältere</th><td class="number" data-value="1,234.5">1.234,5</td>'
        '<td class="number" data-value="–">–</td></tr>'
    )
