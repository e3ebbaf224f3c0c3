"""Whether two files show the same picture: digests of decoded pixels; a process of its own, for codecs crash.

    python -m appliance.imaging.sameness FILE...

Prints one line a file: the digest of all its frames as the data set's own bits, or `-` if they cannot be decoded.
"""

import hashlib
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from appliance.imaging.decode import check_frame, decode_raw, own_bits
from appliance.imaging.source import number_of_frames, open_pixels

_TIMEOUT_S = 600.0


def pixels_digest(path: Path) -> str:
    """SHA-256 (hex) of shape, depth and values of every frame; raises CannotDisplay, or what a codec raises."""
    digest = hashlib.sha256()
    with open_pixels(path) as source:
        for index in range(number_of_frames(source.header)):
            check_frame(source, index + 1)
            samples = decode_raw(source, index)
            pixels = np.ascontiguousarray(own_bits(samples.pixels, source.header))
            kind = f"{pixels.shape} {pixels.dtype.kind}{pixels.dtype.itemsize} {samples.photometric_interpretation};"
            digest.update(kind.encode())
            digest.update(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def digests_apart(paths: Sequence[Path]) -> list[str | None]:
    """The digests of several files, from a process of its own; None for those that it could not decode."""
    command = [sys.executable, "-m", "appliance.imaging.sameness", *map(str, paths)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        lines = done.stdout.splitlines()
    except subprocess.TimeoutExpired:
        lines = []
    found: list[str | None] = [line if line != "-" else None for line in lines]
    return found + [None] * (len(paths) - len(found))


def main(arguments: list[str]) -> int:
    """Run as a command; the reason of a failure goes to nobody, since it could quote a value."""
    warnings.simplefilter("ignore")
    for argument in arguments:
        try:
            print(pixels_digest(Path(argument)), flush=True)
        except Exception:  # an edge: hostile bytes raise anything
            print("-", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
