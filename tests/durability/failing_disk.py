"""A disk whose n-th call fails: the functions of `os` below the code under test, counted on this thread."""

import errno
import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

CALLS = ("open", "write", "fsync", "rename", "replace", "link", "mkdir")
ERRORS = (errno.EIO, errno.ENOSPC)


class FailingDisk:
    """Between `fails_at` and its end the n-th of the counted calls raises; `count` says how many there were."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.has_failed = False
        self._at = 0
        self._error = 0
        self._thread: int | None = None
        for name in CALLS:
            patch.setattr(os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self._thread == threading.get_ident():
                self.count += 1
                if self.count == self._at:
                    self.has_failed = True
                    raise OSError(self._error, os.strerror(self._error))
            return real(*arguments, **named)

        return call

    @contextmanager
    def fails_at(self, number: int, error: int) -> Generator[None]:
        """From here the `number`-th call fails; 0: none does."""
        self.count, self._at, self._error, self.has_failed = 0, number, error, False
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._thread = None
