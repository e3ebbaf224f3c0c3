"""A role that starts without a codec has it when a picture needs it, and decodes the same."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from appliance.imaging.decode import decode_raw
from appliance.imaging.source import open_pixels

BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"
PROGRAM = """
import sys
from appliance.lean import until_pictures_come
until_pictures_come()
import pydicom
from pathlib import Path
assert sys.modules["gdcm"] is None
from tests.unit.test_lean import digest
print(digest(Path(sys.argv[1])), sys.modules["gdcm"] is not None)
"""


def digest(path: Path) -> str:
    """SHA-256 (hex) of the first frame's samples."""
    with open_pixels(path) as source:
        return hashlib.sha256(decode_raw(source, 0).pixels.tobytes()).hexdigest()


@pytest.mark.parametrize("name", ["JPEG2000.dcm", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jpeg_gdcm.dcm"])
def test_gdcm_comes_with_the_first_picture_that_needs_it(name: str) -> None:
    """The same samples as in a process that had it from the start."""
    command = [sys.executable, "-c", PROGRAM, str(BUNDLED / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [digest(BUNDLED / name), "True"]


def test_what_every_role_imports_brings_no_large_library() -> None:
    """Each role says first what it does without; until then nothing may have come in."""
    large = "'numpy', 'PIL', 'flask', 'requests'"
    program = f"import sys, appliance.roles; print([name for name in ({large}) if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
