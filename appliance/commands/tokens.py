"""The command `bucky token`."""

import argparse

from appliance.commands.output import Args, show
from appliance.settings import Settings
from appliance.wiring import Box


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a token and print it", parents=[common])
    create.add_argument("name")
    create.add_argument("--role", required=True, choices=["viewer", "technician", "doctor", "administrator"])
    create.add_argument("--clinic", metavar="NAME", help="at a reader service: whose token it is (default: its name)")
    invite = actions.add_parser("invite", help="at a reader service: a pairing code for a clinic", parents=[common])
    invite.add_argument("clinic", metavar="CLINIC")
    actions.add_parser("list", help="all tokens", parents=[common])
    actions.add_parser("revoke", help="make a token worthless", parents=[common]).add_argument("name")


def token(args: Args, settings: Settings) -> None:
    """Create, list and revoke tokens; invite a clinic."""
    box = Box(settings)
    tokens = box.tokens
    if args.action == "create":
        text = tokens.create(args.name, args.role, args.clinic)
        show(args, {"name": args.name, "role": args.role, "token": text}, [text])
    elif args.action == "invite":
        code = box.invitations.make(args.clinic, "command line")
        show(args, {"clinic": args.clinic, "code": code}, [code])
    elif args.action == "revoke":
        tokens.revoke(args.name)
        show(args, {"revoked": args.name}, [f"{args.name} is revoked."])
    else:
        found = tokens.all()
        rows = [{"name": t.name, "role": t.role, "created_at": t.created_at} for t in found]
        show(args, rows, [f"{t.name}\t{t.role}\t{t.created_at}" for t in found])
