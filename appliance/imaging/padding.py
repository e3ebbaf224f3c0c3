"""Which stored values are padding and no picture (PS3.3 C.7.5.1.1.2)."""

import numpy as np
from pydicom.dataset import Dataset

from appliance.imaging.decode import Pixels, mask_high_bits
from appliance.imaging.source import integer


def padding_range(header: Dataset, pixels: Pixels) -> tuple[int, int] | None:
    """The least and the greatest padding value as `pixels` hold them, None if there is no padding."""
    if "PixelPaddingValue" not in header or pixels.ndim != 2 or pixels.dtype.kind not in "iu":
        return None
    one = _as_stored(integer(header, "PixelPaddingValue", 0), header, pixels)
    other = _as_stored(integer(header, "PixelPaddingRangeLimit", one), header, pixels)
    return min(one, other), max(one, other)


def _as_stored(value: int, header: Dataset, pixels: Pixels) -> int:
    """In the pixels' own bits and sign: the element's VR, US or SS, is often the wrong one."""
    bits = 8 * pixels.dtype.itemsize
    unsigned = np.array([value & ((1 << bits) - 1)], dtype=f"u{pixels.dtype.itemsize}")
    return int(mask_high_bits(unsigned.view(pixels.dtype), header)[0])
