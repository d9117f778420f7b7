"""Integration: statement files of banks, uploaded into a bucket and imported by a task."""

from . import imports, listing, sample
from .store import service

__all__ = ["imports", "listing", "sample", "service"]
