"""The values of an app's secrets as those need them who must not write one: the console's store, and the queue's."""

import logging
import os
from pathlib import Path

from portable.console.redaction import Redaction
from portable.errors import PortableError

from .values import read_values, value_file

LOG = logging.getLogger("portable.console")


class Secrets:
    """The values of all secrets that the app has, or had since this process began: it may hold an old one still."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = value_file(folder, "secret")
        self._stamp: tuple[int, int, int] | None = None
        self._known: set[str] = set()
        self._redaction = Redaction.of(())

    def redaction(self) -> Redaction | None:
        """The redaction to be used from now on; None: that of before is good."""
        try:
            found = os.stat(self._file)
        except FileNotFoundError:
            stamp = (0, 0, 0)
        else:
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        if stamp == self._stamp:
            return None
        try:
            self._known |= set(read_values(self._folder, "secret").values())
        except PortableError as error:
            # What can be read of it is not known; what was known stays redacted, and the file is looked at again.
            LOG.warning("secrets cannot be redacted by value: %s", error.message)
        else:
            self._stamp = stamp
        self._redaction = Redaction.of(self._known)
        return self._redaction

    def current(self) -> Redaction:
        """The redaction for what is written now."""
        return self.redaction() or self._redaction
