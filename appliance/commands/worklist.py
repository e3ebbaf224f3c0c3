"""The command `bucky worklist`."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from appliance.errors import BadInput
from appliance.exams.exam import FIELDS, SAMPLE, Exam
from appliance.settings import Settings
from appliance.wiring import Box


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="order an exam", parents=[common])
    for name in FIELDS:
        add.add_argument(f"--{name.replace('_', '-')}", required=name == "patient", metavar="TEXT")
    actions.add_parser("list", help="exams that are still to be made", parents=[common])
    take = actions.add_parser("import", help="take a CSV file; exit status 1 if any row is bad", parents=[common])
    take.add_argument("file", metavar="FILE.csv")
    actions.add_parser("sample", help="print a CSV file to start from", parents=[common])
    actions.add_parser("cancel", help="take an exam off the list", parents=[common]).add_argument("exam", type=int)


def worklist(args: argparse.Namespace, settings: Settings) -> int:
    """Add, list, import and cancel exams."""
    if args.action == "sample":
        print(SAMPLE, end="")
        return 0
    exams = Box(settings).worklist
    if args.action == "add":
        given = {name: value for name in FIELDS if (value := getattr(args, name)) is not None}
        return _show(args, [exams.add(given, source="command line", by="command line")])
    if args.action == "import":
        return _import(args, settings)
    if args.action == "cancel":
        exams.cancel(args.exam)
        return _show(args, [])
    return _show(args, exams.open())


def _import(args: argparse.Namespace, settings: Settings) -> int:
    from appliance.exams.files import import_csv

    try:
        content = Path(args.file).read_bytes()
    except OSError as error:
        raise BadInput(field=args.file, reason=(error.strerror or "it cannot be read").lower()) from error
    done = import_csv(Box(settings).worklist, content, source="csv", by=Path(args.file).name)
    if args.json:
        facts = {"taken": len(done.exams), "bad_rows": [asdict(bad) for bad in done.bad_rows]}
        print(json.dumps(facts, ensure_ascii=False))
    else:
        print(done.report(), end="")
    return 1 if done.bad_rows else 0


def _show(args: argparse.Namespace, exams: list[Exam]) -> int:
    if args.json:
        print(json.dumps([asdict(exam) for exam in exams], ensure_ascii=False))
        return 0
    for exam in exams:
        cells = (exam.id, exam.accession_number, exam.scheduled_date, exam.scheduled_time, exam.patient_name)
        print("\t".join(str(cell) for cell in (*cells, exam.protocol or exam.description or "", exam.state)))
    return 0
