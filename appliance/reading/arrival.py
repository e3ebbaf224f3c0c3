"""How one instance goes out and how it is known to have arrived: the words that courier and clients share."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from appliance.archive.digest import dataset_digest, pixel_digest
from appliance.errors import NotDicom

Evidence = Literal["receipt", "content", "query", "commitment"]
Scratch = Callable[[], AbstractContextManager[Path]]
"""Gives a name for a passing file, which is removed at the end."""


class Overtaken(Exception):
    """The instance makes room; what has arrived of it stays where it is."""


class Passage(Protocol):
    """One instance on the line, as its client reports it."""

    @property
    def upload_url(self) -> str | None:
        """Where an upload of the same bytes was begun before."""

    def upload_at(self, url: str | None) -> None:
        """Remember where to go on after a break; None: there is nothing to go on with."""

    def moved(self, size_bytes: int) -> None:
        """So many bytes more are on the line; raises Overtaken where the client can break off without loss."""

    def gone(self) -> None:
        """Its last byte is on the line; only the answer is awaited, and the next instance may go."""


class Straight:
    """A passage that is not watched: it begins anew after a break and is not overtaken."""

    upload_url: str | None = None

    def upload_at(self, url: str | None) -> None:
        """Forget it."""

    def moved(self, size_bytes: int) -> None:
        """Go on."""

    def gone(self) -> None:
        """Nobody waits behind it."""


@dataclass(frozen=True)
class Sent:
    """An instance that was sent, with the digests of every data set that went out for it and the files themselves."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    digests: frozenset[str]
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Confirmation:
    """The far side's own word that it has the instance: `by` a signed receipt with its digest, its content fetched
    back and compared, its query over a line that keeps integrity, or a storage commitment."""

    by: Evidence
    sha256: str | None = None


def same_content(fetched: Path, sent: Sent) -> str | None:
    """The digest of a fetched file's data set if it, or at least its pixels, is what was sent; else None."""
    try:
        digest = dataset_digest(fetched)
        if digest in sent.digests:
            return digest
        pixels = pixel_digest(fetched)
        if pixels is not None and any(pixel_digest(path) == pixels for path in sent.files if path.exists()):
            return digest
    except NotDicom:
        pass
    return None
