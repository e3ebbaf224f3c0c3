"""Views of pictures as softcopy presentation states (PS3.3 A.33)."""

from typing import Any

import numpy as np
from highdicom import PresentationLUTShapeValues, PresentationLUTTransformation
from highdicom.pr import (
    ColorSoftcopyPresentationState,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    SoftcopyVOILUTTransformation,
    TextObject,
)
from PIL import ImageCms
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import generate_uid

from appliance import __version__
from appliance.dicom.record import text
from appliance.reading.marks import View
from appliance.reading.measurements import person_name
from appliance.reading.report import same_study

SERIES_NUMBER = 9003
_LAYER = GraphicLayer("DRAWINGS", order=1, description="Drawings of the light table")


def presentation_state(
    view: View, image: Dataset, *, author: str, instance_number: int, series_instance_uid: str
) -> Dataset:
    """How a picture is shown as a presentation state; `image` is its complete header."""
    colour = int(image.get("SamplesPerPixel") or 1) > 1 or "PALETTE" in (text(image, "PhotometricInterpretation") or "")
    common: dict[str, Any] = {
        "referenced_images": [image],
        "series_instance_uid": series_instance_uid,
        "series_number": SERIES_NUMBER,
        "sop_instance_uid": generate_uid(),
        "instance_number": instance_number,
        "manufacturer": "Bucky",
        "manufacturer_model_name": "Bucky light table",
        "software_versions": __version__,
        "device_serial_number": "0",
        "content_label": "KEPT_LOOK",
        "content_description": f"Look kept by {author}"[:64],
        "content_creator_name": person_name(author),
        "graphic_layers": [_LAYER] if view.graphics else None,
        "graphic_annotations": [_annotation(view, image)] if view.graphics else None,
    }
    ds: Dataset = _colour(common, image) if colour else _grey(common, view)
    for element in same_study(image):
        ds[element.tag] = element
    ds.SeriesDescription = "Looks"
    ds.Laterality = ""  # of the view, not of a body part
    ds.ImageRotation = view.rotation % 360
    ds.ImageHorizontalFlip = "Y" if view.flipped else "N"
    ds.DisplayedAreaSelectionSequence = DicomSequence([_displayed_area(view, image)])
    return ds


def _grey(common: dict[str, Any], view: View) -> Dataset:
    shape = PresentationLUTShapeValues.INVERSE if view.invert else PresentationLUTShapeValues.IDENTITY
    window = view.window and SoftcopyVOILUTTransformation(
        window_center=view.window.center,
        window_width=view.window.width,
        voi_lut_function=view.window.function,
    )
    ds: Dataset = GrayscaleSoftcopyPresentationState(
        **common,
        voi_lut_transformations=[window] if window else None,
        presentation_lut_transformation=PresentationLUTTransformation(presentation_lut_shape=shape),
    )
    return ds


def _colour(common: dict[str, Any], image: Dataset) -> Dataset:
    ds: Dataset = ColorSoftcopyPresentationState(**common, icc_profile=_input_srgb())
    return ds


def _input_srgb() -> bytes:
    """The sRGB profile as one of an input device, which is what PS3.3 C.11.15 allows; its tags are the same."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[12:16] = b"scnr"
    return bytes(profile)


def _displayed_area(view: View, image: Dataset) -> Dataset:
    """PS3.3 C.10.4: corners are pixels counted from 1, as they lie after turning and flipping."""
    area = Dataset()
    area.PixelOriginInterpretation = "FRAME"
    (x0, y0, x1, y1), (columns, rows) = view.area, (int(image.Columns), int(image.Rows))
    area.DisplayedAreaTopLeftHandCorner = [_pixel(x0, x1, columns), _pixel(y0, y1, rows)]
    area.DisplayedAreaBottomRightHandCorner = [_pixel(x1, x0, columns), _pixel(y1, y0, rows)]
    area.PresentationSizeMode = "SCALE TO FIT"
    area.PresentationPixelAspectRatio = [1, 1]
    return area


def _pixel(edge: float, other: float, most: int) -> int:
    """The number of the pixel whose outer edge this is."""
    number = round(edge) + 1 if edge <= other else round(edge)
    return max(1, min(most, number))


def _annotation(view: View, image: Dataset) -> GraphicAnnotation:
    lines = [
        GraphicObject("POLYLINE", np.array(graphic.points), units="PIXEL")
        for graphic in view.graphics
        if len(graphic.points) > 1
    ]
    words = [
        TextObject(graphic.text[:1024], units="PIXEL", anchor_point=graphic.points[0], anchor_point_visible=False)
        for graphic in view.graphics
        if graphic.text
    ]
    return GraphicAnnotation(
        [image],
        _LAYER,
        referenced_frame_number=view.frame or None,
        graphic_objects=lines or None,
        text_objects=words or None,
    )
