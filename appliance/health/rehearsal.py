"""The morning rehearsal: whether a phantom went the whole way before the first patient does."""

from collections.abc import Iterator
from datetime import timedelta

from appliance.clock import moment, now
from appliance.courier.rehearsals import Rehearsals
from appliance.health.finding import Figure, Finding

TITLE = "Morning rehearsal"
_OLD = timedelta(hours=36)
_WITH_READER = 3  # stretches: in, shown, to a reader and back


def rehearsal(rehearsals: Rehearsals) -> Iterator[Finding]:
    """How the last one went, and whether it is of today."""
    last = rehearsals.latest()
    if last is None:
        words = "Not rehearsed yet. Each morning the box sends a test picture to your reader and back."
        yield Finding("rehearsal", TITLE, "good", words, figures={"days": None})
        return
    age = now() - moment(last.began_at)
    figures: dict[str, Figure] = {"days": age.days}
    if last.trouble is not None:
        words = f"{last.trouble.name}: {last.trouble.words}"
        advice = f"{last.trouble.advice} Then press “Rehearse now” under Settings, Morning rehearsal.".strip()
        yield Finding("rehearsal", TITLE, "bad", words, advice, figures)
    elif last.ended_at is None:
        yield Finding("rehearsal", TITLE, "busy", "A test picture is on its way.", figures=figures)
    elif age > _OLD:
        words = f"The last one was {age.days} day{'' if age.days == 1 else 's'} ago."
        yield Finding("rehearsal", TITLE, "busy", words, "Leave the box switched on over night.", figures)
    else:
        milliseconds = sum(step.milliseconds for step in last.steps)
        words = f"A test picture went from the X-ray unit’s door to the reader and back in {milliseconds / 1000:.0f} s."
        if len(last.steps) < _WITH_READER:
            words = "A test picture came in and is shown. There is no reader to send it to yet."
        yield Finding("rehearsal", TITLE, "good", words, figures=figures | {"milliseconds": milliseconds})
