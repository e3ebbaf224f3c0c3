"""The report as a structured report by TID 2000, Basic Diagnostic Imaging Report (PS3.16)."""

from collections.abc import Sequence

from highdicom.sr import (
    CodeContentItem,
    ContainerContentItem,
    PnameContentItem,
    RelationshipTypeValues,
    TextContentItem,
)
from highdicom.sr.coding import CodedConcept
from highdicom.sr.sop import EnhancedSR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import generate_uid

from appliance import __version__
from appliance.reading.evidence import complete
from appliance.reading.report import ADDENDUM, LANGUAGES, TITLE, Predecessor, Report, same_study
from appliance.reading.report_words import word

# Section, then the item in it (PS3.16 CID 7001 and CID 7002)
_CONCEPTS = {
    "Findings": (("121070", "Findings"), ("121071", "Finding")),
    "Impression": (("121072", "Impressions"), ("121073", "Impression")),
    "Recommendation": (("121074", "Recommendations"), ("121075", "Recommendation")),
}
ADDENDUM_CODE = "55107-7"  # LOINC, Addendum Document
CRITICAL = ("RID49480", "RADLEX", "ACR Category 1 Actionable Finding")  # PS3.16 CID 7035: call within minutes


def _dcm(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, "DCM", meaning)


def report_sr(report: Report, evidence: Sequence[Dataset]) -> Dataset:
    """The signed report as a verified, complete Enhanced SR in the study of `evidence` (image headers)."""
    first = complete(evidence[0])
    sr = EnhancedSR(
        evidence=[complete(header) for header in evidence],
        content=_root(report),
        series_instance_uid=generate_uid(),
        series_number=9001,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Bucky",
        is_complete=True,
        is_final=report.status != "preliminary",
        is_verified=True,
        institution_name=report.organisation or None,
        verifying_observer_name=report.author_name,
        verifying_organization=report.organisation or "Unknown",
    )
    for element in same_study(first):
        sr[element.tag] = element
    if report.predecessor:
        sr.PredecessorDocumentsSequence = [_predecessor(report.predecessor)]
    sr.SeriesDescription = f"Report ({report.status})"
    sr.ManufacturerModelName = "Bucky reader"
    sr.SoftwareVersions = __version__
    return sr


def _root(report: Report) -> ContainerContentItem:
    root = ContainerContentItem(name=CodedConcept("18748-4", "LN", word(TITLE, report.language)), template_id="2000")
    items = [
        _language(report.language),
        CodeContentItem(
            name=_dcm("121005", "Observer Type"),
            value=_dcm("121006", "Person"),
            relationship_type=RelationshipTypeValues.HAS_OBS_CONTEXT,
        ),
        PnameContentItem(
            name=_dcm("121008", "Person Observer Name"),
            value=report.author_name,
            relationship_type=RelationshipTypeValues.HAS_OBS_CONTEXT,
        ),
    ]
    items.extend(_section(heading, body, report.language) for heading, body in report.sections())
    if report.critical:
        items.append(_critical())
    root.ContentSequence = DicomSequence(items)
    return root


def _language(tag: str) -> CodeContentItem:
    """TID 1204 Language of Content Item and Descendants; the country is optional there."""
    return CodeContentItem(
        name=_dcm("121049", "Language of Content Item and Descendants"),
        value=CodedConcept(tag, "RFC5646", LANGUAGES[tag]),
        relationship_type=RelationshipTypeValues.HAS_CONCEPT_MOD,
    )


def _section(heading: str, body: str, language: str) -> ContainerContentItem:
    """The codes are the standard's; what they are called is for people and in the language of the report."""
    shown = word(heading, language)
    if heading == ADDENDUM:
        name = item_name = CodedConcept(ADDENDUM_CODE, "LN", shown)
    else:
        concepts = _CONCEPTS[heading]
        translated = shown != heading
        name, item_name = (_dcm(value, shown if translated else meaning) for value, meaning in concepts)
    section = ContainerContentItem(name=name, relationship_type=RelationshipTypeValues.CONTAINS)
    section.ContentSequence = DicomSequence(
        [TextContentItem(name=item_name, value=body, relationship_type=RelationshipTypeValues.CONTAINS)]
    )
    return section


def _critical() -> ContainerContentItem:
    """The flag that the clinic must acknowledge, as a coded finding that other systems know too."""
    section = ContainerContentItem(
        name=_dcm(*_CONCEPTS["Findings"][0]), relationship_type=RelationshipTypeValues.CONTAINS
    )
    finding = CodeContentItem(
        name=_dcm(*_CONCEPTS["Findings"][1]),
        value=CodedConcept(*CRITICAL),
        relationship_type=RelationshipTypeValues.CONTAINS,
    )
    section.ContentSequence = DicomSequence([finding])
    return section


def _predecessor(report: Predecessor) -> Dataset:
    """PS3.3 10.3, SOP Instance Reference Macro by study and series."""
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID = report.sop_class_uid
    instance.ReferencedSOPInstanceUID = report.sop_instance_uid
    series.SeriesInstanceUID = report.series_instance_uid
    series.ReferencedSOPSequence = DicomSequence([instance])
    study.StudyInstanceUID = report.study_instance_uid
    study.ReferencedSeriesSequence = DicomSequence([series])
    return study
