"""The command `bucky`: exit status 0 done, 1 could not, 2 wrong usage."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance import __version__
from appliance.commands import destinations, modality, rehearse, reset, run, safety, studies, tokens, vendor, worklist
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
    keys = ("host", "http_port", "dicom_port", "dicom_tls_port", "dicom_tls", "ae_title", "mdns", "archive_url")
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

    run.add_listening(command("run", run.run_box, "start the box"))
    run.add_reader_arguments(command("reader", run.run_reader, "start a reader service"))
    run.add_role_arguments(command("role", run.run_one_role, "run one role (the supervisor uses this)"))
    demo = command("demo", run.run_demo, "a box, a reader and a simulated X-ray unit, with a phantom patient")
    demo.add_argument("--once", action="store_true", help="stop when the phantom has arrived at the reader")
    run.add_setup_arguments(command("setup", run.set_up, "the first run without a browser"))
    take = command("import", studies.import_files, "take DICOM files into the archive")
    take.add_argument("paths", nargs="+", metavar="PATH")
    command("status", run.status, "what the box knows of itself")
    command("check", safety.check, "read every stored picture back and compare it with what was received")
    command("rebuild-index", safety.rebuild_index, "make the index anew from the stored pictures")
    for name, add, act, help_text in (
        ("recovery-key", safety.add_recovery_key_arguments, safety.recovery_key, "make and print the key of backups"),
        ("backup", safety.add_backup_arguments, safety.backup, "bring an encrypted backup up to date"),
        ("restore", safety.add_restore_arguments, safety.restore, "bring a backup back onto a bare box"),
    ):
        add(command(name, act, help_text))
    command("certificate", run.certificate, "make or renew the page's certificate for a web server with TLS")
    reset.add_arguments(command("reset", reset.reset, "remove everything of the clinic and make a new setup code"))
    rehearse.add_arguments(command("rehearse", rehearse.rehearse, "send a test picture to each reader and back"))
    command("settings", run.show_settings, "the effective settings and where each comes from")
    for name, module, go, help_text in (
        ("token", tokens, tokens.token, "tokens for programs"),
        ("modality", modality, modality.modality, "X-ray units and other senders"),
        ("worklist", worklist, worklist.worklist, "exams for the X-ray unit's worklist"),
        ("destination", destinations, destinations.destination, "readers and archives to send to"),
        ("vendor", vendor, vendor.vendor, "the vendor link of this box"),
        ("study", studies, studies.study, "studies on the box"),
    ):
        module.add_arguments(command(name, go, help_text), _common())
    return parser


if __name__ == "__main__":
    sys.exit(main())
