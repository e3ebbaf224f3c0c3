"""Softcopy presentation states of any workstation as views of pictures; odd content never raises."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydicom.dataset import Dataset

from appliance.dicom.record import text
from appliance.reading.marks import Graphic, Point, View, Window


def label_of(ds: Dataset) -> str:
    """The words by which a person chooses it."""
    return text(ds, "ContentDescription") or text(ds, "ContentLabel") or "Presentation"


def views_of(ds: Dataset, pictures: Mapping[str, int]) -> Iterator[View]:
    """What a presentation state says of the study's pictures, by SOP Instance UID."""
    for sop_instance_uid in _referenced(ds):
        picture = pictures.get(sop_instance_uid)
        if picture is None:
            continue
        area = _for(ds, "DisplayedAreaSelectionSequence", sop_instance_uid)
        yield View(
            picture=picture,
            frame=0,
            window=_window(_for(ds, "SoftcopyVOILUTSequence", sop_instance_uid)),
            invert=text(ds, "PresentationLUTShape") == "INVERSE",
            rotation=_rotation(ds),
            flipped=text(ds, "ImageHorizontalFlip") == "Y",
            area=_area(area),
            graphics=tuple(_graphics(ds, sop_instance_uid))[:400],
        )


def _items(ds: Dataset | None, keyword: str) -> list[Dataset]:
    try:
        return list(ds.get(keyword) or []) if ds is not None else []
    except Exception:  # a sequence that cannot be read counts as absent
        return []


def _referenced(ds: Dataset) -> list[str]:
    found = []
    for series in _items(ds, "ReferencedSeriesSequence"):
        found += [text(image, "ReferencedSOPInstanceUID") or "" for image in _items(series, "ReferencedImageSequence")]
    return found


def _for(ds: Dataset, keyword: str, sop_instance_uid: str) -> Dataset | None:
    """The first item that names the picture, or none at all and so counts for each (PS3.3 C.11.8)."""
    for item in _items(ds, keyword):
        named = [text(image, "ReferencedSOPInstanceUID") for image in _items(item, "ReferencedImageSequence")]
        if not named or sop_instance_uid in named:
            return item
    return None


def _window(item: Dataset | None) -> Window | None:
    if item is None:
        return None
    try:
        center, width = (_first(item[keyword].value) for keyword in ("WindowCenter", "WindowWidth"))
    except Exception:  # a table, or whatever another program wrote: the picture keeps its own window
        return None
    function = text(item, "VOILUTFunction") or "LINEAR"
    known = function in ("LINEAR", "LINEAR_EXACT", "SIGMOID")
    return Window(function, center, width) if known and width > 0 else None


def _first(value: Any) -> float:
    return float(value[0] if hasattr(value, "__getitem__") else value)


def _rotation(ds: Dataset) -> int:
    try:
        return int(ds.ImageRotation) % 360
    except (AttributeError, TypeError, ValueError):
        return 0


def _area(item: Dataset | None) -> tuple[float, float, float, float]:
    """Outer edges of the corner pixels; all of the picture where nothing is said."""
    said = item if item is not None else Dataset()
    try:
        (x0, y0), (x1, y1) = (
            [int(value) for value in said[f"DisplayedArea{corner}HandCorner"].value]
            for corner in ("TopLeft", "BottomRight")
        )
    except (KeyError, TypeError, ValueError):
        return (0.0, 0.0, 65536.0, 65536.0)
    left, right = (x0 - 1, x1) if x0 <= x1 else (x0, x1 - 1)
    top, bottom = (y0 - 1, y1) if y0 <= y1 else (y0, y1 - 1)
    return (float(left), float(top), float(right), float(bottom))


def _graphics(ds: Dataset, sop_instance_uid: str) -> Iterator[Graphic]:
    for annotation in _items(ds, "GraphicAnnotationSequence"):
        named = [text(image, "ReferencedSOPInstanceUID") for image in _items(annotation, "ReferencedImageSequence")]
        if named and sop_instance_uid not in named:
            continue
        for item in _items(annotation, "GraphicObjectSequence"):
            points = _points(item.get("GraphicData"))
            if text(item, "GraphicAnnotationUnits") == "PIXEL" and points:
                yield Graphic(points)
        for item in _items(annotation, "TextObjectSequence"):
            points = _points(item.get("AnchorPoint") or item.get("BoundingBoxTopLeftHandCorner"))
            words = (text(item, "UnformattedTextValue") or "")[:1024]
            if points and words and "DISPLAY" not in (text(item, "AnchorPointAnnotationUnits") or "PIXEL"):
                yield Graphic(points, words)


def _points(data: Any) -> tuple[Point, ...]:
    try:
        numbers = [float(value) for value in data]
    except (TypeError, ValueError):
        return ()
    return tuple(zip(numbers[::2], numbers[1::2], strict=False))[:400]
