"""Where derived pictures lie: previews and thumbnails for good, full copies of frames within a bound."""

import os
import shutil
import threading
from pathlib import Path

from appliance.imaging.picture import PACKET_FORM

_MB = 2**20


class PreviewShelf:
    """Files named by the instance's row; the full copies that were looked at longest ago give way first."""

    def __init__(self, folder: Path, *, copies_max_mb: int, reserve_mb: int) -> None:
        self._folder = folder
        self._copies_max_bytes = copies_max_mb * _MB
        self._reserve_bytes = 2 * reserve_mb * _MB  # copies never use what receiving will need next

    def preview(self, instance_id: int) -> Path:
        """The picture for the first instant of the viewer."""
        return self._place(instance_id) / f"{instance_id}.webp"

    def thumbnail(self, instance_id: int) -> Path:
        """The picture for lists."""
        return self._place(instance_id) / f"{instance_id}-small.webp"

    def frame(self, instance_id: int, number: int) -> Path | None:
        """The full copy of a frame, if it is here; asking for it makes it young."""
        path = self._frame(instance_id, number)
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def keep(self, instance_id: int, preview: bytes, thumbnail: bytes) -> None:
        """Write preview and thumbnail, each whole or not at all."""
        _write(self.preview(instance_id), preview)
        _write(self.thumbnail(instance_id), thumbnail)

    def forget_frames(self, instance_id: int) -> None:
        """Remove the full copies of an instance; they are made anew when somebody looks."""
        for path in self._place(instance_id).glob(f"{instance_id}-*.frame"):
            path.unlink(missing_ok=True)

    def forget(self, instance_id: int) -> None:
        """Remove everything of an instance that is gone: its number may be given to another picture."""
        self.forget_frames(instance_id)
        self.preview(instance_id).unlink(missing_ok=True)
        self.thumbnail(instance_id).unlink(missing_ok=True)

    def keep_frame(self, instance_id: int, number: int, packet: bytes) -> None:
        """Write the full copy of a frame, unless the disk has become too full for luxuries."""
        if shutil.disk_usage(self._folder.parent).free - len(packet) > self._reserve_bytes:
            _write(self._frame(instance_id, number), packet)

    def tidy(self) -> int:
        """Remove copies until they are within the bound and the disk has room again; returns how many are left."""
        copies = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.glob("*/*.frame"))
        total = sum(size for _, size, _ in copies)
        short = self._reserve_bytes - shutil.disk_usage(self._folder.parent).free
        left = len(copies)
        for _, size, path in copies:
            current = path.name.endswith(f".{PACKET_FORM}.frame")
            if current and total <= self._copies_max_bytes and short <= 0:
                continue
            path.unlink(missing_ok=True)
            total, short, left = total - size, short - size, left - 1
        return left

    def _place(self, instance_id: int) -> Path:
        return self._folder / f"{instance_id // 1000}"

    def _frame(self, instance_id: int, number: int) -> Path:
        return self._place(instance_id) / f"{instance_id}-{number}.{PACKET_FORM}.frame"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    part.write_bytes(content)
    part.replace(path)
