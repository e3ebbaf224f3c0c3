"""The command `bucky`: exit status 0 done, 1 could not, 2 wrong usage."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance import __version__, commands, commands_modality, commands_worklist
from appliance.errors import BuckyError
from appliance.logs import quiet_libraries
from appliance.settings import Settings, load


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    quiet_libraries()
    args = _parser().parse_args(argv)
    try:
        settings = _settings(args)
        return int(args.run(args, settings) or 0)
    except BuckyError as error:
        print(f"bucky: {error.text} {error.advice}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1


def _default_data(command: str) -> Path:
    if os.environ.get("BUCKY_DATA"):
        return Path(os.environ["BUCKY_DATA"])
    name = "reader-data" if command == "reader" else "data"
    checkout = Path(__file__).parent.parent
    return checkout / name if (checkout / "pyproject.toml").exists() else Path("/var/lib/bucky")


def _settings(args: argparse.Namespace) -> Settings:
    keys = ("host", "http_port", "dicom_port", "dicom_tls_port", "dicom_tls", "ae_title", "mdns")
    given = {key: getattr(args, key, None) for key in keys}
    args.json = getattr(args, "json", False)
    data = getattr(args, "data", None) or _default_data(args.command)
    if args.command == "reader":
        given = {
            **given,
            "http_port": given["http_port"] or _reader_default(given["http_port"], 8090),
            "dicom_port": given["dicom_port"] or _reader_default(given["dicom_port"], 11113),
            "dicom_tls_port": given["dicom_tls_port"] or _reader_default(given["dicom_tls_port"], 2763),
            "ae_title": given["ae_title"] or "BUCKYREADER",
        }
    return load(Path(data), command_line=given)


def _reader_default(given: str | None, default: int) -> str | int:
    return default if given is None else given


def _common() -> argparse.ArgumentParser:
    """What every command takes, before or after its action."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data", metavar="DIR", default=argparse.SUPPRESS, help="the data folder (or BUCKY_DATA)")
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    return common


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bucky", description="The box between your X-ray unit and your reader.")
    parser.add_argument("--version", action="version", version=f"bucky {__version__}")
    common = _common()
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: object, help_text: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, parents=[common], help=help_text, description=help_text)
        sub.set_defaults(run=run)
        return sub

    _add_listening(command("run", commands.run_box, "start the box"))
    _add_listening(command("reader", commands.run_reader, "start a reader service"))
    _add_role(command("role", commands.run_one_role, "run one role (the supervisor uses this)"))
    demo = command("demo", commands.run_demo, "a box, a reader and a simulated X-ray unit, with a phantom patient")
    demo.add_argument("--once", action="store_true", help="stop when the phantom has arrived at the reader")
    _add_setup(command("setup", commands.set_up, "the first run without a browser"))
    _add_token(command("token", commands.token, "tokens for programs"))
    units = command("modality", commands_modality.modality, "X-ray units and other senders")
    commands_modality.add_arguments(units, _common())
    listed = command("worklist", commands_worklist.worklist, "exams for the X-ray unit's worklist")
    commands_worklist.add_arguments(listed, _common())
    _add_destination(command("destination", commands.destination, "readers and archives to send to"))
    _add_study(command("study", commands.study, "studies on the box"))
    take = command("import", commands.import_files, "take DICOM files into the archive")
    take.add_argument("paths", nargs="+", metavar="PATH")
    command("status", commands.status, "what the box knows of itself")
    command("settings", commands.show_settings, "the effective settings and where each comes from")
    return parser


def _add_listening(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (default 0.0.0.0)")
    parser.add_argument("--http-port", help="port of the page")
    parser.add_argument("--dicom-port", help="port of the DICOM services")
    parser.add_argument("--dicom-tls-port", help="port of the DICOM services over TLS")
    parser.add_argument("--no-dicom-tls", dest="dicom_tls", action="store_false", default=None, help="no TLS listener")
    parser.add_argument("--ae-title", help="AE title")
    parser.add_argument("--no-mdns", dest="mdns", action="store_false", default=None, help="stay unannounced")


def _add_role(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("role", choices=["receiver", "web", "courier"])
    parser.add_argument("kind", choices=["box", "reader"])
    _add_listening(parser)


def _add_setup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clinic", required=True, metavar="NAME")
    parser.add_argument("--kind", required=True, choices=["vet", "chiro", "podiatry", "human"])
    parser.add_argument("--admin", required=True, metavar="NAME")
    parser.add_argument("--password-stdin", action="store_true", required=True)


def _add_token(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a token and print it", parents=[_common()])
    create.add_argument("name")
    create.add_argument("--role", required=True, choices=["viewer", "technician", "doctor", "administrator"])
    actions.add_parser("list", help="all tokens", parents=[_common()])
    actions.add_parser("revoke", help="make a token worthless", parents=[_common()]).add_argument("name")


def _add_destination(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="a new destination", parents=[_common()])
    add.add_argument("name")
    add.add_argument("--dicomweb", required=True, metavar="URL")
    add.add_argument("--token-stdin", action="store_true", help="read the bearer token from standard input")
    add.add_argument("--auto", action="store_true", help="send every picture there without being asked")
    actions.add_parser("list", help="all destinations", parents=[_common()])
    for name, help_text in (
        ("test", "try to reach it"),
        ("pause", "stop sending for now"),
        ("resume", "go on sending"),
        ("remove", "forget it"),
    ):
        actions.add_parser(name, help=help_text, parents=[_common()]).add_argument("name")


def _add_study(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="the most recent studies", parents=[_common()])
    for name, help_text in (
        ("show", "one study with its instances"),
        ("verify", "whether every picture is confirmed where it was sent; exit status 1 if not"),
    ):
        actions.add_parser(name, help=help_text, parents=[_common()]).add_argument("uid")
    send = actions.add_parser("send", help="send a study to a destination", parents=[_common()])
    send.add_argument("uid")
    send.add_argument("destination")
    send.add_argument("--urgency", choices=["STAT", "urgent", "routine"], default="routine")


if __name__ == "__main__":
    sys.exit(main())
