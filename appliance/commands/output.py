"""What every command shares: plain lines, or JSON with --json."""

import argparse
import json
from collections.abc import Iterable

Args = argparse.Namespace


def show(args: Args, facts: object, lines: Iterable[str]) -> None:
    """Print the facts as JSON, or the lines."""
    if args.json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    for line in lines:
        print(line)
