"""Measurements of any workstation's TID 1500 report, or of ours, as drawings; odd content never raises."""

from collections.abc import Iterator, Mapping

from pydicom.dataset import Dataset

from appliance.dicom.record import text
from appliance.reading.concepts import CORNERSTONE, CORNERSTONE_TOOLS, KEY_OF_CODE, SCHEME, UNIT_OF_CODE
from appliance.reading.marks import Basis, Drawing, Point, Value
from appliance.reading.sr_tree import children, code, concept_is, meaning, walk

_GROUP = ("125007", "DCM")
_TRACKING, _TRACKING_UID = ("112039", "DCM"), ("112040", "DCM")
_FINDING, _METHOD, _COMMENT = ("121071", "DCM"), ("370129005", "SCT"), ("121106", "DCM")
_KIND_OF_TOOL = {tool: kind for kind, tool in reversed(CORNERSTONE_TOOLS.items()) if kind != "calibration"}
_POINTS = {"length": 2, "angle": 3, "cobb": 4, "ellipse": 4, "rectangle": 4, "probe": 1, "arrow": 2}
_MOST_GROUPS = 2_000


def drawings_of(ds: Dataset, pictures: Mapping[str, int], origin: str) -> Iterator[Drawing]:
    """Drawings of a report; `pictures` are the study's pictures by SOP Instance UID, `origin` empty for our own."""
    for number, item in enumerate(walk(ds)):
        if number > _MOST_GROUPS:
            return
        if concept_is(item, *_GROUP):
            drawing = _drawing(item, pictures, origin)
            if drawing is not None:
                yield drawing


def _drawing(group: Dataset, pictures: Mapping[str, int], origin: str) -> Drawing | None:
    place = next(_places(group), None)
    if place is None:
        return None
    points, sop_instance_uid, frame = place
    if sop_instance_uid not in pictures or not points:
        return None
    kind = _kind(group)
    points = _as_placed(kind, points)
    if kind in _POINTS and len(points) != _POINTS[kind]:
        kind = "other"
    notes, words = _comments(group)
    values = [_with_note(value, notes) for value in _values(group)]
    return Drawing(
        uid=text(_first(group, *_TRACKING_UID), "UID") or sop_instance_uid,
        kind=kind,
        picture=pictures[sop_instance_uid],
        frame=frame,
        points=tuple(points),
        text=f"{values[0].value:g}" if kind == "calibration" and values else words,
        values=() if kind == "calibration" else tuple(values),
        basis=_basis(group),
        origin=origin,
        said=_said(group, values),
    )


def _kind(group: Dataset) -> str:
    """Ours by the finding's code, else by the tool's name in the tracking identifier."""
    scheme, value = code(_first(group, *_FINDING), "ConceptCodeSequence")
    if scheme == SCHEME:
        return value
    tracking = text(_first(group, *_TRACKING), "TextValue") or ""
    return _KIND_OF_TOOL.get(tracking.rpartition(":")[2], "other") if tracking.startswith(CORNERSTONE[:18]) else "other"


def _as_placed(kind: str, points: list[Point]) -> list[Point]:
    if kind == "angle" and len(points) == 4:
        return [points[0], points[1], points[3]]
    if kind == "rectangle" and len(points) == 5:
        return points[:4]
    return points


def _places(group: Dataset) -> Iterator[tuple[list[Point], str, int]]:
    """Coordinates with the SOP Instance UID and frame that they are on."""
    for item in walk(group):
        if text(item, "ValueType") != "SCOORD":
            continue
        for image in children(item):
            references = image.get("ReferencedSOPSequence") or []
            if not references:
                continue
            frames = references[0].get("ReferencedFrameNumber")
            frame = frames if isinstance(frames, int) else (frames[0] if frames else 1)
            yield _pairs(item), text(references[0], "ReferencedSOPInstanceUID") or "", int(frame)


def _pairs(item: Dataset) -> list[Point]:
    data = item.get("GraphicData") or []
    try:
        numbers = [float(value) for value in data]
    except (TypeError, ValueError):
        return []
    return list(zip(numbers[::2], numbers[1::2], strict=False))[:400]


def _values(group: Dataset) -> Iterator[Value]:
    for item in children(group):
        measured = (item.get("MeasuredValueSequence") or [None])[0]
        if text(item, "ValueType") != "NUM" or measured is None:
            continue
        try:
            number = float(measured.get("FloatingPointValue") or measured.NumericValue)
            scheme, value = code(item, "ConceptNameCodeSequence")
            name = meaning(item, "ConceptNameCodeSequence")
            _, unit = code(measured, "MeasurementUnitsCodeSequence")
            key = value if scheme == SCHEME else KEY_OF_CODE.get((scheme, value), value)
            yield Value(key, name or key, number, UNIT_OF_CODE.get(unit, unit))
        except (AttributeError, TypeError, ValueError):
            continue


def _with_note(value: Value, notes: Mapping[str, str]) -> Value:
    return Value(value.key, value.name, value.value, value.unit, notes.get(value.key, ""))


def _comments(group: Dataset) -> tuple[dict[str, str], str]:
    """Notes of values by their key, and the drawing's own words."""
    keys = {value.key for value in _values(group)}
    notes, words = {}, ""
    for item in children(group):
        if not concept_is(item, *_COMMENT):
            continue
        comment = text(item, "TextValue") or ""
        key, _, note = comment.partition(": ")
        if key in keys and note:
            notes[key] = note
        else:
            words = comment
    return notes, words


def _basis(group: Dataset) -> Basis:
    method = _first(group, *_METHOD)
    scheme, value = code(method, "ConceptCodeSequence")
    return Basis(value, meaning(method, "ConceptCodeSequence") or "") if scheme == SCHEME else Basis("none", "")


def _said(group: Dataset, values: list[Value]) -> str:
    finding = _first(group, *_FINDING)
    scheme, _ = code(finding, "ConceptCodeSequence")
    if scheme == SCHEME:
        return ""
    words = [meaning(finding, "ConceptCodeSequence") or ""]
    words += [f"{value.name} {value.value:g} {value.unit}".strip() for value in values]
    return ", ".join(filter(None, words))


def _first(group: Dataset, value: str, scheme: str) -> Dataset:
    return next((item for item in children(group) if concept_is(item, value, scheme)), Dataset())
