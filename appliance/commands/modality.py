"""The command `bucky modality`."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands import unit_rules
from appliance.commands.output import show
from appliance.errors import BadInput, NotFound
from appliance.settings import Settings
from appliance.validators import valid_ae_title, valid_port
from appliance.wiring import Box
from appliance.wiring.web import pin_certificate, test_connection

if TYPE_CHECKING:
    from appliance.archive.senders import Sender

Args = argparse.Namespace


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="all senders", parents=[common])
    actions.add_parser("refusals", help="the last refused or failed connections, with the cure", parents=[common])
    for name, help_text in (
        ("accept", "take its pictures"),
        ("block", "refuse its pictures"),
        ("echo", "test the connection to it where it listens"),
        ("certificate", "believe it over TLS with this certificate only"),
        ("rules", "show or set what is put right of its pictures"),
    ):
        action = actions.add_parser(name, help=help_text, parents=[common])
        action.add_argument("ae", metavar="AE")
        action.add_argument("--address", default="", metavar="IP")
        if name == "echo":
            action.add_argument("--port", default=None, metavar="PORT", help="where it listens; kept for later")
        if name == "rules":
            unit_rules.add_arguments(action)
        if name == "certificate":
            action.add_argument("file", nargs="?", metavar="FILE.pem", help="none: believe it without one again")


def modality(args: Args, settings: Settings) -> None:
    """List, accept, block and test senders."""
    box = Box(settings)
    if args.action == "list":
        _list(args, box)
        return
    if args.action == "rules":
        unit_rules.run(args, box, _seen(args, box, _title(args)))
        return
    if args.action == "refusals":
        found = [{**asdict(r), "message": r.message, "cure": r.cure} for r in box.refusals.latest(limit=50)]
        show(args, found, [f"{r['last_at']}\t{r['name']}\t{r['address']}\t{r['message']} {r['cure']}" for r in found])
        return
    ae_title = _title(args)
    {"accept": _accept, "block": _block, "echo": _echo, "certificate": _certificate}[args.action](args, box, ae_title)


def _title(args: Args) -> str:
    try:
        return valid_ae_title(args.ae)
    except ValueError as error:
        raise BadInput(field="AE title", reason=str(error)) from None


def _list(args: Args, box: Box) -> None:
    found = box.senders.all()
    rows = [
        {
            "ae_title": s.name,
            "address": s.address,
            "state": s.state,
            "last_seen_at": s.last_seen_at,
            "waiting_instances": s.waiting_instances,
            "clock_skew_s": s.clock_skew_s,
            "rules": json.loads(s.rules),
        }
        for s in found
    ]
    lines = [f"{s.name}\t{s.address}\t{s.state}\t{s.waiting_instances} waiting\t{s.last_seen_at}" for s in found]
    show(args, rows, lines)


def _accept(args: Args, box: Box, ae_title: str) -> None:
    box.senders.accept_title(ae_title, args.address)
    show(args, {"accepted": ae_title}, [f"{ae_title} is accepted."])


def _block(args: Args, box: Box, ae_title: str) -> None:
    for sender in _seen(args, box, ae_title):
        box.senders.block(sender.id)
    show(args, {"blocked": ae_title}, [f"{ae_title} is blocked."])


def _echo(args: Args, box: Box, ae_title: str) -> None:
    sender = _seen(args, box, ae_title)[0]
    try:
        port = valid_port(args.port) if args.port else sender.listen_port
    except ValueError as error:
        raise BadInput(field="Port", reason=str(error)) from None
    test_connection(box, sender, port)
    show(args, {"ae_title": sender.name, "answers": True}, [f"{sender.name} answers at {sender.address}."])


def _certificate(args: Args, box: Box, ae_title: str) -> None:
    pem = Path(args.file).read_text(encoding="ascii") if args.file else None
    for sender in _seen(args, box, ae_title):
        pin_certificate(box, sender.id, pem)
    text = f"{ae_title} is believed {'with this certificate only' if pem else 'without a certificate'}."
    show(args, {"ae_title": ae_title, "certificate": pem is not None}, [text])


def _seen(args: Args, box: Box, ae_title: str) -> "list[Sender]":
    seen = [s for s in box.senders.all() if s.name == ae_title and args.address in ("", s.address)]
    if not seen:
        raise NotFound(what="X-ray unit")
    return seen
