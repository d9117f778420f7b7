"""A console that several tests only read from."""

from collections.abc import Iterator

import pytest

from .serving import Served, served


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("console"), count=120) as running:
        yield running
