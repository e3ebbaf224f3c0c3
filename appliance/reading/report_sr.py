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
from appliance.reading.report import TITLE, Report, same_study

# Section, then the item in it (PS3.16 CID 7001 and CID 7002)
_CONCEPTS = {
    "Findings": (("121070", "Findings"), ("121071", "Finding")),
    "Impression": (("121072", "Impressions"), ("121073", "Impression")),
    "Recommendation": (("121074", "Recommendations"), ("121075", "Recommendation")),
}


def _dcm(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, "DCM", meaning)


def report_sr(report: Report, evidence: Sequence[Dataset]) -> Dataset:
    """The signed report as a verified, complete Enhanced SR in the study of `evidence` (image headers)."""
    first = _complete(evidence[0])
    sr = EnhancedSR(
        evidence=[_complete(header) for header in evidence],
        content=_root(report),
        series_instance_uid=generate_uid(),
        series_number=9001,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Bucky",
        is_complete=True,
        is_final=True,
        is_verified=True,
        institution_name=report.organisation or None,
        verifying_observer_name=report.author_name,
        verifying_organization=report.organisation or "Unknown",
    )
    for element in same_study(first):
        sr[element.tag] = element
    sr.SeriesDescription = "Report"
    sr.ManufacturerModelName = "Bucky reader"
    sr.SoftwareVersions = __version__
    return sr


def _complete(header: Dataset) -> Dataset:
    """An image header with everything that a reference to it needs; the rest may be missing in poor headers."""
    ds = same_study(header)
    ds.SOPClassUID = header.get("SOPClassUID") or header.file_meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = header.get("SOPInstanceUID") or header.file_meta.MediaStorageSOPInstanceUID
    ds.SeriesInstanceUID = header.get("SeriesInstanceUID") or generate_uid()
    return ds


def _root(report: Report) -> ContainerContentItem:
    root = ContainerContentItem(name=CodedConcept("18748-4", "LN", TITLE), template_id="2000")
    items = [
        _language(),
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
    items.extend(_section(heading, body) for heading, body in report.sections())
    root.ContentSequence = DicomSequence(items)
    return root


def _language() -> CodeContentItem:
    """TID 1204 Language of Content Item and Descendants."""
    language = CodeContentItem(
        name=_dcm("121049", "Language of Content Item and Descendants"),
        value=CodedConcept("en", "RFC5646", "English"),
        relationship_type=RelationshipTypeValues.HAS_CONCEPT_MOD,
    )
    country = CodeContentItem(
        name=_dcm("121046", "Country of Language"),
        value=CodedConcept("US", "ISO3166_1", "United States"),
        relationship_type=RelationshipTypeValues.HAS_CONCEPT_MOD,
    )
    language.ContentSequence = DicomSequence([country])
    return language


def _section(heading: str, body: str) -> ContainerContentItem:
    section_concept, item_concept = _CONCEPTS[heading]
    section = ContainerContentItem(name=_dcm(*section_concept), relationship_type=RelationshipTypeValues.CONTAINS)
    section.ContentSequence = DicomSequence(
        [TextContentItem(name=_dcm(*item_concept), value=body, relationship_type=RelationshipTypeValues.CONTAINS)]
    )
    return section
