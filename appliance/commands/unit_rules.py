"""The command `bucky modality rules`: what is put right of a unit's pictures, with a look before it counts."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from appliance.commands.output import show
from appliance.wiring import Box

if TYPE_CHECKING:
    from appliance.archive.repairs import Preview
    from appliance.archive.senders import Sender
    from appliance.dicom.repair import Rules


def add_arguments(action: argparse.ArgumentParser) -> None:
    """What the command takes beside the unit."""
    action.add_argument("--set", action="store_true", help="use the rules given here instead of the ones in force")
    action.add_argument("--undo", action="store_true", help="back to the rules before")
    action.add_argument("--character-set", default="", metavar="TERM", help="read its text so, e.g. ISO_IR 192")
    action.add_argument(
        "--name-order", default="", metavar="ORDER", help="owner-first or animal-first: how it writes both in one"
    )
    action.add_argument("--identifiers", action="store_true", help="put missing and invalid identifiers right")
    action.add_argument("--turn", default="0", metavar="DEGREES", help="90, 180 or 270, clockwise")
    action.add_argument("--mirror", action="store_true", help="swap left and right")


def run(args: argparse.Namespace, box: Box, senders: "Sequence[Sender]") -> None:
    """Show the rules and what they do to the newest pictures; set or undo them."""
    from appliance.dicom.repair import Rules

    given = Rules.given(
        {
            "character_set": args.character_set,
            "name_order": args.name_order,
            "turn": args.turn,
            "identifiers": "1" if args.identifiers else "",
            "mirror": "1" if args.mirror else "",
        }
    )
    for sender in senders:
        if args.undo:
            box.repairs.undo(sender.id)
        elif args.set:
            box.repairs.set(sender.id, given)
    sender = senders[0]
    in_force = box.repairs.rules(sender.id)
    looked_at = given if given and not args.undo else in_force
    previews = box.repairs.preview(sender.id, looked_at)
    facts = {
        "ae_title": sender.name,
        "rules": json.loads(in_force.to_json()),
        "preview_of": json.loads(looked_at.to_json()),
        "preview": [asdict(preview) for preview in previews],
        "waiting": box.repairs.waiting(sender.id),
    }
    show(args, facts, _lines(sender, in_force, looked_at, previews))


def _lines(sender: "Sender", in_force: "Rules", looked_at: "Rules", previews: "Sequence[Preview]") -> list[str]:
    lines = [f"{sender.name}: {in_force.to_json() if in_force else 'no rules'}"]
    if looked_at != in_force:
        lines.append(f"With {looked_at.to_json()} (not used; --set uses it):")
    for preview in previews:
        lines += [f"{preview.instance_id}\t{d.name}\t{d.before or '-'}\t{d.after or '-'}" for d in preview.differences]
    return lines
