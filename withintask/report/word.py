"""Tables as Word documents: the few parts of the format that a table and its notes need."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from withintask.panel.errors import printable

_WHEN = (1980, 1, 1, 0, 0, 0)
"""Of every part, so that equal tables are equal files."""
_MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = (
    f'<?xml version="1.0" encoding="UTF-8"?><Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    f'<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>'
)
_RULE = '<w:{side} w:val="single" w:sz="{size}" w:space="0" w:color="auto"/>'
_NARROW, _BODY = 16, 18
"""Half points of type: notes and cells."""


@dataclass(frozen=True, kw_only=True)
class WordRow:
    """A row of a table of Word."""

    cells: tuple[str, ...]
    """Text; one cell alone spans the table."""
    is_head: bool = False
    """Whether it is repeated on each page and ruled below."""


def write_word(rows: Sequence[WordRow], notes: Sequence[str], path: Path) -> None:
    """Write a table with notes below as a Word document.

    Parameters
    ----------
    rows
        The longest sets the number of columns.
    notes
        A paragraph each.
    path
        The file.
    """
    n_columns = max(len(row.cells) for row in rows)
    body = "".join(_row(row, n_columns) for row in rows)
    rules = "".join(_RULE.format(side=side, size=8) for side in ("top", "bottom"))
    grid = "<w:gridCol/>" * n_columns
    table = (
        f'<w:tbl><w:tblPr><w:tblW w:w="5000" w:type="pct"/><w:tblBorders>{rules}</w:tblBorders></w:tblPr>'
        f"<w:tblGrid>{grid}</w:tblGrid>{body}</w:tbl>"
    )
    after = "".join(_paragraph(note, size=_NARROW) for note in notes)
    page = '<w:sectPr><w:pgSz w:w="16838" w:h="11906" w:orient="landscape"/></w:sectPr>'
    document = (
        f'<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="{_MAIN}"><w:body>{table}{after}{page}'
        "</w:body></w:document>"
    )
    parts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELATIONS,
        "word/document.xml": document,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name, _WHEN), text)


def _row(row: WordRow, n_columns: int) -> str:
    head = "<w:trPr><w:tblHeader/></w:trPr>" if row.is_head else ""
    if len(row.cells) == 1 < n_columns:
        span = f'<w:gridSpan w:val="{n_columns}"/>'
        return f"<w:tr>{head}{_cell(row.cells[0], properties=span, look='<w:i/>')}</w:tr>"
    rule = (
        f"<w:tcBorders>{_RULE.format(side='bottom', size=4)}</w:tcBorders>" if row.is_head else ""
    )
    cells = [
        _cell(text, properties=rule, align="" if place == 0 else "right")
        for place, text in enumerate(row.cells)
    ]
    return f"<w:tr>{head}{''.join(cells)}</w:tr>"


def _cell(text: str, *, properties: str = "", look: str = "", align: str = "") -> str:
    inner = _paragraph(text, size=_BODY, look=look, align=align)
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{inner}</w:tc>"


def _paragraph(text: str, *, size: int, look: str = "", align: str = "") -> str:
    aligned = f'<w:jc w:val="{align}"/>' if align else ""
    run = f'<w:rPr>{look}<w:sz w:val="{size}"/></w:rPr>'
    plain = escape(printable(text))
    return (
        f'<w:p><w:pPr><w:spacing w:after="0"/>{aligned}</w:pPr><w:r>{run}'
        f'<w:t xml:space="preserve">{plain}</w:t></w:r></w:p>'
    )
