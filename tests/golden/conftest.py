"""Text that people have read: a test compares it, UPDATE_GOLDEN=1 writes it again for the next reading."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def golden() -> Callable[[Path, str], None]:
    """Compares a text with a file; the difference is pytest's to show."""

    def compare(file: Path, text: str) -> None:
        if os.environ.get("UPDATE_GOLDEN"):
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8"), f"{file.name}: UPDATE_GOLDEN=1 writes it again; then read it"

    return compare
