"""How many trials a campaign makes: few in every test run, all of them with BUCKY_FAULT=full (`make fault`)."""

import os

FULL = os.environ.get("BUCKY_FAULT") == "full"


def trials(few: int, all_of_them: int) -> int:
    """The number for this run."""
    return all_of_them if FULL else few


def report(campaign: str, trials: int, losses: list[str], **more: int) -> None:
    """Print the count of trials and losses; any loss fails."""
    facts = "".join(f", {number} {name.replace('_', ' ')}" for name, number in more.items())
    print(f"\nfault: {campaign}: {trials} trials{facts}, {len(losses)} losses")
    assert not losses, losses[:5]
