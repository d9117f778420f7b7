"""Four writers over HTTP, each with keys of its own, and what must be found of them after a restart."""

import random
import threading
import zlib
from typing import Any

from .dev_process import Broken, Dev, Reply
from .ledger import Ledger

KEYS = 6
PATIENCE = 3
"""Requests without an answer after which a writer gives up: the server is gone."""


class Writer:
    """One thread that writes until it is told to stop, or nobody answers any more."""

    def __init__(self, dev: Dev, number: int, source: random.Random) -> None:
        self._dev = dev
        self._name = f"w{number}"
        self._source = source
        self._state = 0
        self._counts: dict[str, int] = {}
        self.ledger = Ledger()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.errors: list[BaseException] = []

    def begin(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "a writer hangs"
        if self.errors:
            raise self.errors[0]

    def _run(self) -> None:
        broken = 0
        try:
            while not self._stopping.is_set() and broken < PATIENCE:
                broken = 0 if self.write() else broken + 1
        except BaseException as error:
            self.errors.append(error)

    def write(self) -> bool:
        """One write of a random kind to a key whose state is known; whether it was answered."""
        self._state += 1
        position = self._source.randrange(KEYS)
        match self._source.choice(("put", "put", "delete", "pair", "count", "file")):
            case "put":
                return self._do(f"item:{position}", self._state, "PUT", f"/items/{self._name}/k{position}")
            case "delete":
                return self._do(f"item:{position}", 0, "DELETE", f"/items/{self._name}/k{position}")
            case "pair":
                return self._do(f"pair:{position}", self._state, "POST", f"/pairs/{self._name}-p{position}")
            case "count":
                key = f"count:{position}"
                count = self._counts.get(key, 0) + 1
                if self._do(key, count, "POST", f"/counters/{self._name}-c{position}"):
                    self._counts[key] = count
                    return True
                return False
            case _:
                return self._do(f"file:{position}", self._state, "PUT", f"/files/{self._name}-f{position}")

    def _do(self, key: str, state: int, method: str, target: str) -> bool:
        if self.ledger.is_open(key):
            return True
        self.ledger.intend(key, state)
        try:
            reply = self._dev.request(method, target, {"n": state})
        except Broken:
            return False
        if reply.status == 200:
            assert not key.startswith("count") or reply.body["n"] == state, f"{key}: {reply.body} is not {state}"
            self.ledger.acknowledge(key, state)
            return True
        # 503: nothing happened, 502: it may have.
        assert reply.status in (502, 503), f"{method} {target}: {reply}"
        return False

    def check(self) -> list[str]:
        """Reads all keys again; what is wrong."""
        found: dict[str, int] = {}
        faults: list[str] = []
        self._found_items(found, faults)
        for position in range(KEYS):
            self._found_pair(position, found, faults)
            rows = self._items(f"{self._name}-c{position}")
            found[f"count:{position}"] = rows[0]["n"] if rows else 0
            file = self._ask(f"/files/{self._name}-f{position}").body
            found[f"file:{position}"] = file["n"]
            if not file.get("is_whole", True):
                faults.append(f"file {position} is a mixture")
        faults += self.ledger.settle({key: state for key, state in found.items() if state})
        self._counts = {key: state for key, state in found.items() if key.startswith("count")}
        return [f"{self._name}: {fault}" for fault in faults]

    def _found_items(self, found: dict[str, int], faults: list[str]) -> None:
        for item in self._items(self._name):
            found[f"item:{item['sk'][1:]}"] = item["n"]
            if not is_sealed(item):
                faults.append(f"a mixture: {item}")

    def _found_pair(self, position: int, found: dict[str, int], faults: list[str]) -> None:
        sides = self._items(f"{self._name}-p{position}")
        if {item["sk"] for item in sides} not in (set(), {"left", "right"}) or len({item["n"] for item in sides}) > 1:
            faults.append(f"half a transaction: {sides}")
        if not all(is_sealed(item) for item in sides):
            faults.append(f"a mixture: {sides}")
        if sides:
            found[f"pair:{position}"] = sides[0]["n"]

    def _items(self, pk: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._ask(f"/items/{pk}").body
        return rows

    def _ask(self, target: str) -> Reply:
        """Asks again when the server goes: one whose parent was killed may answer once more before it ends too."""
        for left in reversed(range(PATIENCE)):
            try:
                reply = self._dev.request("GET", target)
                break
            except Broken:
                if not left:
                    raise
                self._dev.start()
        assert reply.status == 200, f"{target}: {reply}"
        return reply


def is_sealed(item: dict[str, Any]) -> bool:
    key = f"{item['pk']}/{item['sk']}"
    pad = f"{key}/{item['n']}/" * 20
    return (item["pad"], item["crc"]) == (pad, zlib.crc32(f"{key} {item['n']} {pad}".encode()))
