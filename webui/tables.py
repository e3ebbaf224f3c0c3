"""CSV files as the reader's spreadsheet opens them."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

from flask import Response

from webui.languages import language, tr

Cell = str | int | float | Decimal | None
_MARK = "\ufeff"
"""Tells a spreadsheet that the file is UTF-8."""


def table(name: str, headings: Iterable[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """A file to keep; headings and decimal separator are the language's.

    English files are plain for programs: commas, decimal points. Where a comma stands in figures, a semicolon
    separates, and the file begins with the mark of UTF-8; a spreadsheet expects both.
    """
    is_plain = language() == "en"
    text = io.StringIO()
    writer = csv.writer(text, delimiter="," if is_plain else ";")
    writer.writerow([tr(heading) for heading in headings])
    writer.writerows([_shown(cell, is_plain) for cell in row] for row in rows)
    answer = Response(("" if is_plain else _MARK) + text.getvalue(), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _shown(cell: Cell, is_plain: bool) -> str:
    if isinstance(cell, float | Decimal) and not is_plain:
        return str(cell).replace(".", ",")
    text = "" if cell is None else str(cell)
    is_formula = isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@")
    return f"'{text}" if is_formula else text
