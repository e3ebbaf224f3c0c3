"""Figures of a reader service: reports by clinic for billing, and how long they took."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from appliance.clock import moment
from appliance.reading.story import URGENCIES
from appliance.reading.workitems import Workitem


@dataclass(frozen=True)
class Figures:
    """One clinic's month; hours that the reading clock ran until the signature."""

    clinic: str
    reports: int
    by_urgency: tuple[int, ...]
    median_h: float | None
    p90_h: float | None
    late: int


def figures(clinic: str, done: Sequence[Workitem]) -> Figures:
    """Count what was completed."""
    hours = [_hours(item) for item in done if item.started_at and item.completed_at]
    return Figures(
        clinic,
        len(done),
        tuple(sum(1 for item in done if item.urgency == urgency) for urgency in URGENCIES),
        round(median(hours), 2) if hours else None,
        round(quantiles(hours, n=10, method="inclusive")[-1], 2) if len(hours) > 1 else None,
        sum(1 for item in done if item.due_at and item.completed_at and item.completed_at > item.due_at),
    )


def _hours(item: Workitem) -> float:
    return (moment(item.completed_at or "") - moment(item.started_at or "")).total_seconds() / 3600
