"""Proportions of a pixel."""

import math

from pydicom.dataset import Dataset

_MOST = 20.0


def pixel_aspect(header: Dataset) -> float:
    """Height of a pixel divided by its width: from spacing, else from the aspect ratio, else 1 (PS3.3 C.7.6.3.1.7)."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        try:
            vertical, horizontal = (float(v) for v in header[keyword].value)
            aspect = vertical / horizontal
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
        if math.isfinite(aspect) and 1 / _MOST <= aspect <= _MOST:
            return aspect
    return 1.0
