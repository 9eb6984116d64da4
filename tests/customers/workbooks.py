"""Workbooks as programs write them, cell by cell."""

import io
import zipfile
from xml.sax.saxutils import escape

_XML = '<?xml version="1.0" encoding="UTF-8"?>'
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
DATE, MOMENT = 1, 2


def text(said: str) -> str:
    """A cell of text as a workbook's XML has it; `{at}` is where the cell is."""
    return f'<c r="{{at}}" t="inlineStr"><is><t xml:space="preserve">{escape(said)}</t></is></c>'


def number(said: object, style: int = 0) -> str:
    """A cell with a number, which is a date when its style says so."""
    return f'<c r="{{at}}" s="{style}"><v>{said}</v></c>'


def sheet(rows: dict[int, list[str]]) -> str:
    """Number → cells of each row, from column A on; "" is no cell at all."""
    return "".join(
        f'<row r="{line}">'
        + "".join(cell.replace("{at}", f"{chr(65 + n)}{line}") for n, cell in enumerate(row))
        + "</row>"
        for line, row in rows.items()
    )


def workbook(**sheets: str) -> bytes:
    """A workbook as programs write it, with these sheets: name → rows as XML."""
    file = io.BytesIO()
    names = list(enumerate(sheets, start=1))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        root = f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        archive.writestr("_rels/.rels", f"{_XML}<Relationships {_PACKAGE}>{root}</Relationships>")
        listed = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in names)
        archive.writestr(
            "xl/workbook.xml", f'{_XML}<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
        )
        related = "".join(
            f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n, _ in names
        )
        related += f'<Relationship Id="rId0" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        archive.writestr("xl/_rels/workbook.xml.rels", f"{_XML}<Relationships {_PACKAGE}>{related}</Relationships>")
        formats = '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs>'
        archive.writestr("xl/styles.xml", f"{_XML}<styleSheet {_MAIN}>{formats}</styleSheet>")
        for n, name in names:
            content = f"{_XML}<worksheet {_MAIN}><sheetData>{sheets[name]}</sheetData></worksheet>"
            archive.writestr(f"xl/worksheets/sheet{n}.xml", content)
    return file.getvalue()
