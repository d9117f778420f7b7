"""Deliveries over HTTP: what is due in a project is sent as it becomes due, in threads of the stack."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from .deliveries import Attempt, Deliveries

AT_ONCE = 16
LOOK_SECONDS = 0.25
"""How often the machine's time is looked at, where a project has no other and nothing else happens."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Pusher:
    """Sends what is due in one project until it is closed."""

    def __init__(self, deliveries: Deliveries, project: str, hosts: Mapping[str, str]) -> None:
        self._deliveries = deliveries
        self._project = project
        self.hosts = dict(hosts)
        self._ends = False
        self._free = threading.Semaphore(AT_ONCE)
        self._executor = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"push-{project}")
        self._thread = threading.Thread(target=self._run, name=f"push-{project}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends when everything that is on its way has been answered."""
        with self._deliveries.changed:
            self._ends = True
            self._deliveries.changed.notify_all()
        self._thread.join()
        self._executor.shutdown(wait=True)

    def _run(self) -> None:
        while True:
            self._free.acquire()
            with self._deliveries.changed:
                if self._ends:
                    return
                found = self._deliveries.due(self._project, 1)
                if not found:
                    self._free.release()
                    self._deliveries.changed.wait(LOOK_SECONDS)
                    continue
            self._executor.submit(self._send, *found[0])

    def _send(self, id: str, attempt: Attempt) -> None:
        try:
            status = send(attempt, self.hosts)
        finally:
            self._free.release()
        self._deliveries.answer(self._project, id, status)


def send(attempt: Attempt, hosts: Mapping[str, str]) -> int:
    """The status of the answer to an attempt; 0 for none."""
    parts = urlsplit(attempt.url)
    host = parts.hostname or ""
    mapped = hosts.get(parts.netloc) or hosts.get(host)
    place = urlsplit(mapped) if mapped else parts
    if place.hostname not in LOOPBACK:
        # A stand-in sends nothing to the world.
        return 0
    kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
    connection = kind(place.hostname, place.port, timeout=attempt.deadline)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    try:
        connection.putrequest(attempt.method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", parts.netloc)
        for name, value in attempt.headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(attempt.body)))
        connection.endheaders(attempt.body)
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()
    return answer.status
