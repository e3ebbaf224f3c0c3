"""What each command does; plain lines, or JSON with --json."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from appliance.clock import stamp
from appliance.errors import BuckyError
from appliance.settings import KEYS, Settings
from appliance.wiring import Box

Args = argparse.Namespace


def run_box(args: Args, settings: Settings) -> int:
    """Start the box."""
    return _run("box", settings)


def run_reader(args: Args, settings: Settings) -> int:
    """Start a reader service."""
    return _run("reader", settings)


def _run(kind: str, settings: Settings) -> int:
    from appliance.supervisor import supervise

    box = Box(settings)
    accounts = box.accounts  # opens the database: a bad folder or schema is told before any role starts
    code = accounts.setup_code() if accounts.needs_setup else None

    def on_ready(http: str, dicom: str, dicom_tls: str | None) -> None:
        tls = f" dicom-tls={dicom_tls}" if dicom_tls else ""
        print(f"ready http={http} dicom={dicom}{tls}", flush=True)
        port = http.rpartition(":")[2]
        for address in _page_hosts(settings):
            print(f"page: http://{address}:{port}/", flush=True)
        if code:
            print(f"setup code: {code}", flush=True)

    return supervise(kind, settings, on_ready=on_ready)


def _page_hosts(settings: Settings) -> list[str]:
    from appliance.roles import addresses

    return addresses(settings.host)


def run_one_role(args: Args, settings: Settings) -> int:
    """Run one role in this process."""
    from appliance.roles import run_role

    return run_role(args.role, args.kind, settings)


def run_demo(args: Args, settings: Settings) -> int:
    """Start box, reader and simulated X-ray unit."""
    from appliance.demo import demo

    return demo(once=args.once)


def set_up(args: Args, settings: Settings) -> None:
    """The first run without a browser; the password comes on standard input."""
    password = sys.stdin.readline().rstrip("\n")
    Box(settings).accounts.set_up(clinic=args.clinic, kind=args.kind, name=args.admin, password=password)
    show(args, {"clinic": args.clinic, "administrator": args.admin}, [f"{args.clinic} is set up."])


def token(args: Args, settings: Settings) -> None:
    """Create, list and revoke tokens."""
    tokens = Box(settings).tokens
    if args.action == "create":
        text = tokens.create(args.name, args.role)
        show(args, {"name": args.name, "role": args.role, "token": text}, [text])
    elif args.action == "revoke":
        tokens.revoke(args.name)
        show(args, {"revoked": args.name}, [f"{args.name} is revoked."])
    else:
        found = tokens.all()
        rows = [{"name": t.name, "role": t.role, "created_at": t.created_at} for t in found]
        show(args, rows, [f"{t.name}\t{t.role}\t{t.created_at}" for t in found])


def destination(args: Args, settings: Settings) -> None:
    """Add, list, test, pause, resume and remove destinations."""
    box = Box(settings)
    if args.action == "add":
        secret = sys.stdin.readline().strip() if args.token_stdin else None
        added = box.destinations.add(args.name, args.dicomweb, token=secret, auto=args.auto)
        show(args, {"name": added.name, "url": added.url, "auto": added.auto}, [f"{added.name} is added."])
    elif args.action == "list":
        _list_destinations(args, box)
    else:
        _change_destination(args, box)


def _list_destinations(args: Args, box: Box) -> None:
    rows, lines = [], []
    for d in box.destinations.all():
        waiting = box.queue.waiting_count(d.id)
        trouble = f"{d.trouble.message} {d.trouble.hint}" if d.trouble else None
        state = "paused" if d.paused else "trouble" if d.trouble else "ok"
        rows.append(
            {"name": d.name, "url": d.url, "auto": d.auto, "state": state, "waiting": waiting, "trouble": trouble}
        )
        lines.append(f"{d.name}\t{d.url}\t{state}\t{waiting} waiting\t{trouble or ''}".rstrip())
    show(args, rows, lines)


def _change_destination(args: Args, box: Box) -> None:
    found = box.destinations.by_name(args.name)
    if args.action == "test":
        box.client_for(found).probe()
        show(args, {"name": found.name, "reachable": True}, [f"{found.name} answers."])
    elif args.action == "remove":
        box.destinations.remove(found.id)
        show(args, {"removed": found.name}, [f"{found.name} is removed."])
    else:
        paused = args.action == "pause"
        box.destinations.pause(found.id, paused=paused)
        show(args, {"name": found.name, "paused": paused}, [f"{found.name} is {'paused' if paused else 'active'}."])


def study(args: Args, settings: Settings) -> int:
    """List, show, send and verify studies."""
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
            "conflict": i.conflict,
            "file": str(i.path),
        }
        for i in box.catalogue.instances(study_id)
    ]
    show(args, rows, [f"{row['sop_instance_uid']}\t{row['view']}\t{row['dataset_sha256']}" for row in rows])
    return 0


def _verify(args: Args, box: Box, study_id: int) -> int:
    progress = box.queue.progress(study_id)
    rows = [
        {"destination": p.destination_name, "instances": p.total, "verified": p.verified, "complete": p.complete}
        for p in progress
    ]
    lines = [f"{p.destination_name}: {p.verified} of {p.total} confirmed" for p in progress] or ["Not sent anywhere."]
    show(args, rows, lines)
    return 0 if progress and all(p.complete for p in progress) else 1


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


def status(args: Args, settings: Settings) -> None:
    """Counts and troubles."""
    import shutil

    box = Box(settings)
    free = shutil.disk_usage(settings.data).free
    troubles = {d.name: d.trouble.message for d in box.destinations.all() if d.trouble}
    unknown = sum(1 for s in box.senders.all() if s.state == "unknown")
    facts = {"studies": box.catalogue.count(), "free_bytes": free, "unknown_devices": unknown, "troubles": troubles}
    lines = [f"{facts['studies']} studies", f"{free // 2**20} MB free", f"{unknown} devices wait to be accepted"]
    show(args, facts, lines + [f"{name}: {text}" for name, text in troubles.items()])


def show_settings(args: Args, settings: Settings) -> None:
    """The effective settings, each with its source and meaning."""
    rows = [
        {"key": key, "value": getattr(settings, key), "source": settings.sources[key], "meaning": spec.meaning}
        for key, spec in KEYS.items()
    ]
    show(args, rows, [f"{r['key']} = {r['value']!r}  ({r['source']}; {r['meaning']})" for r in rows])


def show(args: Args, facts: object, lines: Iterable[str]) -> None:
    if args.json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    for line in lines:
        print(line)
