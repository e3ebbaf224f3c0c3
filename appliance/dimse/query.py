"""C-FIND of the Query/Retrieve service class, Study Root and Patient Root (PS3.4 C.4.1)."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pynetdicom import evt
from pynetdicom.events import Event

from appliance.archive.search import MATCHES, UNIQUE, Search
from appliance.dimse.identifier import PATIENT_ROOT, STUDY_ROOT, BadIdentifier, Identifier, read_identifier
from appliance.dimse.listener import FindHandler
from appliance.dimse.policy import Policy, provenance_of
from appliance.dimse.status import (
    CANCEL,
    IDENTIFIER_DOES_NOT_MATCH,
    NOT_AUTHORIZED,
    PENDING,
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
        """One pending status with an identifier for each match, then the final status."""
        began = time.monotonic()
        peer = provenance_of(event.assoc)
        count, status = 0, SUCCESS
        try:
            for status, ds in self._answers(event, accepted=self._policy.is_accepted(peer)):
                count += status == PENDING
                yield status, ds
        finally:  # pynetdicom does not come back after a failure
            shown = f"0x{SUCCESS if status == PENDING else status:04X}"
            duration_ms = round((time.monotonic() - began) * 1000)
            self._log.event("find", peer=peer.name, status=shown, count=count, duration_ms=duration_ms)

    def _answers(self, event: Event, *, accepted: bool) -> Iterator[tuple[int, Dataset | None]]:
        if not accepted:
            yield NOT_AUTHORIZED, None
            return
        try:
            identifier = read_identifier(event, FIND_MODELS[str(event.context.abstract_syntax)])
        except BadIdentifier:
            yield IDENTIFIER_DOES_NOT_MATCH, None
            return
        rows = self._search.find(identifier.level, identifier.keys, limit=MAX_ANSWERS + 1, offset=0)
        for row in _once(identifier, rows[:MAX_ANSWERS]):
            if event.is_cancelled:
                yield CANCEL, None
                return
            yield PENDING, self._response(identifier, row)
        if len(rows) > MAX_ANSWERS:
            yield TOO_MANY_ANSWERS, None

    def _response(self, identifier: Identifier, row: Mapping[str, Any]) -> Dataset:
        """Keys that were asked for and are known here, the unique ones, where to retrieve from (C.4.1.1.3.2)."""
        ds = Dataset()
        columns = _COLUMNS[identifier.level]
        for keyword in {*identifier.keys, *identifier.above, UNIQUE[identifier.level]}:
            if keyword in columns:
                _set(ds, keyword, row[columns[keyword]])
        texts = [str(row[columns[keyword]]) for keyword in identifier.keys if keyword in columns]
        if not all(text.isascii() for text in texts):
            ds.SpecificCharacterSet = "ISO_IR 192"
        ds.QueryRetrieveLevel = identifier.query_level
        ds.RetrieveAETitle = self._ae_title
        ds.InstanceAvailability = "ONLINE"
        return ds


def _once(identifier: Identifier, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of instances with the same UID and other bytes only the first, which is the one that is retrieved."""
    seen = set()
    for row in rows:
        uid = row["sop_instance_uid"] if identifier.level == "instance" else None
        if uid is None or uid not in seen:
            seen.add(uid)
            yield row


def _set(ds: Dataset, keyword: str, value: Any) -> None:
    """A value of the index as an element; what its VR does not allow is returned empty."""
    if keyword == "ModalitiesInStudy":
        value = MultiValue(str, [part for part in str(value or "").split(",") if part])
    elif isinstance(value, int) and dictionary_VR(keyword) == "IS":
        value = str(value)
    try:
        setattr(ds, keyword, value)
    except Exception:  # an IS that is no number and the like: units send them
        setattr(ds, keyword, None)
