"""Numbers of releases, as both ends compare them: 1.10 is later than 1.9."""

import re

_FORM = re.compile(r"\d{1,9}(\.\d{1,9}){0,4}")


def version_number(release: str) -> tuple[int, ...]:
    """The parts of a release's number, which compare as the numbers do; raises ValueError for another form."""
    if not _FORM.fullmatch(release):
        raise ValueError("numbers with dots, as in 1.4")
    return tuple(map(int, release.split(".")))
