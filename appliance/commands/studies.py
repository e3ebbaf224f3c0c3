"""The commands `bucky study` and `bucky import`."""

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.clock import stamp
from appliance.commands import export
from appliance.commands.output import Args, show
from appliance.errors import BuckyError
from appliance.settings import Settings
from appliance.wiring import Box

if TYPE_CHECKING:
    from appliance.courier.evidence import DeliveryReceipt


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="the most recent studies", parents=[common])
    for name, help_text in (
        ("show", "one study with its instances"),
        ("verify", "whether every picture is confirmed where it was sent; exit status 1 if not"),
    ):
        actions.add_parser(name, help=help_text, parents=[common]).add_argument("uid")
    send = actions.add_parser("send", help="send a study to a destination", parents=[common])
    send.add_argument("uid")
    send.add_argument("destination")
    send.add_argument("--urgency", choices=["STAT", "urgent", "routine"], default="routine")
    count = actions.add_parser("count", help="say how many pictures were taken", parents=[common])
    count.add_argument("uid")
    count.add_argument("number", type=int)

    export.add_arguments(actions, common)


def study(args: Args, settings: Settings) -> int:
    """List, show, send, verify and export studies."""
    if args.action == "export":
        return export.export(args, settings)
    box = Box(settings)
    if args.action == "list":
        _list_studies(args, box)
        return 0
    found = box.catalogue.study_by_uid(args.uid)
    if args.action == "send":
        from pydicom.uid import generate_uid

        from appliance.courier.queue import PRIORITIES

        target = box.destinations.by_name(args.destination)
        box.queue.request(found.id, target.id, PRIORITIES[args.urgency], "command line", str(generate_uid()))
        show(args, {"study": args.uid, "destination": target.name}, [f"The study is queued for {target.name}."])
        return 0
    if args.action == "count":
        box.evidence.count(found.id, args.number, "command line")
        show(args, {"study": args.uid, "taken": args.number}, [f"{args.number} pictures were taken."])
        return 0
    return _verify(args, box, found.id) if args.action == "verify" else _show(args, box, found.id)


def _list_studies(args: Args, box: Box) -> None:
    rows = [
        {
            "study_instance_uid": line.study.study_instance_uid,
            "patient_name": line.study.patient_name,
            "patient_id": line.study.patient_id,
            "instances": line.study.instance_count,
            "images": len(line.images),
            "reports": len(line.reports),
            "last_received_at": line.study.last_received_at,
        }
        for line in box.catalogue.recent(limit=100)
    ]
    show(args, rows, ["\t".join(str(value or "") for value in row.values()) for row in rows])


def _show(args: Args, box: Box, study_id: int) -> int:
    rows = [
        {
            "sop_instance_uid": i.sop_instance_uid,
            "sop_class_uid": i.sop_class_uid,
            "transfer_syntax_uid": i.transfer_syntax_uid,
            "view": i.view,
            "size_bytes": i.size_bytes,
            "dataset_sha256": i.dataset_sha256,
            "problems": list(i.problems),
            "repairs": list(i.repairs),
            "conflict": i.conflict,
            "file": str(i.path),
        }
        for i in box.catalogue.instances(study_id)
    ]
    show(args, rows, [f"{row['sop_instance_uid']}\t{row['view']}\t{row['dataset_sha256']}" for row in rows])
    return 0


def _verify(args: Args, box: Box, study_id: int) -> int:
    """Taken = here = there, instance by instance with digests; the exit status says whether all three agree."""
    receipt = box.evidence.of_study(study_id)
    taken = receipt.acquired
    common = {
        "acquired": taken and taken.number,
        "counted_by": taken and taken.counted_by,
        "received": receipt.received,
    }
    rows = [
        {
            "destination": at.destination_name,
            "instances": receipt.total,
            "verified": at.verified,
            "complete": receipt.complete_at(at),
            "reader_key": at.reader_key,
            **common,
            "signed_receipt": at.document,
            "lines": [asdict(line) for line in at.lines],
        }
        for at in receipt.destinations
    ]
    show(args, rows, _verify_lines(receipt))
    return 0 if rows and all(row["complete"] for row in rows) else 1


def _verify_lines(receipt: "DeliveryReceipt") -> list[str]:
    if not receipt.destinations:
        return ["Not sent anywhere."]
    taken = f"{receipt.acquired.number} ({receipt.acquired.counted_by})" if receipt.acquired else "not counted"
    lines = [f"taken: {taken}; here: {receipt.received}"]
    for at in receipt.destinations:
        signed = "; receipt signed by the reader" if at.document else ""
        lines.append(f"{at.destination_name}: {at.verified} of {receipt.total} confirmed{signed}")
        lines += [
            f"  {line.sop_instance_uid}\t{line.state or 'not sent'}\t{line.verified_by or ''}"
            f"\t{line.far_sha256 or line.dataset_sha256}"
            for line in at.lines
        ]
    return lines


def import_files(args: Args, settings: Settings) -> int:
    """Take files and folders into the archive; exit status 1 if any file could not be taken."""
    from appliance.archive.blobs import Provenance
    from appliance.archive.part10 import take_file

    box = Box(settings)
    rows: list[dict[str, Any]] = []
    for path in _files(args.paths):
        try:
            receipt = take_file(box.intake, path, Provenance("import", "import", "", stamp()))
            rows.append({"file": str(path), "outcome": receipt.outcome, "study": receipt.study_instance_uid})
        except (BuckyError, OSError) as error:
            reason = error.text if isinstance(error, BuckyError) else str(error.strerror)
            rows.append({"file": str(path), "outcome": "refused", "reason": reason})
    show(args, rows, [f"{row['outcome']}\t{row['file']}\t{row.get('reason', '')}".rstrip() for row in rows])
    return 1 if any(row["outcome"] == "refused" for row in rows) else 0


def _files(paths: Iterable[str]) -> Iterable[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file())
        else:
            yield path
