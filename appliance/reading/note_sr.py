"""Notes as Basic Text SR in the study (PS3.3 A.35.1): every archive keeps them, every viewer shows them, and they
travel, with their digest, the way of the pictures."""

from collections.abc import Sequence

from highdicom.sr import (
    CodeContentItem,
    ContainerContentItem,
    PnameContentItem,
    RelationshipTypeValues,
    TextContentItem,
    UIDRefContentItem,
)
from highdicom.sr.coding import CodedConcept
from highdicom.sr.sop import EnhancedSR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import BasicTextSRStorage, generate_uid
from pydicom.valuerep import DA, TM

from appliance import __version__
from appliance.clock import now
from appliance.reading.evidence import complete
from appliance.reading.note import NOTE_KINDS, TITLES, Note
from appliance.reading.report import person_name, same_study
from appliance.reading.workitem import OUR_CODES

_CONTAINS = RelationshipTypeValues.CONTAINS


def note_sr(note: Note, evidence: Sequence[Dataset]) -> Dataset:
    """The note in the study of `evidence` (image headers)."""
    headers = [complete(header) for header in evidence]
    sr = EnhancedSR(
        evidence=headers,
        content=_root(note),
        series_instance_uid=generate_uid(),
        series_number=9010 + NOTE_KINDS.index(note.kind),
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Bucky",
        is_complete=True,
        is_final=True,
        institution_name=note.organisation[:64] or None,
    )
    sr.SOPClassUID = BasicTextSRStorage  # its content is within the lesser class, which more viewers know
    sr.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    for element in same_study(headers[0]):
        sr[element.tag] = element
    moment = (note.written_at or now()).astimezone()
    sr.ContentDate, sr.ContentTime = DA(moment.date()), TM(moment.time().replace(microsecond=0))
    sr.TimezoneOffsetFromUTC = moment.strftime("%z")
    sr.SeriesDescription = TITLES[note.kind]
    sr.ManufacturerModelName, sr.SoftwareVersions = "Bucky", __version__
    return sr


def _dcm(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, "DCM", meaning)


def _root(note: Note) -> ContainerContentItem:
    root = ContainerContentItem(name=CodedConcept(note.kind, OUR_CODES, TITLES[note.kind]))
    context = RelationshipTypeValues.HAS_OBS_CONTEXT
    items: list[Dataset] = [
        CodeContentItem(_dcm("121005", "Observer Type"), _dcm("121006", "Person"), context),
        PnameContentItem(_dcm("121008", "Person Observer Name"), person_name(note.author), context),
    ]
    items += [
        TextContentItem(CodedConcept(f"text-{number}", OUR_CODES, label), value, _CONTAINS)
        for number, (label, value) in enumerate(note.paragraphs, 1)
        if value
    ]
    if note.refers_to:
        items.append(UIDRefContentItem(CodedConcept("refers-to", OUR_CODES, "About"), note.refers_to, _CONTAINS))
    root.ContentSequence = DicomSequence(items)
    return root
