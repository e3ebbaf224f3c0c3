"""C-FIND of the Query/Retrieve service class, Study Root and Patient Root (PS3.4 C.4.1)."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.events import Event

from appliance.archive.search import MATCHES, UNIQUE, Search
from appliance.dimse.answers import Answers, Key
from appliance.dimse.identifier import PATIENT_ROOT, STUDY_ROOT, BadIdentifier, Identifier, read_identifier
from appliance.dimse.listener import FindHandler
from appliance.dimse.policy import Policy, provenance_of
from appliance.dimse.status import (
    CANCEL,
    IDENTIFIER_DOES_NOT_MATCH,
    NOT_AUTHORIZED,
    SUCCESS,
    TOO_MANY_ANSWERS,
)
from appliance.logs import Log

MAX_ANSWERS = 5000
FIND_MODELS = {
    "1.2.840.10008.5.1.4.1.2.1.1": PATIENT_ROOT,
    "1.2.840.10008.5.1.4.1.2.2.1": STUDY_ROOT,
}
# Beyond what can be matched: returned keyword -> column of the row
_ALSO = {
    "patient": {
        "NumberOfPatientRelatedStudies": "patient_study_count",
        "NumberOfPatientRelatedSeries": "patient_series_count",
        "NumberOfPatientRelatedInstances": "patient_instance_count",
    },
    "study": {
        "PatientAge": "patient_age",
        "PatientWeight": "patient_weight",
        "ResponsiblePersonRole": "responsible_person_role",
        "ModalitiesInStudy": "modalities",
        "NumberOfStudyRelatedSeries": "series_count",
        "NumberOfStudyRelatedInstances": "instance_count",
    },
    "series": {"NumberOfSeriesRelatedInstances": "series_instance_count"},
    "instance": {
        "Rows": "rows",
        "Columns": "columns",
        "NumberOfFrames": "number_of_frames",
        "BitsStored": "bits_stored",
        "PhotometricInterpretation": "photometric_interpretation",
        "ViewPosition": "view_position",
        "ImageLaterality": "image_laterality",
    },
}
_COLUMNS = {
    level: {keyword: column.rpartition(".")[2] for keyword, column in MATCHES[level].items()} | _ALSO[level]
    for level in MATCHES
}


class Query:
    """Answers queries of accepted peers."""

    def __init__(self, *, ae_title: str, policy: Policy, search: Search, log: Log) -> None:
        self._ae_title = ae_title
        self._policy = policy
        self._search = search
        self._log = log

    @property
    def abstract_syntaxes(self) -> frozenset[str]:
        """The two information models."""
        return frozenset(FIND_MODELS)

    def handlers(self) -> list[evt.EventHandlerType]:
        """Nothing beside C-FIND."""
        return []

    def find_handlers(self) -> Mapping[str, FindHandler]:
        """Both models are answered alike."""
        return dict.fromkeys(FIND_MODELS, self.answer)

    def answer(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        """Pending answers go out by themselves; what is left to pynetdicom is the final status."""
        began = time.monotonic()
        peer = provenance_of(event.assoc)
        outcome = self._outcome(event) if self._policy.is_accepted(peer) else _Outcome(NOT_AUTHORIZED)
        duration_ms = round((time.monotonic() - began) * 1000)
        shown = f"0x{outcome.status:04X}"
        self._log.event("find", peer=peer.name, status=shown, count=outcome.count, duration_ms=duration_ms)
        try:
            yield outcome.status, None
        finally:  # the peer has its answer and does not wait for the disk
            failed = outcome.status not in (SUCCESS, CANCEL)
            self._policy.record("queried", peer, failed=failed, subject=f"C-FIND: {outcome.count} found", reason=shown)

    def _outcome(self, event: Event) -> "_Outcome":
        """Send the matches; the final status and how many there were."""
        try:
            identifier = read_identifier(event, FIND_MODELS[str(event.context.abstract_syntax)])
        except BadIdentifier:
            return _Outcome(IDENTIFIER_DOES_NOT_MATCH)
        rows = self._search.find(identifier.level, identifier.keys, limit=MAX_ANSWERS + 1, offset=0)
        answers, count = Answers(event, self._return_keys(identifier)), 0
        for row in _once(identifier, rows[:MAX_ANSWERS]):
            if event.is_cancelled:
                return _Outcome(CANCEL, count)
            answers.add(row)
            count += 1
        answers.flush()
        return _Outcome(TOO_MANY_ANSWERS if len(rows) > MAX_ANSWERS else SUCCESS, count)

    def _return_keys(self, identifier: Identifier) -> list[Key]:
        """Keys that were asked for and are known here, the unique ones, where to retrieve from (C.4.1.1.3.2)."""
        columns = _COLUMNS[identifier.level]
        asked = {*identifier.keys, *identifier.above, UNIQUE[identifier.level]}
        return [
            *(Key.of(keyword, column=columns[keyword]) for keyword in asked if keyword in columns),
            Key.of("QueryRetrieveLevel", constant=identifier.query_level),
            Key.of("RetrieveAETitle", constant=self._ae_title),
            Key.of("InstanceAvailability", constant="ONLINE"),
        ]


@dataclass(frozen=True)
class _Outcome:
    status: int
    count: int = 0


def _once(identifier: Identifier, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of instances with the same UID and other bytes only the first, which is the one that is retrieved."""
    seen = set()
    for row in rows:
        uid = row["sop_instance_uid"] if identifier.level == "instance" else None
        if uid is None or uid not in seen:
            seen.add(uid)
            yield row
