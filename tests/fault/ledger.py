"""What was sent and acknowledged, and whether it is kept: every acknowledged instance once, with its digest."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from appliance.errors import BuckyError
from appliance.phantom.unit import send
from tests.box import HOST

SCRIPT = Path(__file__).parent / "kept.py"


class Ledger:
    """The book of one campaign."""

    def __init__(self) -> None:
        self.sent: dict[str, str] = {}
        self.acknowledged: set[str] = set()

    def write_down(self, ds: Dataset) -> str:
        """Before sending: the digest that the data set must have on the disk."""
        content = encode(ds, False, True)
        assert content is not None
        uid = str(ds.SOPInstanceUID)
        self.sent[uid] = hashlib.sha256(content).hexdigest()
        return uid

    def send(self, datasets: Sequence[Dataset], port: int) -> bool:
        """C-STORE on one association; False if it broke off. What was answered with success is acknowledged."""
        uids = [self.write_down(ds) for ds in datasets]
        statuses: list[int] = []
        try:
            statuses = send(datasets, HOST, port)
        except (BuckyError, RuntimeError, OSError, ValueError) as error:
            done = error.fields.get("sent", 0) if isinstance(error, BuckyError) else 0
            self.acknowledged |= set(uids[: int(str(done))])
            return False
        self.acknowledged |= {uid for uid, status in zip(uids, statuses, strict=False) if status == 0}
        return len(statuses) == len(uids) and not any(statuses)

    def losses(self, data: Path) -> list[str]:
        """What is wrong with the archive in `data` after its recovery, in words; empty if nothing is."""
        return self.losses_in(look(data))

    def losses_in(self, kept: dict[str, Any]) -> list[str]:
        """The same for what `look` saw."""
        found = [] if kept["sound"] else ["the database is not sound"]
        for uid, digest in self.sent.items():
            rows = kept["rows"].get(uid, [])
            if uid in self.acknowledged and not rows:
                found.append(f"{uid} was acknowledged and is gone")
            if len(rows) > 1:
                found.append(f"{uid} is there {len(rows)} times")
            found += [f"{uid} has other bytes" for row in rows if row != digest]
        return found


def look(data: Path) -> dict[str, Any]:
    """What the archive holds, seen by a process of its own, so that no file of it stays open here."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(data)], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout))
