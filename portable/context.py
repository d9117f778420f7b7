"""What a handler may know about the call it is in: `def handler(note: Note, context: Context)`."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .errors import Unsupported

if TYPE_CHECKING:
    from logging import Logger

    from .binding import Binding


class Context:
    """One invocation, as its handler sees it.

    `id` is unique per delivery and the same for every attempt of it; `attempt` counts from 1 (it may restart after a
    redrive); `deadline` is an epoch time; `traceparent` follows W3C Trace Context, names this very attempt as the
    parent, and belongs into outgoing requests.
    """

    __slots__ = (
        "_binding",
        "_calls",
        "_frame",
        "_report",
        "app",
        "attempt",
        "attributes",
        "deadline",
        "handler",
        "id",
        "kind",
        "scheduled_at",
        "stage",
        "traceparent",
    )

    def __init__(
        self,
        *,
        id: str,
        kind: str,
        handler: str,
        app: str,
        stage: str,
        attempt: int,
        deadline: float,
        traceparent: str,
        attributes: dict[str, str] | None = None,
        scheduled_at: float | None = None,
        report: Callable[[float, str | None], None] | None = None,
        binding: "Binding | None" = None,
    ) -> None:
        self.id: str = id
        self.kind: str = kind
        self.handler: str = handler
        self.app: str = app
        self.stage: str = stage
        self.attempt: int = attempt
        self.deadline: float = deadline
        self.traceparent: str = traceparent
        self.attributes: dict[str, str] = attributes or {}
        self.scheduled_at: float | None = scheduled_at
        self._report = report
        self._binding = binding
        self._calls = 0
        self._frame: tuple[str, int, str] | None = None

    @property
    def remaining(self) -> float:
        """Seconds until the deadline; negative when it has passed."""
        return self.deadline - time.time()

    @property
    def logger(self) -> "Logger":
        """A standard library logger named after the app and the handler."""
        import logging

        return logging.getLogger(f"{self.app}.{self.handler}")

    def progress(self, fraction: float, note: str | None = None) -> None:
        """Records how far a task has come (0 to 1), readable through `TaskRun.progress`.

        Raises Unsupported outside a task, InvalidArgument outside 0 to 1.
        """
        if self._report is None:
            raise Unsupported(
                f"{self.kind} handlers have no progress",
                hint="only a task's run can be asked for its progress",
            )
        self._report(fraction, note)
