"""The addresses of QIDO-RS (PS3.18 10.6), and what the index does not hold added from the files."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from appliance.archive.catalogue import Catalogue
from appliance.archive.search import Search
from appliance.dicom.matching import matches
from appliance.dicomweb import qido
from appliance.dicomweb.answers import DICOM_JSON, base_url, json_answer
from appliance.dicomweb.metadata import as_json, header_of, pick

_PAGE = 200
_MAX_SCANNED = 5000
"""Rows whose files one query looks into."""


@dataclass(frozen=True)
class Answers:
    """Answers queries over one archive."""

    search: Search
    catalogue: Catalogue

    def answer(self, query: qido.Query) -> Response:
        """200 with the rows, 204 without any (PS3.18 10.6.3.1); says how many there are beyond the limit."""
        rows, total = self._in_files(query) if query.in_file else self._in_index(query)
        base = base_url()
        documents = [self._document(query, row, base) for row in rows]
        answer = json_answer(documents, media_type=DICOM_JSON) if documents else Response(status=204)
        answer.headers["X-Total-Count"] = str(total)
        left = total - query.offset - len(rows)
        if left > 0 and query.limit:  # PS3.18 8.3.4.4
            answer.headers["Warning"] = f'299 bucky "There are {left} additional results that can be requested"'
        return answer

    def _in_index(self, query: qido.Query) -> tuple[list[dict[str, Any]], int]:
        fuzzy = query.fuzzy
        rows = self.search.find(query.level, query.match, limit=query.limit, offset=query.offset, fuzzy=fuzzy)
        whole = not query.offset and len(rows) < query.limit
        return rows, len(rows) if whole else self.search.count(query.level, query.match, fuzzy=fuzzy)

    def _in_files(self, query: qido.Query) -> tuple[list[dict[str, Any]], int]:
        found = [row for row in self._scanned(query) if matches(query.in_file_keys(), self._header(query.level, row))]
        return found[query.offset : query.offset + query.limit], len(found)

    def _scanned(self, query: qido.Query) -> Iterator[dict[str, Any]]:
        for offset in range(0, _MAX_SCANNED, _PAGE):
            rows = self.search.find(query.level, query.match, limit=_PAGE, offset=offset, fuzzy=query.fuzzy)
            yield from rows
            if len(rows) < _PAGE:
                return

    def _header(self, level: str, row: dict[str, Any]) -> Any:
        return header_of(self.catalogue.file_of(level, row["id"]))

    def _document(self, query: qido.Query, row: dict[str, Any], base: str) -> dict[str, Any]:
        """The row, and around it what only the file knows; a file that cannot be read adds nothing."""
        shown = qido.as_json(query.level, row, base)
        if not (query.from_file or query.include_all):
            return shown
        try:
            header = as_json(self._header(query.level, row), f"{base}/bulkdata", [])
        except Exception:  # hostile bytes raise anything, and the row is true without them
            return shown
        paths = [*query.from_file, *(qido.all_of(query.level, header) if query.include_all else [])]
        return dict(sorted({**pick(header, paths), **shown}.items()))


def add(blueprint: Blueprint, search: Search, catalogue: Catalogue) -> None:
    """Queries at every level, below a study, and below a series."""
    answers = Answers(search, catalogue)

    def answer(level: str, **fixed: str) -> Response:
        return answers.answer(qido.parse(level, request.args.to_dict(flat=False), **fixed))

    @blueprint.get("/studies")
    def studies() -> Response:
        return answer("study")

    @blueprint.get("/series")
    def all_series() -> Response:
        return answer("series")

    @blueprint.get("/instances")
    def all_instances() -> Response:
        return answer("instance")

    @blueprint.get("/studies/<study>/series")
    def series_of(study: str) -> Response:
        return answer("series", StudyInstanceUID=study)

    @blueprint.get("/studies/<study>/instances")
    def instances_of_study(study: str) -> Response:
        return answer("instance", StudyInstanceUID=study)

    @blueprint.get("/studies/<study>/series/<series>/instances")
    def instances_of_series(study: str, series: str) -> Response:
        return answer("instance", StudyInstanceUID=study, SeriesInstanceUID=series)
