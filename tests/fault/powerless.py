"""A file system for tests whose power can be cut: what was not synced is then really lost.

    python -m tests.fault.powerless MOUNTPOINT

Commands come on standard input, one a line: `cut SEED` stops the power at once (every later call fails with EIO) and
answers `cut`; once the mount point is gone, `on` mounts again what survived and answers `on`.

What survives: a file's content as of its last fsync, a folder's entries as of its last fsync, and of all that came
later what luck decides. Of a file's later writes each may be there or not, in any order, as disks do; of a folder's
later changes a beginning of random length, as journals do. Seeds that are a multiple of three lose all of it.
"""

import errno
import functools
import os
import random
import stat
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mfusepy

Change = tuple[str, "Node | None"]


@dataclass
class Node:
    """A file or folder; `durable` is what was synced, the rest what the next cut may take."""

    mode: int
    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    writes: list[tuple[int, bytes | None]] = field(default_factory=list)  # (offset, bytes), or (size, None): truncated
    entries: dict[str, "Node"] = field(default_factory=dict)
    durable_entries: dict[str, "Node"] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    changed_at: int = field(default_factory=time.time_ns)

    @property
    def is_folder(self) -> bool:
        """Whether it has entries."""
        return stat.S_ISDIR(self.mode)

    def put(self, name: str, node: "Node | None") -> None:
        """Add, replace or remove an entry."""
        self.changes.append((name, node))
        _apply(self.entries, name, node)

    def sync(self) -> None:
        """Make durable what it holds now."""
        if self.is_folder:
            self.durable_entries, self.changes = dict(self.entries), []
        else:
            self.durable, self.writes = bytes(self.data), []

    def lose(self, rng: random.Random | None, seen: set[int]) -> None:
        """Go back to what survives a cut, here and below; without luck everything unsynced is lost."""
        if id(self) in seen:
            return
        seen.add(id(self))
        if self.is_folder:
            survivors = self.changes[: rng.randint(0, len(self.changes))] if rng else []
            self.entries = dict(self.durable_entries)
            for name, node in survivors:
                _apply(self.entries, name, node)
            for node in self.entries.values():
                node.lose(rng, seen)
        else:
            self.data = bytearray(self.durable)
            for offset, content in self.writes if rng else []:
                if rng is not None and rng.random() < 0.5:
                    _write(self.data, offset, content)
        self.sync()


def _apply(entries: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        entries.pop(name, None)
    else:
        entries[name] = node


def _write(data: bytearray, offset: int, content: bytes | None) -> None:
    if content is None:
        del data[offset:]
        data.extend(bytes(offset - len(data)))
        return
    data.extend(bytes(max(0, offset - len(data))))
    data[offset : offset + len(content)] = content


def _powered(operation: Callable[..., Any]) -> Callable[..., Any]:
    """An operation that fails once the power is cut; a cut falls between two of them."""

    @functools.wraps(operation)
    def guarded(disk: "Powerless", *arguments: Any) -> Any:
        with disk.gate:
            if disk.is_dead:
                raise mfusepy.FuseOSError(errno.EIO)
            return operation(disk, *arguments)

    return guarded


class Powerless(mfusepy.Operations):
    """The tree in memory."""

    use_ns = True

    def __init__(self) -> None:
        self.root = Node(stat.S_IFDIR | 0o755)
        self.gate = threading.RLock()
        self.is_dead = False
        self._open: dict[int, Node] = {}
        self._next = 1

    def cut(self) -> None:
        """From now on nothing works."""
        with self.gate:
            self.is_dead = True

    def power_on(self, seed: int) -> None:
        """What survived is there."""
        with self.gate:
            self.root.lose(random.Random(seed) if seed % 3 else None, set())
            self._open.clear()
            self.is_dead = False

    def _node(self, path: str) -> Node:
        node = self.root
        for name in filter(None, path.split("/")):
            found = node.entries.get(name)
            if found is None:
                raise mfusepy.FuseOSError(errno.ENOENT)
            node = found
        return node

    def _parent(self, path: str) -> tuple[Node, str]:
        folder, _, name = path.rpartition("/")
        return self._node(folder), name

    def _opened(self, node: Node) -> int:
        self._next += 1
        self._open[self._next] = node
        return self._next

    @_powered
    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """Times are kept roughly; owners are the mounter's."""
        node = self._open[fh] if fh in self._open else self._node(path)
        links = 2 if node.is_folder else 1
        times = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), node.changed_at)
        return {
            "st_mode": node.mode,
            "st_nlink": links,
            "st_size": len(node.data),
            "st_ino": id(node) >> 4,
            "st_uid": os.getuid(),
            "st_gid": os.getgid(),
            **times,
        }

    @_powered
    def readdir(self, path: str, fh: int) -> list[str]:
        """Names only."""
        return [".", "..", *self._node(path).entries]

    @_powered
    def statfs(self, path: str) -> dict[str, int]:
        """A disk with plenty of room."""
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": 1 << 24, "f_bfree": 1 << 23, "f_bavail": 1 << 23}

    @_powered
    def create(self, path: str, mode: int, fi: Any = None) -> int:
        """A new file."""
        folder, name = self._parent(path)
        node = Node(stat.S_IFREG | (mode & 0o7777))
        folder.put(name, node)
        return self._opened(node)

    @_powered
    def open(self, path: str, flags: int) -> int:
        """A handle keeps its node, also after unlink."""
        return self._opened(self._node(path))

    @_powered
    def release(self, path: str, fh: int) -> int:
        """Closing syncs nothing."""
        self._open.pop(fh, None)
        return 0

    @_powered
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """From memory."""
        return bytes(self._open[fh].data[offset : offset + size])

    @_powered
    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """Volatile until fsync."""
        node = self._open[fh]
        node.writes.append((offset, bytes(data)))
        node.changed_at = time.time_ns()
        _write(node.data, offset, data)
        return len(data)

    @_powered
    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        """Volatile until fsync."""
        node = self._open[fh] if fh in self._open else self._node(path)
        node.writes.append((length, None))
        _write(node.data, length, None)
        return 0

    @_powered
    def fsync(self, path: str, datasync: int, fh: int) -> int:
        """The file's content is durable; its name is not."""
        self._open[fh].sync()
        return 0

    @_powered
    def opendir(self, path: str) -> int:
        """As for files."""
        return self._opened(self._node(path))

    @_powered
    def releasedir(self, path: str, fh: int) -> int:
        """Closing syncs nothing."""
        self._open.pop(fh, None)
        return 0

    @_powered
    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        """The folder's names are durable."""
        self._node(path).sync()
        return 0

    @_powered
    def mkdir(self, path: str, mode: int) -> int:
        """Volatile until the parent is synced."""
        folder, name = self._parent(path)
        folder.put(name, Node(stat.S_IFDIR | (mode & 0o7777)))
        return 0

    @_powered
    def rmdir(self, path: str) -> int:
        """Empty ones only."""
        if self._node(path).entries:
            raise mfusepy.FuseOSError(errno.ENOTEMPTY)
        return self.unlink(path)

    @_powered
    def unlink(self, path: str) -> int:
        """Volatile until the folder is synced."""
        self._node(path)
        folder, name = self._parent(path)
        folder.put(name, None)
        return 0

    @_powered
    def rename(self, old: str, new: str, flags: int = 0) -> int:
        """Two changes in two folders, or one after the other in one: each may be lost by itself."""
        node = self._node(old)
        folder, name = self._parent(new)
        folder.put(name, node)
        folder, name = self._parent(old)
        folder.put(name, None)
        return 0

    @_powered
    def link(self, target: str, source: str) -> int:
        """A second name."""
        folder, name = self._parent(target)
        folder.put(name, self._node(source))
        return 0

    @_powered
    def chmod(self, path: str, mode: int) -> int:
        """Kept in memory."""
        node = self._node(path)
        node.mode = stat.S_IFMT(node.mode) | (mode & 0o7777)
        return 0

    @_powered
    def chown(self, path: str, uid: int, gid: int) -> int:
        """Accepted and ignored."""
        return 0

    @_powered
    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        """Accepted and ignored."""
        return 0


def _listen(disk: Powerless, next_mount: threading.Event, seeds: list[int], say: Callable[[str], None]) -> None:
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "cut":
            disk.cut()
            seeds.append(int(arguments[0]))
            say("cut")
        elif command == "on":
            next_mount.set()
    os._exit(0)


def main(mountpoint: str) -> None:
    """Mount, and again after each cut."""
    disk, next_mount, seeds = Powerless(), threading.Event(), list[int]()

    def say(word: str) -> None:
        print(word, flush=True)

    threading.Thread(target=_listen, args=[disk, next_mount, seeds, say], daemon=True).start()
    while True:
        mfusepy.FUSE(
            disk,
            mountpoint,
            foreground=True,
            nothreads=True,
            fsname="powerless",
            entry_timeout=0,
            hard_remove=True,  # else what is removed while it is open gets another name for a while
        )
        next_mount.wait()
        next_mount.clear()
        disk.power_on(seeds[-1])
        say("on")


if __name__ == "__main__":
    main(sys.argv[1])
