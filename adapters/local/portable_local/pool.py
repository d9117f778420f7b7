"""Deliveries that any worker of one generation may take as soon as it is free, without asking the supervisor.

A pair of datagram sockets: the supervisor writes into one end, all workers read at the other, and the kernel sees to it
that each delivery is read once. The supervisor reads there too, when it wants back what nobody has begun: what it gets
was not begun for certain, and never will be. A worker says what it has taken before it begins it.
"""

import json
import socket
import time
from typing import Any

from .transport import to_json

DATAGRAM_BYTES = 64 * 1024
"""A longer delivery is handed out directly."""
HUNGRY = b"h"

Key = tuple[str, int]
"""Id and fence of a delivery."""
Delivery = dict[str, Any]


def key_of(delivery: Delivery) -> Key:
    return delivery["id"], delivery["fence"]


class Pool:
    """The supervisor's side. `workers` is the end that workers get a copy of."""

    def __init__(self) -> None:
        self._ours, self.workers = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        # Of both ends, and of every copy: nobody ever waits here.
        self._ours.setblocking(False)
        self.workers.setblocking(False)

    def fileno(self) -> int:
        return self._ours.fileno()

    def offer(self, delivery: Delivery, since: float) -> bool:
        """Puts a delivery in that is held `since` then, behind the others; False if it does not fit."""
        data = to_json([since, delivery]).encode("utf-8", "surrogatepass")
        if len(data) > DATAGRAM_BYTES:
            return False
        try:
            self._ours.send(data)
        except OSError:
            return False  # full, or larger than this system's datagrams
        return True

    def take_one(self) -> Delivery | None:
        """The first one, if nobody has taken it; now nobody will."""
        return take(self.workers)

    def take_back(self) -> list[Delivery]:
        """All of them, in order."""
        found: list[Delivery] = []
        while (taken := take(self.workers)) is not None:
            found.append(taken)
        return found

    def heard(self) -> None:
        """Reads that workers have found nothing."""
        try:
            while True:
                self._ours.recv(16)
        except OSError:
            return

    def close(self) -> None:
        self._ours.close()
        self.workers.close()


def take(workers: socket.socket) -> Delivery | None:
    """The first delivery, if there is one. Its time begins now."""
    try:
        data = workers.recv(DATAGRAM_BYTES)
    except BlockingIOError:
        return None
    since, delivery = json.loads(data.decode("utf-8", "surrogatepass"))
    delivery["deadline"] += time.monotonic() - since
    taken: Delivery = delivery
    return taken


def tell_hungry(workers: socket.socket) -> None:
    """Wakes the supervisor, if it can hear it: the pool is empty."""
    try:
        workers.send(HUNGRY)
    except OSError:
        return  # it has enough to be woken by, or is gone
