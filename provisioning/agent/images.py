"""Whole slots of the device: the agent brings a proven bundle into a folder, and the device's installer does the rest.

    updates/bundle.raucb  updates/wanted.json   from the agent: install this
    updates/trial.json                          from the installer: it is written, and being tried
    updates/written                             from the installer: taken away, it restarts the device
    updates/outcome.json                        to the agent: what became of it

Files, since the installer and the trial must work when nothing else of the product does (firmware/system).
"""

import json
from dataclasses import dataclass
from pathlib import Path

from appliance.files import sync_file, sync_folder
from provisioning.protocol.identity import keep


@dataclass(frozen=True)
class Ended:
    """What became of an image."""

    version: int
    """The number of the document that asked for it."""
    stayed: bool
    reason: str
    """A code; empty if it stayed."""


class Images:
    """The folder in which the device's installer finds its work."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wanted = folder / "wanted.json"
        self._trial = folder / "trial.json"
        self._outcome = folder / "outcome.json"
        self._written = folder / "written"

    @property
    def managed(self) -> bool:
        """Whether this machine has an installer; the device's start makes the folder for it."""
        return self._folder.is_dir()

    @property
    def on_trial(self) -> bool:
        """Whether an image is being written or tried."""
        return self._wanted.exists() or self._trial.exists()

    def hand_over(self, bundle: Path, release: str, version: int) -> None:
        """Give a bundle to the installer, whole: it looks for the note, which comes last."""
        sync_file(bundle)
        bundle.rename(self._folder / "bundle.raucb")
        sync_folder(self._folder)
        keep(self._wanted, json.dumps({"release": release, "version": version}).encode())

    @property
    def waits(self) -> bool:
        """Whether the installer waits for a quiet moment to restart the device."""
        return self._written.exists()

    def let_restart(self) -> None:
        """Nobody is in the midst of anything."""
        self._written.unlink(missing_ok=True)

    def ended(self) -> Ended | None:
        """What became of the last one, until `forget`; None while there is nothing to tell."""
        try:
            told = json.loads(self._outcome.read_text())
        except FileNotFoundError:
            return None
        return Ended(int(told["version"]), bool(told["done"]), str(told["reason"]))

    def forget(self) -> None:
        """It is kept elsewhere now."""
        self._outcome.unlink(missing_ok=True)
