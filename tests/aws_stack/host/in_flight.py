"""What LocalStack has accepted and not yet delivered: events of S3 and SNS travel in threads of its own."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

LONGEST = 60.0


class InFlight:
    """Counts, and lets wait until there is nothing."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def began(self) -> None:
        with self._changed:
            self._count += 1

    def ended(self, _: object = None) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait(self) -> bool:
        """Whether all has arrived."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, LONGEST)


IN_FLIGHT = InFlight()


class CountingExecutor(ThreadPoolExecutor):
    """A pool of threads whose work is counted."""

    def submit(self, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        IN_FLIGHT.began()
        try:
            future = super().submit(*args, **kwargs)
        except BaseException:
            IN_FLIGHT.ended()
            raise
        future.add_done_callback(IN_FLIGHT.ended)
        return future


def install() -> None:
    from localstack.services.s3 import notifications
    from localstack.services.sns import publisher

    notifications.ThreadPoolExecutor = CountingExecutor
    publisher.ThreadPoolExecutor = CountingExecutor
