"""What keeps pictures safe: what recovery did, room on the disk, the last good backup, the last reading back."""

from collections.abc import Callable, Iterator

from appliance.archive.backup import Backup
from appliance.archive.check import Checker
from appliance.archive.damage import Damages
from appliance.archive.notices import Notices
from appliance.archive.space import Space
from appliance.clock import moment, now
from appliance.health.finding import Figure, Finding, State

WARN_DAYS = 30
_BACKUP_OLD_DAYS = 2
_CHECK_OLD_DAYS = 60
_YEARS_DAYS = 730
_HARMLESS = (
    "leftovers-removed",
    "file-adopted",
    "index-rebuilt",
    "picture-healed",
    "picture-healed-pixels",
    "restored",
)


def notices(found: Notices) -> Iterator[Finding]:
    """What the box did by itself, until somebody has read it under Settings, Safe keeping."""
    for notice in found.unread():
        state: State = "good" if notice.code in _HARMLESS else "bad"
        words = f"{notice.message} ({notice.number})" if notice.number > 1 else notice.message
        figures: dict[str, Figure] = {"number": notice.number, "at": notice.at}
        yield Finding(f"notice-{notice.code}", "Put right by itself", state, words, notice.advice, figures)


def disk(measure: Callable[[], Space]) -> Iterator[Finding]:
    """Room, and the days that it lasts."""
    space = measure()
    days, free_gb = space.days_left, space.room_bytes / 10**9
    words = f"{free_gb:.1f} GB free."
    if days is not None:
        lasts = f"about {days} days" if days <= _YEARS_DAYS else "more than two years"
        words = f"{free_gb:.1f} GB free, enough for {lasts} at today’s rate."
    figures: dict[str, Figure] = {"free_bytes": space.room_bytes, "bytes_a_day": space.bytes_a_day, "days": days}
    advice = "Set under Settings, Safe keeping, which studies may be kept in the reader’s archive alone."
    if space.room_bytes == 0:
        words = "The disk is full: the X-ray unit is told so and keeps its pictures. Nothing stored is touched."
        yield Finding("disk", "Disk", "bad", words, advice, figures)
    elif (days is not None and days < WARN_DAYS) or space.room_bytes < space.total_bytes / 20:
        yield Finding("disk", "Disk", "busy", words, advice, figures)
    else:
        yield Finding("disk", "Disk", "good", words, figures=figures)


def backup(found: Backup) -> Iterator[Finding]:
    """The last good backup, and why the last one failed."""
    last, good = found.last(), found.last_good()
    if good is None:
        words = last.message if last and last.message else "There is no backup yet."
        advice = (last.hint if last and last.hint else None) or (
            "Open Settings, Safe keeping: print a recovery key, plug in a USB disk, and name its folder."
        )
        yield Finding("backup", "Backup", "busy" if last is None else "bad", words, advice)
        return
    days = (now() - moment(str(good.ended_at))).days
    words = f"The last good backup is of {str(good.ended_at)[:16].replace('T', ' ')} UTC."
    figures: dict[str, Figure] = {"last_good": good.ended_at, "days": days}
    if last is not None and last.message:
        yield Finding("backup", "Backup", "bad", f"{words} {last.message}", last.hint or "", figures)
    elif days >= _BACKUP_OLD_DAYS:
        yield Finding("backup", "Backup", "busy", words, "Plug in the disk with the backups.", figures)
    else:
        yield Finding("backup", "Backup", "good", words, figures=figures)


def pictures(checker: Checker, damages: Damages) -> Iterator[Finding]:
    """Whether every file is still what was received."""
    lost, last = damages.count_open(), checker.latest()
    told = f"All {last.checked} were read back by {str(last.ended_at)[:10]}." if last else "Being read back."
    figures: dict[str, Figure] = {
        "not_whole": lost,
        "checked": last.checked if last else None,
        "at": last.ended_at if last else None,
    }
    if lost:
        words = f"{lost} {'picture is' if lost == 1 else 'pictures are'} not what was received."
        advice = (
            "The box fetches them back from a reader that has them; see Settings, Safe keeping. Do not delete them."
        )
        yield Finding("pictures", "Stored pictures", "bad", words, advice, figures)
    elif last is not None and (now() - moment(str(last.ended_at))).days > _CHECK_OLD_DAYS:
        yield Finding("pictures", "Stored pictures", "busy", told, "Leave the box switched on over night.", figures)
    else:
        yield Finding("pictures", "Stored pictures", "good", told, figures=figures)
