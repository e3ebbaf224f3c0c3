"""Makes the pictures that lists and pages show at once; they can be made anew from the files at any time."""

import time
from dataclasses import replace
from pathlib import Path

from appliance.archive.catalogue import Catalogue, Instance
from appliance.archive.copies import Copies
from appliance.archive.workshop import CannotMake
from appliance.courier.shelf import PreviewShelf
from appliance.errors import CannotDisplay
from appliance.imaging.decode import Frame, decode_frame, number_of_frames
from appliance.imaging.picture import make_packet, packet
from appliance.imaging.preview import derive_from

IDLE_S = 5.0
MOST_AHEAD_BYTES = 64 * 2**20
"""Of one instance, uncompressed: the frames after these are made when somebody looks at them."""
TIDY_EVERY_S = 600.0
_BATCH = 8
_MAXIMUM_ATTEMPTS = 2  # that ended with the process: the pixels crash a decoder
_BOMB = "This picture cannot be shown: its pixels are damaged in a way that stops the decoder."


class PreviewWorker:
    """Serves the newest pictures first, because somebody stands at the X-ray unit and waits for them."""

    def __init__(self, catalogue: Catalogue, shelf: PreviewShelf, copies: Copies) -> None:
        self._catalogue = catalogue
        self._shelf = shelf
        self._next_tidying = 0.0
        self._copies = copies

    def run_once(self) -> float:
        """Make a few previews and their full copies; when there is nothing to make, tidy the shelf now and then."""
        waiting = self._catalogue.without_preview(limit=_BATCH)
        for instance in waiting:
            self._make(instance)
        if not waiting and time.monotonic() >= self._next_tidying:
            self._shelf.tidy()
            self._next_tidying = time.monotonic() + TIDY_EVERY_S
        return 0.0 if waiting else IDLE_S

    def _make(self, instance: Instance) -> None:
        if self._catalogue.begin_preview(instance.id) >= _MAXIMUM_ATTEMPTS:
            self._catalogue.set_preview(instance.id, "none", _BOMB)
            return
        try:
            instance = replace(instance, path=self._copies.get(instance.dataset_sha256).path)
            first = decode_frame(instance.path)
            derived = derive_from(instance.path, first)
        except (CannotDisplay, CannotMake) as error:
            self._catalogue.set_preview(instance.id, "none", error.text)
            return
        self._shelf.forget_frames(instance.id)  # those of other rules
        self._shelf.keep(instance.id, derived.preview, derived.thumbnail)
        self._shelf.keep_frame(instance.id, 1, packet(first, 1))
        self._catalogue.set_preview(instance.id, "ready", None)
        self._make_further(instance, first)

    def _make_further(self, instance: Instance, first: Frame) -> None:
        """The copies of the other frames, up to MOST_AHEAD_BYTES; a damaged one says so when it is looked at."""
        ahead = min(number_of_frames(first.header), MOST_AHEAD_BYTES // max(1, first.pixels.nbytes))
        for number in range(2, ahead + 1):
            try:
                self._shelf.keep_frame(instance.id, number, make_packet(instance.path, number))
            except CannotDisplay:
                continue


def frame_file(shelf: PreviewShelf, instance: Instance, number: int) -> Path | bytes:
    """The packet of a frame: from the shelf, else made now and put there; raises CannotDisplay."""
    kept = shelf.frame(instance.id, number)
    if kept is not None:
        return kept
    made = make_packet(instance.path, number)
    shelf.keep_frame(instance.id, number, made)
    return made
