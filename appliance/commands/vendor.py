"""The command `bucky vendor`: what a person at the box does about the vendor link."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from appliance.audit.trail import THE_BOX
from appliance.commands.output import Args, show
from appliance.settings import Settings
from appliance.wiring import Box
from appliance.wiring.agent import build_door, build_memory, membership_of


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Its actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("identity", parents=[common], help="the fingerprint that the vendor registers")
    actions.add_parser("status", parents=[common], help="how the vendor link is")
    for name, help_text in (("join", "take the vendor's trust file"), ("activate", "take a voucher from a USB stick")):
        actions.add_parser(name, parents=[common], help=help_text).add_argument("file", type=Path)
    claim = actions.add_parser("claim", parents=[common], help="bind the box to the clinic by the code of its label")
    claim.add_argument("--clinic", required=True, metavar="NAME")
    claim.add_argument("--code-stdin", action="store_true", required=True)
    consent = actions.add_parser("consent", parents=[common], help="let support in, or no more")
    consent.add_argument("hours", type=int, help="1 to 24; 0 ends it")


def vendor(args: Args, settings: Settings) -> None:
    """Run one action."""
    acts: dict[str, Callable[[Args, Settings], None]] = {
        "identity": _identity,
        "status": _status,
        "join": _join,
        "activate": _activate,
        "claim": _claim,
        "consent": _consent,
    }
    acts[args.action](args, settings)


def _identity(args: Args, settings: Settings) -> None:
    fingerprint = membership_of(settings).identity.fingerprint
    show(args, {"fingerprint": fingerprint}, [fingerprint])


def _status(args: Args, settings: Settings) -> None:
    box = Box(settings)
    found, consent = build_door(box).belonging(), build_memory(box).consent()
    if found is None:
        show(args, {"vendor": None}, ["This box belongs to no vendor."])
        return
    facts = {**asdict(found), "consent": consent and consent.until}
    show(args, facts, [f"{key}\t{value or '-'}" for key, value in facts.items()])


def _join(args: Args, settings: Settings) -> None:
    trust = membership_of(settings).join(args.file.read_bytes())
    show(args, {"serial": trust.serial}, [f"This box is {trust.serial} of {trust.url}."])


def _activate(args: Args, settings: Settings) -> None:
    box = Box(settings)
    clinic = build_door(box).activate(args.file.read_bytes())
    box.trail.record("security-set", THE_BOX, subject="voucher")
    show(args, {"clinic": clinic}, [f"Activated for {clinic}."])


def _claim(args: Args, settings: Settings) -> None:
    code = sys.stdin.readline().strip()
    build_door(Box(settings)).claim(code, args.clinic)
    show(args, {"clinic": args.clinic}, [f"This box belongs to {args.clinic} now."])


def _consent(args: Args, settings: Settings) -> None:
    box = Box(settings)
    memory = build_memory(box)
    if args.hours == 0:
        memory.end_consent("command line")
        box.trail.record("support-ended", THE_BOX)
        show(args, {"until": None}, ["Support is out."])
        return
    consent = memory.give_consent("command line", args.hours)
    box.trail.record("support-began", THE_BOX, subject=f"until {consent.until}")
    show(args, {"until": consent.until}, [f"Support may help until {consent.until}."])
