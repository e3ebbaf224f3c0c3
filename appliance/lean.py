"""What a process does without, so that a box of 1 GiB has room; said before any library is imported."""

import gc
import sys

_PICTURES_AND_WEB = (
    *("numpy", "PIL", "gdcm", "openjpeg", "jpeg_ls", "libjpeg", "imagecodecs"),
    *("flask", "requests"),  # pydicom brings `requests` in, to download its own test files
)
_NOT_AT_REST = ("gdcm",)  # `imaging/codecs.py` brings it in with the first picture that needs it


def without_pictures() -> None:
    """Make imports of array, codec and web libraries fail in this process; pydicom then does without them.

    The receiver parses headers only. Decoders that crash on hostile pixels cannot take it down if they are not there,
    and its memory at rest is a third less.
    """
    _bar(_PICTURES_AND_WEB)


def until_pictures_come() -> None:
    """Start without what only some pictures need."""
    _bar(_NOT_AT_REST)


def settle() -> None:
    """All is loaded: the garbage collector, which every long answer sets off, need not look through it any more."""
    gc.collect()
    gc.freeze()


def _bar(names: tuple[str, ...]) -> None:
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's own way to say "not here"
