"""What a compressed frame says of itself, read from its first markers before any codec sees it.

JPEG: ITU-T T.81 B.2; JPEG-LS: ITU-T T.87 C.2; JPEG 2000 and HTJ2K: ITU-T T.800 A.5.1; JPEG XL: ISO/IEC 18181-1, size
header, and 18181-2, boxes.
"""

from dataclasses import dataclass
from enum import StrEnum

_SOF_DCT = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_SOF_LOSSLESS = 0xC3
_SOF_JPEG_LS = 0xF7
_SOS = 0xDA
_APP0, _APP14 = 0xE0, 0xEE
_BARE = (0x01, *range(0xD0, 0xD9))  # markers without a length
_END = b"\xff\xd9"  # EOI of JPEG, EOC of JPEG 2000; bit stuffing keeps it out of coded data
_J2K_START = b"\xff\x4f\xff\x51"
_JP2_BOX = b"\x00\x00\x00\x0cjP  "
_JXL_START = b"\xff\x0a"
_JXL_BOX = b"\x00\x00\x00\x0cJXL "
_JXL_WIDTH_BITS = (9, 13, 18, 30)
_JXL_RATIOS = ((1, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # columns to rows; 0 is explicit
_RGB_IDS = ((82, 71, 66), (114, 103, 98))


class Kind(StrEnum):
    """The family of codecs that can read a frame."""

    DCT = "DCT"
    LOSSLESS = "LOSSLESS"
    JPEG_LS = "JPEG-LS"
    JPEG_2000 = "JPEG 2000"
    JPEG_XL = "JPEG XL"


@dataclass(frozen=True)
class Codestream:
    """Sizes in pixels, `precision` in bits, `colour` RGB or YBR_FULL where the stream itself tells, `whole` if it ends.

    JPEG XL keeps samples and precision where a cheap look does not reach: both are 0.
    """

    kind: Kind
    rows: int
    columns: int
    samples: int = 0
    precision: int = 0
    colour: str | None = None
    whole: bool = True


def read_codestream(data: bytes) -> Codestream | None:
    """The facts at the head of a frame; None if it is of no known family or its head is damaged."""
    try:
        if data.startswith(b"\xff\xd8"):
            return _read_jpeg(data)
        if data.startswith((_J2K_START, _JP2_BOX)):
            return _read_jpeg_2000(data)
        if data.startswith((_JXL_START, _JXL_BOX)):
            return _read_jpeg_xl(data)
    except (IndexError, ValueError):
        pass
    return None


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise ValueError("the head is cut short")
    return int.from_bytes(data[at : at + size], "big")


def _read_jpeg(data: bytes) -> Codestream | None:
    at, frame, says = 2, None, _ColourSigns()
    while True:
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker == _SOS:
            break
        else:
            body = data[at + 4 : at + 2 + _number(data, at + 2, 2)]
            if marker in (*_SOF_DCT, _SOF_LOSSLESS, _SOF_JPEG_LS):
                frame = marker, body
            says.note(marker, body)
            at += 2 + _number(data, at + 2, 2)
    if frame is None:
        return None
    return _jpeg_facts(*frame, says, whole=data.rfind(_END) > at)


def _jpeg_facts(marker: int, body: bytes, says: "_ColourSigns", *, whole: bool) -> Codestream:
    kind = Kind.DCT if marker in _SOF_DCT else Kind.LOSSLESS if marker == _SOF_LOSSLESS else Kind.JPEG_LS
    samples = body[5]
    components = [(body[6 + 3 * n], body[7 + 3 * n]) for n in range(samples)]
    colour = says.colour(components) if samples == 3 and kind is Kind.DCT else None
    return Codestream(kind, _number(body, 1, 2), _number(body, 3, 2), samples, body[0], colour, whole)


class _ColourSigns:
    """Signs of the colour space of a JPEG stream, the strongest first: Adobe's flag, subsampling, JFIF, identifiers."""

    def __init__(self) -> None:
        self._adobe: int | None = None
        self._jfif = False

    def note(self, marker: int, body: bytes) -> None:
        """Take in one marker segment."""
        if marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            self._adobe = body[11]
        self._jfif = self._jfif or (marker == _APP0 and body.startswith(b"JFIF\0"))

    def colour(self, components: list[tuple[int, int]]) -> str | None:
        """RGB, YBR_FULL, or None when only the data set can tell."""
        if self._adobe in (0, 1):
            return "YBR_FULL" if self._adobe else "RGB"
        if len({sampling for _, sampling in components}) > 1 or self._jfif:
            return "YBR_FULL"
        return "RGB" if tuple(number for number, _ in components) in _RGB_IDS else None


def _read_jpeg_2000(data: bytes) -> Codestream:
    start = data.index(_J2K_START)
    size = [_number(data, start + 8 + 4 * n, 4) for n in range(4)]  # Xsiz Ysiz XOsiz YOsiz
    samples, depth = _number(data, start + 40, 2), _number(data, start + 42, 1)
    whole = data.rfind(_END) > start
    return Codestream(Kind.JPEG_2000, size[1] - size[3], size[0] - size[2], samples, (depth & 0x7F) + 1, None, whole)


def _read_jpeg_xl(data: bytes) -> Codestream:
    start = data.index(_JXL_START, 0 if data.startswith(_JXL_START) else 32) + 2
    bits = _Bits(data[start : start + 16])
    small = bits.take(1)
    rows = _jxl_length(bits, small)
    ratio = bits.take(3)
    across, down = _JXL_RATIOS[ratio]
    return Codestream(Kind.JPEG_XL, rows, rows * across // down if ratio else _jxl_length(bits, small))


def _jxl_length(bits: "_Bits", small: int) -> int:
    return (bits.take(5) + 1) * 8 if small else bits.take(_JXL_WIDTH_BITS[bits.take(2)]) + 1


class _Bits:
    """Reads bits as JPEG XL packs them: the least significant first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        """The next `count` bits."""
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken
