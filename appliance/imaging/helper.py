"""Starts the transcoding process; light enough for a role that loads no codec."""

import subprocess
import sys
from pathlib import Path

TIMEOUT_S = 120


def transcode_apart(source: Path, target: Path, transfer_syntax_uid: str, *, max_bytes: int) -> bool:
    """Write `target` uncompressed by a process of its own, which hostile pixels may crash; False if it cannot be."""
    arguments = [str(source), str(target), "--to", transfer_syntax_uid, "--max-bytes", str(max_bytes)]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "appliance.imaging.transcode", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
