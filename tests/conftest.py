"""What failing tests say more: the log of the component that they used. And that interrupts are heard."""

import signal
import threading
from collections.abc import Generator

import pytest

from tests.aws_stack import session

if threading.current_thread() is threading.main_thread():
    # A shell has what it starts in the background ignore them, and so would all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and "aws_stack" in getattr(item, "fixturenames", ()):
        report.sections.append(("LocalStack's log", session.tail("localstack")))
    return report
