"""Modality worklist service class (PS3.4 annex K) as SCP."""

from collections.abc import Callable, Iterator

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.events import Event
from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]  # pynetdicom makes the name when it is imported

from appliance.dicom.matching import answer, character_set_for, matches, texts
from appliance.dimse.policy import Policy
from appliance.dimse.status import CANCEL, IDENTIFIER_UNREADABLE, NOT_AUTHORIZED, OUT_OF_RESOURCES, PENDING
from appliance.errors import BuckyError
from appliance.exams.worklist import Worklist
from appliance.logs import Log

MAXIMUM_ANSWERS = 500
# A unit's screen has one field for a name: it finds the animal and its owner.
_ALIASES = {"PatientName": ("PatientName", "ResponsiblePerson")}
Find = Callable[[Event], Iterator[tuple[int, Dataset | None]]]


class WorklistService:
    """Answers C-FIND with the exams that are still to be made."""

    abstract_syntaxes = frozenset({str(ModalityWorklistInformationFind)})

    def __init__(self, *, worklist: Worklist, policy: Policy, log: Log) -> None:
        self._worklist = worklist
        self._policy = policy
        self._log = log

    def handlers(self) -> list[evt.EventHandlerType]:
        """Nothing beside C-FIND."""
        return []

    def find_handlers(self) -> dict[str, Find]:
        """C-FIND by SOP class."""
        return dict.fromkeys(self.abstract_syntaxes, self.find)

    def find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        """One pending answer for each exam that matches."""
        peer = str(event.assoc.requestor.ae_title).strip()
        try:
            self._policy.check_accepted(event.assoc)
        except BuckyError as error:
            self._log.event("worklist-refused", code=error.code, peer=peer)
            yield NOT_AUTHORIZED, None
            return
        try:
            query = event.identifier
            asked = _first(query, "SpecificCharacterSet")
            step = (query.get("ScheduledProcedureStepSequence") or [Dataset()])[0]
            items = self._worklist.items(
                station=_plain(step, "ScheduledStationAETitle") or peer, modality=_plain(step, "Modality")
            )
            found = [answer(query, item) for item in items if matches(query, item, _ALIASES)]
        except Exception as error:  # an edge: hostile identifiers raise anything
            self._log.event("worklist-failed", code=type(error).__name__, peer=peer)
            yield IDENTIFIER_UNREADABLE, None
            return
        for result in found[:MAXIMUM_ANSWERS]:
            if event.is_cancelled:
                yield CANCEL, None
                return
            _put_character_set(result, asked)
            yield PENDING, result
        self._log.event("worklist", peer=peer, count=min(len(found), MAXIMUM_ANSWERS))
        if len(found) > MAXIMUM_ANSWERS:
            yield OUT_OF_RESOURCES, None


def _first(ds: Dataset, keyword: str) -> str:
    return next(iter(texts(ds.get(keyword))), "")


def _plain(ds: Dataset, keyword: str) -> str:
    """The value of a key, '' if it is empty or a wildcard."""
    value = _first(ds, keyword)
    return "" if "*" in value or "?" in value else value


def _put_character_set(ds: Dataset, asked: str) -> None:
    name = character_set_for(ds, asked)
    if name:
        ds.SpecificCharacterSet = name
