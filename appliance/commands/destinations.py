"""The command `bucky destination`; secrets come on standard input, never on the command line."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from appliance.commands.output import Args, show
from appliance.errors import BadInput
from appliance.settings import Settings
from appliance.wiring import Box

_SECRETS = """\
Secrets come on standard input, and nowhere else: with --token-stdin, --password-stdin and --client-secret-stdin a line
for each, in this order; with --key-stdin the rest, a private key as PEM.

Hours are local: --hours "08-18=2000 18-20=0" sends at most 2000 kbit/s from eight to six and nothing until eight.
STAT goes at any hour and without limit.
"""


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser(
        "add",
        help="a new destination",
        parents=[common],
        epilog=_SECRETS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_new(add)
    actions.add_parser("list", help="all destinations", parents=[common])
    hours = actions.add_parser("hours", help="when it gets pictures and how fast", parents=[common])
    hours.add_argument("name")
    hours.add_argument("hours", help='spans like "08-18=2000 18-20=0" in kbit/s; empty is always and without limit')
    for name, help_text in (
        ("test", "try to reach it"),
        ("pause", "stop sending for now"),
        ("resume", "go on sending"),
        ("remove", "forget it"),
    ):
        actions.add_parser(name, help=help_text, parents=[common]).add_argument("name")


def _add_new(add: argparse.ArgumentParser) -> None:
    add.add_argument("name")
    where = add.add_mutually_exclusive_group(required=True)
    where.add_argument("--dicomweb", metavar="URL")
    where.add_argument("--dimse", metavar="AE@HOST:PORT")
    add.add_argument("--auto", action="store_true", help="send every picture there without being asked")
    add.add_argument("--hours", default="", help="when it gets pictures and how fast, see below")
    add.add_argument("--tls", action="store_true", help="DIMSE over TLS (DICOMweb says it by https)")
    add.add_argument("--user", default="", help="user of basic log-in; its password with --password-stdin")
    add.add_argument("--token-url", default="", metavar="URL", help="OAuth 2.0 token endpoint, client credentials")
    add.add_argument("--client-id", default="", metavar="ID")
    add.add_argument("--scope", default="")
    add.add_argument("--ca", type=Path, metavar="FILE.pem", help="an authority to trust beside the system's")
    add.add_argument("--certificate", type=Path, metavar="FILE.pem", help="this box's certificate; key by --key-stdin")
    add.add_argument("--reader-key", metavar="HEX", help="the key that signs receipts, if the reader told it")
    for name in ("token", "password", "client-secret", "key"):
        add.add_argument(f"--{name}-stdin", action="store_true")


def destination(args: Args, settings: Settings) -> None:
    """Add, list, test, pause, resume and remove destinations."""
    box = Box(settings)
    if args.action == "add":
        _add_destination(args, box)
    elif args.action == "list":
        _list_destinations(args, box)
    else:
        _change_destination(args, box)


def _add_destination(args: Args, box: Box) -> None:
    from appliance.courier.access import Access

    token = sys.stdin.readline().strip() if args.token_stdin else None
    access = Access(
        user=args.user,
        password=sys.stdin.readline().rstrip("\n") if args.password_stdin else "",
        token_url=args.token_url,
        client_id=args.client_id,
        client_secret=sys.stdin.readline().strip() if args.client_secret_stdin else "",
        scope=args.scope,
        certificate_pem=_text_of(args.certificate),
        key_pem=sys.stdin.read() if args.key_stdin else "",
        ca_pem=_text_of(args.ca),
        tls=args.tls,
    )
    added = box.destinations.add(
        args.name,
        args.dicomweb or args.dimse,
        token=token,
        auto=args.auto,
        protocol="dicomweb" if args.dicomweb else "dimse",
        access=access,
        hours=args.hours,
        reader_key=args.reader_key,
    )
    show(args, {"name": added.name, "url": added.url, "auto": added.auto}, [f"{added.name} is added."])


def _text_of(path: Path | None) -> str:
    try:
        return path.read_text() if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(field=str(path), reason="it cannot be read as PEM") from error


def _list_destinations(args: Args, box: Box) -> None:
    from appliance.reading.receipts import fingerprint

    rows, lines = [], []
    for d in box.destinations.all():
        waiting = box.queue.waiting_count(d.id)
        trouble = f"{d.trouble.message} {d.trouble.hint}" if d.trouble else None
        state = "paused" if d.paused else "trouble" if d.trouble else "ok"
        rows.append(
            {
                "name": d.name,
                "protocol": d.protocol,
                "url": d.url,
                "auto": d.auto,
                "login": d.login,
                "hours": d.hours,
                "state": state,
                "waiting": waiting,
                "trouble": trouble,
                "reader_key": d.reader_key,
                "takes": dict(d.found.syntaxes),
                "bytes_per_s": d.found.rate_bytes_s,
            }
        )
        key = f"key {fingerprint(d.reader_key)}" if d.reader_key else ""
        lines.append(f"{d.name}\t{d.url}\t{state}\t{waiting} waiting\t{trouble or ''}\t{key}".rstrip())
    show(args, rows, lines)


def _change_destination(args: Args, box: Box) -> None:
    found = box.destinations.by_name(args.name)
    if args.action == "test":
        box.client_for(found).probe()
        box.destinations.kick(found.id)
        show(args, {"name": found.name, "reachable": True}, [f"{found.name} answers."])
        return
    actions: dict[str, tuple[Callable[[], None], str]] = {
        "remove": (lambda: box.destinations.remove(found.id), "removed"),
        "pause": (lambda: box.destinations.pause(found.id, paused=True), "paused"),
        "resume": (lambda: box.destinations.pause(found.id, paused=False), "active"),
        "hours": (lambda: box.destinations.set_hours(found.id, args.hours), "changed"),
    }
    change, word = actions[args.action]
    change()
    show(args, {"name": found.name, "done": args.action}, [f"{found.name} is {word}."])
