"""Releases on the box: folders side by side, one of them `current`, a switch that is whole or not at all.

    releases/1.0/  releases/1.1/  releases/current -> 1.1  releases/pending  releases/metadata/

`pending` is a file and not a row of the database, because the guard must read it when nothing else of a release works.
"""

import compileall
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import requests
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater

from appliance.clock import moment, now, stamp
from appliance.errors import BuckyError
from appliance.files import sync_folder
from provisioning.agent.link import Link
from provisioning.protocol.identity import keep
from provisioning.protocol.refused import LinkDown
from provisioning.protocol.versions import version_number

CONFIRM_S = 600.0
_CHUNK = 64 * 1024
_VERSION = re.compile(r'^__version__ = "(.*)"$', re.MULTILINE)
"""As the device's start reads it (firmware/system, `release`)."""


class ReleaseRefused(BuckyError):
    """A release that did not come whole and proven."""

    code = "release-refused"
    message = "The new release was not taken: {reason}."
    hint = "The box stays with the release it has. The vendor is told of it."


class Releases:
    """The folder of releases of one box."""

    def __init__(self, folder: Path, root: bytes, *, confirm_s: float = CONFIRM_S) -> None:
        self.folder = folder
        self._root = root
        self._confirm_s = confirm_s
        self._current = folder / "current"
        self._pending = folder / "pending"

    @property
    def managed(self) -> bool:
        """Whether releases of this machine come by the link at all."""
        return self._current.is_symlink() and bool(self._root)

    @property
    def current(self) -> str:
        """The release that the next start runs."""
        return self._current.readlink().name

    def is_newer(self, release: str, running: str) -> bool:
        """Whether a release is later than the one that runs and the one to run next; raises ReleaseRefused."""
        known = [running, self.current] if self.current[:1].isdigit() else [running]  # 'image' is the image's own
        try:
            return version_number(release) > max(map(version_number, known))
        except ValueError:
            raise ReleaseRefused(reason="its name") from None

    @property
    def on_trial(self) -> bool:
        """Whether a switch waits for its confirmation."""
        return self._pending.exists()

    def fetch(self, release: str, link: Link) -> Path | None:
        """Bring a release into its folder, proven by TUF; the bundle, where it is one of a whole slot.

        Raises ReleaseRefused, and LinkDown for a line that broke on the way.
        """
        bundle = self.folder / f"{release}.raucb"
        if (self.folder / release).exists():
            return None
        if bundle.exists():
            return bundle
        for offered_before in self.folder.glob("*.raucb"):
            offered_before.unlink()
        downloads = self.folder / "download"
        downloads.mkdir(parents=True, exist_ok=True)
        try:
            updater = self._updater(link, downloads)
            target = updater.get_targetinfo(f"bucky-{release}.tar.gz") or updater.get_targetinfo(
                f"bucky-{release}.raucb"
            )
            if target is None or (target.custom or {}).get("release") != release:
                raise ReleaseRefused(reason="the vendor signed no such release")
            file = Path(updater.download_target(target))
            if target.path.endswith(bundle.suffix):
                return file.rename(bundle)
            self._unpack(file, release)
        except (DownloadError, requests.RequestException) as error:
            raise (ReleaseRefused if _is_for_good(error) else LinkDown)(reason=type(error).__name__) from None
        except (RepositoryError, OSError, tarfile.TarError) as error:
            raise ReleaseRefused(reason=type(error).__name__) from None
        else:
            return None
        finally:
            shutil.rmtree(downloads, ignore_errors=True)

    def _updater(self, link: Link, downloads: Path) -> Updater:
        metadata = self.folder / "metadata"
        metadata.mkdir(exist_ok=True)
        base = f"{link.url}/v1/releases"
        updater = Updater(
            str(metadata),
            f"{base}/metadata/",
            target_dir=str(downloads),
            target_base_url=f"{base}/targets/",
            fetcher=_Fetcher(link.session),
            bootstrap=self._root,
        )
        updater.refresh()
        return updater

    def _unpack(self, file: Path, release: str) -> None:
        part = self.folder / f"{release}.part"
        shutil.rmtree(part, ignore_errors=True)
        with tarfile.open(file) as archive:
            archive.extractall(part, filter="data")
        if version_in(part) != release:
            raise ReleaseRefused(reason="another version is inside")
        compileall.compile_dir(part, quiet=2)  # the roles may only read here
        os.sync()
        part.rename(self.folder / release)
        sync_folder(self.folder)

    def switch(self, release: str, version: int) -> None:
        """Let the next start of every role run another release, on trial."""
        until = stamp(now() + timedelta(seconds=self._confirm_s))
        trial = {"from": self.current, "to": release, "version": version, "until": until, "starts": 0}
        keep(self._pending, json.dumps(trial).encode())
        _point(self._current, release)

    def settle(self, *, healthy: bool) -> tuple[int, bool] | None:
        """End a trial: good, or time is over and back. The document's number and whether it stayed; None while open."""
        try:
            trial = json.loads(self._pending.read_text())
        except FileNotFoundError:
            return None
        left_s = (moment(trial["until"]) - now()).total_seconds()
        went_back = self.current != trial["to"]
        if healthy and not went_back:
            self._pending.unlink()
            self._remove_others(keep_too=trial["from"])
            return int(trial["version"]), True
        if went_back or not 0 < left_s <= self._confirm_s:
            _point(self._current, trial["from"])
            self._pending.unlink()
            return int(trial["version"]), False
        return None

    def _remove_others(self, *, keep_too: str) -> None:
        """Two releases are enough: the one that runs and the one before."""
        for path in self.folder.iterdir():
            release = path.is_dir() and not path.is_symlink() and path.name not in ("metadata", "download")
            if release and path.name not in (self.current, keep_too):
                shutil.rmtree(path, ignore_errors=True)


class _Fetcher(FetcherInterface):
    """Downloads over the link's own connection, with its client certificate."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session

    def _fetch(self, url: str) -> Iterator[bytes]:
        answer = self._session.get(url, stream=True, timeout=(10, 60), allow_redirects=False)
        if answer.status_code != requests.codes.ok:
            raise DownloadHTTPError("not there", answer.status_code)
        return answer.iter_content(_CHUNK)


def _is_for_good(error: Exception) -> bool:
    """Whether it would be the same the next time: what is not there, or is longer than it may be."""
    missing = isinstance(error, DownloadHTTPError) and error.status_code == requests.codes.not_found
    return missing or isinstance(error, DownloadLengthMismatchError)


def version_in(folder: Path) -> str:
    """The version that the product in a folder says of itself, empty for none."""
    try:
        found = _VERSION.search((folder / "appliance" / "__init__.py").read_text())
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""


def _point(link: Path, release: str) -> None:
    """Let the link point elsewhere, atomically."""
    new = link.with_name("current.new")
    new.unlink(missing_ok=True)
    new.symlink_to(release)
    new.rename(link)
    sync_folder(link.parent)
