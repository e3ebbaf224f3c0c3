"""`rehearse`: a phantom from the simulated X-ray unit to each reader and back, now."""

import argparse
from dataclasses import asdict

from appliance.commands.output import Args, show
from appliance.settings import Settings
from appliance.wiring import Box


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `bucky rehearse` takes."""
    parser.add_argument("--by", default="command line", help="who asks, for the page")


def rehearse(args: Args, settings: Settings) -> int:
    """Ask the running box, wait, and tell each stretch; exit status 1 when one did not go well."""
    done = Box(settings).rehearsals.run(by=args.by)
    lines = [f"{'good' if s.good else 'bad'}\t{s.name}\t{s.words} {s.advice}".rstrip() for s in done.steps]
    show(args, {"good": done.is_good, "steps": [asdict(step) for step in done.steps]}, lines)
    return 0 if done.is_good else 1
