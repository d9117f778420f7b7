"""What Google brings to a function that cannot start, or that is ended before it says a word: nothing of it is lost.

The stack's deliveries are answered in the function's place, with what Cloud Run answers then.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from portable_gcp.running import RunningApp, running

from portable.app import App
from portable.buckets import ObjectEvent
from portable.dead_letters import dead_letters
from tests.gcp_stack.asking import Project
from tests.gcp_stack.session import GcpStack, gcp_stack

__all__ = ["gcp_stack"]


class Shop:
    """An app with a handler behind each service that calls functions."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.app = app = App("shop")
        self.orders: Any = app.topic("orders", str)
        self.files = app.bucket("files")

        @app.task(max_attempts=3)
        def pack(order: str) -> None:
            self.ran.append(f"pack {order}")

        @app.task(max_attempts=100, name="ship")
        def ship(order: str) -> None:
            self.ran.append(f"ship {order}")

        @self.orders.subscribe(max_attempts=3)
        def seen(order: str) -> None:
            self.ran.append(f"seen {order}")

        @self.files.on_created(max_attempts=3)
        def received(event: ObjectEvent) -> None:
            self.ran.append(f"received {event.key}")

        self.pack, self.ship = pack, ship


@pytest.fixture
def shop(gcp_stack: GcpStack) -> Iterator[tuple[Shop, RunningApp, Project]]:
    made = Shop()
    with running(made.app) as found:
        yield made, found, Project(gcp_stack.services.services.control, found._names.project)


def fail(found: RunningApp, project: Project, status: int, times: int, wait: float) -> int:
    """Answers all that is due, so many times with so many seconds in between; how many deliveries that were."""
    count = 0
    for _ in range(times):
        for delivery in project.due():
            project.answer(delivery, status)
            count += 1
        found.advance(wait)
    return count


def test_a_task_waits_for_a_function_that_can_start(shop: tuple[Shop, RunningApp, Project]) -> None:
    made, found, project = shop
    made.ship.send("1")
    # No instance: that is Cloud Run's answer, and no attempt.
    assert fail(found, project, 429, 200, 3600.0) > 100
    found.drain()
    assert made.ran == ["ship 1"]
    assert found.dead_letters("ship") == []


def test_a_task_whose_function_ended_each_time_is_a_dead_letter_and_not_gone(
    shop: tuple[Shop, RunningApp, Project],
) -> None:
    made, found, project = shop
    made.pack.send("1")
    assert fail(found, project, 500, 40, 3600.0) == 40
    found.drain()
    assert made.ran == []
    [letter] = found.dead_letters("pack")
    assert letter.attempts == 3
    dead_letters(made.app, "pack").redrive(letter.id)
    found.drain()
    assert made.ran == ["pack 1"]


@pytest.mark.parametrize("handler", ["seen", "received"])
def test_what_pubsub_could_not_push_is_a_dead_letter_that_runs_when_it_is_redriven(
    shop: tuple[Shop, RunningApp, Project], handler: str
) -> None:
    made, found, project = shop
    if handler == "seen":
        made.orders.publish("1")
    else:
        made.files.put("in/a", b"x")
    assert fail(found, project, 503, 40, 601.0) >= 5
    found.drain()
    assert made.ran == []
    [letter] = found.dead_letters(handler)
    dead_letters(made.app, handler).redrive(letter.id)
    found.drain()
    assert made.ran == ["seen 1" if handler == "seen" else "received in/a"]
    assert found.dead_letters(handler) == []
