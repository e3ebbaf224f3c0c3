"""Pages of a PDF as pictures; a process of its own, for a hostile document may crash the reader.

python -m appliance.imaging.pdf_pages count < FILE
python -m appliance.imaging.pdf_pages PAGE  < FILE > PNG
"""

import subprocess
import sys

from appliance.errors import CannotDisplay

TIMEOUT_S = 30
MAX_PAGES = 200
_WIDTH = 1240  # pixels: A4 at 150 to the inch
_DAMAGED = "its document is damaged or needs a password"


def count_pages(pdf: bytes) -> int:
    """How many pages there are; raises CannotDisplay."""
    return int(_asked("count", pdf))


def page_picture(pdf: bytes, page: int) -> bytes:
    """A page, counted from 1, as PNG; raises CannotDisplay."""
    return _asked(str(page), pdf)


def _asked(what: str, pdf: bytes) -> bytes:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "appliance.imaging.pdf_pages", what],
            input=pdf,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotDisplay(reason="its document takes too long to draw") from None
    if done.returncode or not done.stdout:
        raise CannotDisplay(reason=_DAMAGED)
    return done.stdout


def main(what: str) -> int:
    """Answer on standard output; exit status 1 if it cannot be done."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(sys.stdin.buffer.read())
        if what == "count":
            print(min(MAX_PAGES, len(document)))
            return 0
        page = document[int(what) - 1]
        scale = min(4.0, _WIDTH / max(1.0, page.get_width()), 4 * _WIDTH / max(1.0, page.get_height()))
        page.render(scale=scale).to_pil().convert("RGB").save(sys.stdout.buffer, "PNG", compress_level=3)
    except Exception:  # an edge: hostile bytes raise anything
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
