"""Drawings as a structured report of measurements (PS3.16 TID 1500), which other workstations read."""

from collections.abc import Mapping, Sequence

import numpy as np
from highdicom.sr import (
    CoordinatesForMeasurement,
    GraphicTypeValues,
    ImageContentItem,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    RelationshipTypeValues,
    ScoordContentItem,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from highdicom.sr.coding import CodedConcept
from highdicom.sr.sop import ComprehensiveSR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import generate_uid

from appliance import __version__
from appliance.reading.concepts import CORNERSTONE, CORNERSTONE_TOOLS, concept, own, unit_code
from appliance.reading.marks import Drawing, Value
from appliance.reading.report import same_study

SERIES_NUMBER = 9002
TITLE = "Measurements"
COMMENT = CodedConcept("121106", "DCM", "Comment")
IMAGE_REGION = CodedConcept("111030", "DCM", "Image Region")
_ONE_POINT = ("probe", "text")
_LOOSE_POINTS = (
    *("vhs", "vlas", "norberg", "tpa", "ctr", "cervical-tangent", "lumbar-tangent", "george", "atlas-plane"),
    *("pelvic-level", "leg-length"),
)


def measurements_sr(
    drawings: Sequence[Drawing],
    images: Mapping[int, Dataset],
    *,
    author: str,
    instance_number: int,
    series_instance_uid: str,
    previous: Dataset | None,
) -> Dataset:
    """The report of all drawings; `images` are complete headers by picture, `previous` the report it replaces."""
    evidence = list(images.values())
    sr = ComprehensiveSR(
        evidence=evidence,
        content=_content(drawings, images, author),
        series_instance_uid=series_instance_uid,
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(),
        instance_number=instance_number,
        manufacturer="Bucky",
        is_complete=True,
        is_final=True,
        previous_versions=[previous] if previous is not None else None,
    )
    for element in same_study(evidence[0]):
        sr[element.tag] = element
    sr.SeriesDescription = TITLE
    sr.ManufacturerModelName = "Bucky light table"
    sr.SoftwareVersions = __version__
    return sr


def person_name(author: str) -> str:
    """A log-in name as a DICOM person name: all of it in the family name."""
    return f"{author.replace('^', ' ').replace('=', ' ').strip() or 'Unknown'}^"


def _content(drawings: Sequence[Drawing], images: Mapping[int, Dataset], author: str) -> Dataset:
    observer = ObserverContext(
        observer_type=CodedConcept("121006", "DCM", "Person"),
        observer_identifying_attributes=PersonObserverIdentifyingAttributes(name=person_name(author)),
    )
    report = MeasurementReport(
        observation_context=ObservationContext(observer_person_context=observer),
        procedure_reported=CodedConcept("363679005", "SCT", "Imaging procedure"),
        imaging_measurements=[_group(drawing, images[drawing.picture]) for drawing in drawings] or [_nothing(images)],
        title=CodedConcept("126000", "DCM", "Imaging Measurement Report"),
    )
    root: Dataset = report[0]
    return root


def _group(drawing: Drawing, image: Dataset) -> MeasurementsAndQualitativeEvaluations:
    tool = CORNERSTONE_TOOLS.get(drawing.kind)
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=drawing.uid, identifier=f"{CORNERSTONE}{tool}" if tool else f"Bucky:{drawing.kind}"
        ),
        finding_type=CodedConcept(*own(drawing.kind, drawing.kind.replace("-", " ").capitalize())),
        method=CodedConcept(*own(drawing.basis.kind, drawing.basis.words)) if drawing.basis.words else None,
        measurements=[_measurement(value, drawing, image) for value in _values(drawing)],
        source_images=[SourceImageForMeasurementGroup(*_reference(drawing, image))],
    )
    items = group[0].ContentSequence
    if not _values(drawing):
        items.append(_region(drawing, image))
    notes = [f"{value.key}: {value.note}" for value in drawing.values if value.note]
    for words in filter(None, [drawing.text, *notes]):
        items.append(TextContentItem(COMMENT, words, RelationshipTypeValues.CONTAINS))
    return group


def _nothing(images: Mapping[int, Dataset]) -> MeasurementsAndQualitativeEvaluations:
    """All drawings were deleted: the template wants a group, and this one says so."""
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=generate_uid(), identifier="Bucky:none"),
        finding_type=CodedConcept(*own("none", "No measurements")),
        source_images=[
            SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID) for image in images.values()
        ],
    )


def _values(drawing: Drawing) -> Sequence[Value]:
    """A scale's known length counts as its value."""
    if drawing.kind == "calibration":
        return [Value("length", "Length", float(drawing.text), "mm")]
    return drawing.values


def _measurement(value: Value, drawing: Drawing, image: Dataset) -> Measurement:
    graphic_type, data = graphic(drawing)
    source = SourceImageForRegion(*_reference(drawing, image))
    return Measurement(
        name=CodedConcept(*concept(value.key, value.name)),
        value=value.value,
        unit=CodedConcept(*unit_code(value.unit)),
        referenced_coordinates=[CoordinatesForMeasurement(graphic_type, data, source)],
    )


def _region(drawing: Drawing, image: Dataset) -> ScoordContentItem:
    """The place of a drawing without a number."""
    graphic_type, data = graphic(drawing)
    item = ScoordContentItem(IMAGE_REGION, graphic_type, data, relationship_type=RelationshipTypeValues.CONTAINS)
    uids_and_frames = _reference(drawing, image)
    picture = ImageContentItem(
        CodedConcept("260753009", "SCT", "Source"),
        *uids_and_frames,
        relationship_type=RelationshipTypeValues.SELECTED_FROM,
    )
    item.ContentSequence = DicomSequence([picture])
    return item


def graphic(drawing: Drawing) -> tuple[GraphicTypeValues, "np.ndarray[tuple[int, int], np.dtype[np.float64]]"]:
    """Type and data of SCOORD (PS3.3 C.18.6.1.2): points in the order in which they were placed, (n, 2)."""
    points = list(drawing.points)
    if drawing.kind == "angle" and len(points) == 3:  # two lines, as other workstations keep an angle
        points = [points[0], points[1], points[1], points[2]]
    if drawing.kind == "rectangle":
        points.append(points[0])
    return _graphic_type(drawing.kind, len(points)), np.array(points, dtype=np.float64)


def _graphic_type(kind: str, count: int) -> GraphicTypeValues:
    if kind in _ONE_POINT or count == 1:
        return GraphicTypeValues.POINT
    if kind == "ellipse":
        return GraphicTypeValues.ELLIPSE
    return GraphicTypeValues.MULTIPOINT if kind in _LOOSE_POINTS else GraphicTypeValues.POLYLINE


def _reference(drawing: Drawing, image: Dataset) -> tuple[str, str, list[int] | None]:
    many = int(image.get("NumberOfFrames") or 1) > 1
    return image.SOPClassUID, image.SOPInstanceUID, [drawing.frame] if many else None
