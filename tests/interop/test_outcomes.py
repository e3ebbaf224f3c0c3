"""Every real file by dcmtk's own senders: archive, quarantine, or a refusal with its reason; never a crash."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom import dcmread

from appliance.settings import load
from appliance.wiring import Box as Parts
from tests.box import HOST, Box
from tests.orthanc import need
from tests.pictures import shared_files

BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"
# What dcmtk says when it does not even send
_NOT_SENT = {
    r"No presentation context|No Acceptable Presentation Contexts": "deflated, or its transfer syntax was not proposed",
    r"Bad DICOM file|not a DICOM file|Unknown.*Transfer Syntax|Invalid|Unknown SOP class": "dcmtk does not read it",
    r"cannot send SOP instance from file": "dcmtk cannot read it to its end",
    r"no valid DICOM files|No DICOM files|rejected": "dcmtk does not read it",
    r"No SOP Class or Instance UID in file": "dcmtk finds no SOP class and number in it",
    r"onver\w+ dataset .*transfer syntax|Cannot.*convert|cannot change|Unsupported|unsupported": "dcmtk cannot send it",
}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box that accepts storescu; dcmsend is a stranger to it."""
    need("storescu", "dcmsend")
    made = Box(tmp_path_factory.mktemp("outcomes") / "box").set_up().start()
    made.accept("STORESCU")
    yield made
    made.stop()


def files() -> list[Path]:
    """Real ones where they are, and pydicom's own collection of odd ones."""
    return [*shared_files(), *sorted(BUNDLED.glob("*.dcm"))]


def sent(tool: str, path: Path, port: int, syntax_option: str | None = None) -> subprocess.CompletedProcess[str]:
    """One file on an association of its own."""
    options = [syntax_option] if syntax_option else []
    command = [tool, "-v", "-aet", tool.upper(), *options, HOST, str(port), str(path)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, check=False)


def test_every_real_file_has_a_stated_end(box: Box, outcomes: list[str]) -> None:
    """dcmsend, a stranger, first: quarantine or refusal. Then storescu, accepted: archive. The receiver lives on."""
    parts = Parts(load(box.data, command_line={}))
    receiver = box.roles()["receiver"].pid
    counts: Counter[str] = Counter()
    for path in files():
        ends = [f"{tool}: {_end(tool, path, box, parts)}" for tool in ("dcmsend", "storescu")]
        counts.update(ends)
        outcomes.append(f"{path.parent.name + '/' + path.name:64} " + "; ".join(ends))
    outcomes += [f"{count:5} {end}" for end, count in sorted(counts.items())]
    assert not [end for end in counts if "no reason" in end]
    assert counts["storescu: archive"] + counts["dcmsend: quarantine"] > len(files())
    assert box.roles()["receiver"].pid == receiver, "the receiver was started anew"
    subprocess.run(["echoscu", HOST, str(box.dicom_port)], check=True, timeout=20)


def _end(tool: str, path: Path, box: Box, parts: Parts) -> str:
    logged_before = box.log.stat().st_size
    done = sent(tool, path, box.dicom_port, _option(path) if tool == "storescu" else None)
    if kept := _kept(path, parts, tool.upper()):
        return kept
    if done.returncode == 0 and _kept(path, parts, "STORESCU"):
        return "archive, the same bytes were there"
    if refused := _refused(box, logged_before, parts, tool.upper()):
        return refused
    said = done.stdout + done.stderr
    for pattern, reason in _NOT_SENT.items():
        if re.search(pattern, said, re.IGNORECASE):
            return f"not sent, {reason}"
    return f"no reason: exit {done.returncode} {said[-300:]!r}"


def _refused(box: Box, logged_before: int, parts: Parts, sender: str) -> str | None:
    """The status that the box gave, and the reason that its page shows."""
    with box.log.open() as log:
        log.seek(logged_before)
        lines = [json.loads(line) for line in log if line.startswith("{")]
    statuses = [line["status"] for line in lines if line["event"] == "store-refused" and line["peer"] == sender]
    shown = [refusal for refusal in parts.refusals.latest() if refusal.name == sender and refusal.detail]
    if not statuses:
        return None
    return f"refused, {statuses[0]} {shown[0].detail}" if shown else f"no reason on the page for {statuses[0]}"


def _option(path: Path) -> str | None:
    """storescu proposes uncompressed transfer syntaxes unless it is told."""
    options = {"5": "-xr", "4.50": "-xy", "4.51": "-xx", "4.70": "-xs", "4.80": "-xt", "4.81": "-xu", "4.90": "-xv"}
    options |= {"4.91": "-xw", "2": "-xb", "1.99": "-xd"}
    try:
        syntax = str(dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID)
    except Exception:  # not for pydicom, perhaps for dcmtk
        return None
    return options.get(syntax.removeprefix("1.2.840.10008.1.2."))


def _kept(path: Path, parts: Parts, sender: str) -> str | None:
    """Where the instance lies that this sender sent."""
    try:
        uid = str(dcmread(path, stop_before_pixels=True, force=True).SOPInstanceUID)
    except Exception:
        return None
    sql = (
        "SELECT quarantined FROM instance JOIN sender ON sender.id = sender_id"
        " WHERE sop_instance_uid = ? AND sender.name = ? LIMIT 1"
    )
    row = parts.database.read.conn.execute(sql, [uid, sender]).fetchone()
    return None if row is None else ("quarantine" if row[0] else "archive")
