"""Makes the pictures that lists and pages show at once; they can be made anew from the files at any time."""

import os
from pathlib import Path

from appliance.archive.catalogue import Catalogue, Instance
from appliance.errors import CannotDisplay
from appliance.imaging.preview import derive

IDLE_S = 5.0
_BATCH = 8
_MAXIMUM_ATTEMPTS = 2  # that ended with the process: the pixels crash a decoder
_BOMB = "This picture cannot be shown: its pixels are damaged in a way that stops the decoder."


class PreviewShelf:
    """Where previews and thumbnails lie: WebP files named by the instance's row."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def preview(self, instance_id: int) -> Path:
        """The picture for the first instant of the viewer."""
        return self._folder / f"{instance_id // 1000}" / f"{instance_id}.webp"

    def thumbnail(self, instance_id: int) -> Path:
        """The picture for lists."""
        return self._folder / f"{instance_id // 1000}" / f"{instance_id}-small.webp"

    def keep(self, instance_id: int, preview: bytes, thumbnail: bytes) -> None:
        """Write both, each whole or not at all."""
        for path, content in ((self.preview(instance_id), preview), (self.thumbnail(instance_id), thumbnail)):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.part")
            part.write_bytes(content)
            part.replace(path)


class PreviewWorker:
    """Serves the newest pictures first, because somebody stands at the X-ray unit and waits for them."""

    def __init__(self, catalogue: Catalogue, shelf: PreviewShelf) -> None:
        self._catalogue = catalogue
        self._shelf = shelf

    def run_once(self) -> float:
        """Make a few previews."""
        waiting = self._catalogue.without_preview(limit=_BATCH)
        for instance in waiting:
            self._make(instance)
        return 0.0 if waiting else IDLE_S

    def _make(self, instance: Instance) -> None:
        if self._catalogue.begin_preview(instance.id) >= _MAXIMUM_ATTEMPTS:
            self._catalogue.set_preview(instance.id, "none", _BOMB)
            return
        try:
            derived = derive(instance.path)
        except CannotDisplay as error:
            self._catalogue.set_preview(instance.id, "none", error.text)
            return
        self._shelf.keep(instance.id, derived.preview, derived.thumbnail)
        self._catalogue.set_preview(instance.id, "ready", None)
