"""`python -m appliance.phantom`: a phantom X-ray unit for testers, to files or to a box."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pydicom.dataset import Dataset

from appliance.errors import BuckyError
from appliance.phantom.dataset import phantom_study
from appliance.phantom.protocols import PROTOCOLS
from appliance.phantom.unit import send, write
from appliance.validators import valid_ae_title, valid_port

SUCCESS = 0x0000  # PS3.4 B.2.3
_EXAMPLES = """examples:
  python -m appliance.phantom files ./pictures
  python -m appliance.phantom files ./pictures --kind cervical-spine --scale 0.2 --name 'Doe^Jane'
  python -m appliance.phantom send 127.0.0.1 11112 --called BUCKY
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 1 could not, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        done: bool = options.run(options)
    except BuckyError as error:
        print(f"{error.text} {error.advice}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Could not write: {error.strerror}.", file=sys.stderr)
        return 1
    return 0 if done else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m appliance.phantom",
        description="Take phantom radiographs and write them as DICOM files, or send them by C-STORE.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="files | send")
    files = commands.add_parser("files", help="write Part 10 files, e.g. for dcmtk's storescu")
    files.add_argument("folder", type=Path, help="where to write; made if it is not there")
    files.set_defaults(run=_files)
    sender = commands.add_parser("send", help="send to a box or any other storage SCP")
    sender.add_argument("host")
    sender.add_argument("port", type=_checked(valid_port))
    sender.add_argument("--calling", type=_checked(valid_ae_title), default="PHANTOM-DX", help="this unit's AE title")
    sender.add_argument("--called", type=_checked(valid_ae_title), default="BUCKY", help="the box's AE title")
    sender.set_defaults(run=_send)
    for command in (files, sender):
        command.add_argument("--kind", choices=sorted(PROTOCOLS), default="canine-thorax", help="the exam")
        command.add_argument("--scale", type=_scale, default=1.0, help="size of the pictures; 1.0 is 7.5 megapixels")
        command.add_argument("--seed", type=int, help="make the same pictures and UIDs again")
        command.add_argument("--name", help="patient's name, as DICOM writes it: Family^Given")
        command.add_argument("--id", help="patient's ID")
    return parser


def _checked(valid: Callable[[str], str | int]) -> Callable[[str], str | int]:
    """A validator as argparse wants it: what is allowed is told to the user."""

    def check(value: str) -> str | int:
        try:
            return valid(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{value!r} is not {error}") from error

    return check


def _scale(value: str) -> float:
    try:
        scale = float(value)
    except ValueError:
        scale = 0.0
    if not 0.01 <= scale <= 2.0:
        raise argparse.ArgumentTypeError("a number from 0.01 to 2")
    return scale


def _files(options: argparse.Namespace) -> bool:
    for path in write(_study(options), options.folder):
        print(path)
    return True


def _send(options: argparse.Namespace) -> bool:
    def told(sent: int, total: int) -> None:
        print(f"sent {sent} of {total}", flush=True)

    study = _study(options)
    statuses = send(
        study, options.host, options.port, calling_ae=options.calling, called_ae=options.called, progress=told
    )
    for number, status in enumerate(statuses, start=1):
        if status != SUCCESS:
            print(f"picture {number}: status 0x{status:04X}", file=sys.stderr)
    return all(status == SUCCESS for status in statuses)


def _study(options: argparse.Namespace) -> list[Dataset]:
    given = {field: value for field in ("name", "id") if (value := getattr(options, field)) is not None}
    patient = replace(PROTOCOLS[options.kind].patient, **given)
    return phantom_study(options.kind, scale=options.scale, seed=options.seed, patient=patient)


if __name__ == "__main__":
    sys.exit(main())
