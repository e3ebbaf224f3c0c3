"""A line between two network namespaces: rate, delay, loss and cuts, in user space over a pair of TUN devices.

The kernel's netem is not everywhere; this needs root, `ip` and /dev/net/tun. Bytes are counted as IP packets.
"""

import collections
import fcntl
import os
import random
import select
import struct
import subprocess
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
NEAR, FAR = "10.99.7.1", "10.99.7.2"
MTU = 1500


@dataclass
class Direction:
    """One way of the line: a queue in front of a link of a rate, then the delay."""

    rate_bytes_s: float
    delay_s: float
    loss: float
    queue_bytes: int
    seed: int
    bytes_carried: int = 0
    payload_bytes: int = 0
    cut: bool = False
    _free_at: float = 0.0
    _waiting: collections.deque[tuple[float, bytes]] = field(default_factory=collections.deque)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def take(self, packet: bytes, now: float) -> None:
        """A packet at the entrance: queued, or dropped."""
        start = max(now, self._free_at)
        if self.cut or (start - now) * self.rate_bytes_s > self.queue_bytes:
            return
        self._free_at = start + len(packet) / self.rate_bytes_s
        self.bytes_carried += len(packet)
        self.payload_bytes += _payload_bytes(packet)
        if self._random.random() >= self.loss:
            self._waiting.append((self._free_at + self.delay_s, packet))

    def due(self, now: float) -> list[bytes]:
        """What has come out at the far end."""
        out = []
        while self._waiting and self._waiting[0][0] <= now:
            packet = self._waiting.popleft()[1]
            if not self.cut:
                out.append(packet)
        return out


def _payload_bytes(packet: bytes) -> int:
    """What an IPv4 packet carries beyond the heads of IP and TCP (RFC 791, RFC 9293)."""
    head = (packet[0] & 0x0F) * 4
    return len(packet) - head - (packet[head + 12] >> 4) * 4 if packet[0] >> 4 == 4 and packet[9] == 6 else 0


class Wire:
    """Two namespaces and the line between; `command_near` and `command_far` run programs in them."""

    def __init__(self, *, rate_bit_s: float, round_trip_s: float, loss: float, name: str) -> None:
        self.spaces = f"{name}n", f"{name}f"
        rate = rate_bit_s / 8
        queue = int(rate * 0.2)  # a modest buffer, as of a good DSL modem
        self.up = Direction(rate, round_trip_s / 2, loss, queue, 1)
        self.down = Direction(rate, round_trip_s / 2, loss, queue, 2)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._files: list[int] = []

    def __enter__(self) -> "Wire":
        near, far = (self._open(n, a, p) for n, a, p in zip(self.spaces, (NEAR, FAR), (FAR, NEAR), strict=True))
        for source, to, way in ((near, far, self.up), (far, near, self.down)):
            self._threads.append(threading.Thread(target=self._carry, args=[source, to, way], daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def _open(self, space: str, address: str, peer: str) -> int:
        device = f"t{space}"[:15]
        subprocess.run(["ip", "netns", "add", space], check=True)
        file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        self._files.append(file)
        fcntl.ioctl(file, _TUNSETIFF, struct.pack("16sH", device.encode(), _IFF_TUN | _IFF_NO_PI))
        for words in (
            ["ip", "link", "set", device, "netns", space],
            ["ip", "-n", space, "link", "set", "lo", "up"],
            ["ip", "-n", space, "addr", "add", address, "peer", peer, "dev", device],
            ["ip", "-n", space, "link", "set", device, "mtu", str(MTU), "up"],
        ):
            subprocess.run(words, check=True)
        return file

    def _carry(self, source: int, to: int, way: Direction) -> None:
        while not self._stop.is_set():
            readable, _, _ = select.select([source], [], [], 0.001)
            now = time.monotonic()
            if readable:
                for _ in range(64):
                    try:
                        way.take(os.read(source, 65536), now)
                    except BlockingIOError:
                        break
            for packet in way.due(now):
                try:
                    os.write(to, packet)
                except BlockingIOError:
                    continue

    def within(self, near: bool) -> list[str]:
        """What stands before a command to run it at one end."""
        return ["ip", "netns", "exec", self.spaces[0 if near else 1]]

    def cut(self, seconds: float) -> None:
        """Nothing passes for a while, and nobody is told."""
        self.up.cut = self.down.cut = True
        time.sleep(seconds)
        self.up.cut = self.down.cut = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        for file in self._files:
            os.close(file)
        for space in self.spaces:
            subprocess.run(["ip", "netns", "del", space], check=False)
