"""Recovers an archive as a start of the box does, reads every file back, and prints what is there as JSON."""

import json
import sys
from pathlib import Path

from appliance.archive.digest import dataset_digest
from appliance.archive.recovery import is_sound
from appliance.errors import NotDicom
from appliance.settings import load
from appliance.wiring import Box

data = Path(sys.argv[1])
box = Box(load(data, command_line={}, environ={}))
box.recover()
box.reconcile()
rows: dict[str, list[str]] = {}
for uid, digest in box.database.read.conn.execute("SELECT sop_instance_uid, dataset_sha256 FROM instance"):
    path = box.blobs.path(digest)
    try:
        found = dataset_digest(path)
    except (OSError, NotDicom):
        found = "no file"
    rows.setdefault(uid, []).append(found if found != digest else digest)
leftovers = sorted(path.name for path in (data / "incoming").iterdir())
print(json.dumps({"sound": is_sound(data / "bucky.sqlite"), "rows": rows, "leftovers": leftovers}))
