"""The command `bucky-fleet`: exit status 0 done, 1 could not, 2 wrong usage."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance.errors import BuckyError
from appliance.logs import quiet_libraries
from provisioning.fleet import acts
from provisioning.fleet.service import Fleet


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    quiet_libraries()
    args = _parser().parse_args(argv)
    try:
        args.run(args, Fleet(Path(args.data)))
    except BuckyError as error:
        print(f"bucky-fleet: {error.text} {error.advice}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"bucky-fleet: {error.strerror}: {error.filename}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bucky-fleet", description="The vendor's service for boxes.")
    parser.add_argument("--data", default=os.environ.get("BUCKY_FLEET_DATA", "fleet-data"), metavar="DIR")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (help_text, run, arguments) in acts.ACTS.items():
        sub = commands.add_parser(name, help=help_text, description=help_text)
        sub.set_defaults(run=run)
        for flags, options in arguments:
            sub.add_argument(*flags, **options)
    return parser


if __name__ == "__main__":
    sys.exit(main())
