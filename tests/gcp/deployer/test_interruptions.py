"""Interrupted at every call that a deploy, rollback or destroy makes, a rerun leads to the same end. Over our fake.

Three ways: the call is not made any more, its answer is lost and nothing follows it, and a killed process. What Google
is at meanwhile goes on.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Container
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from portable.errors import PortableError
from tests.gcp.deployer.fake_google import Google
from tests.gcp.deployer.shop import APP, STAGE, Shop, app_of
from tests.gcp_stack.front import error
from tests.gcp_stack.server import Reply, Request

ROOT = Path(__file__).parents[3]
MOST_CALLS = 400
EVERY = 37
"""In the default run one call in so many is interrupted, from elsewhere on for each verb, and each change once on one
way to the end; the slow test takes all calls, each from the start."""
KILLED_EVERY = 90
Call = tuple[str, str, str, int]
"""Service, verb, path and length of the body: all that tells one change of a deploy from the others."""


class At:
    """A hook that ends the world at the nth call, before it is carried out or after: nothing gets through any more.

    Calls about the lock do, once the process is over: it is given back by it, or was a dead process's. With
    `but` only changes are counted, and none of those.
    """

    def __init__(self, number: int, when: str, *, but: Container[Call] | None = None) -> None:
        self.number = number
        self.when = when
        self.but = but
        self.call: Call | None = None
        self.count = 0
        self.fired: str | None = None

    def __call__(self, when: str, service: str, request: Request) -> Reply | None:
        if self.fired is not None:
            return None if when == "after" or is_lock(request) else error("PERMISSION_DENIED", "interrupted")
        call = service, request.verb, request.path, len(request.body or b"")
        if self.but is not None and (not is_change(request) or call in self.but):
            return None
        if when == "before":
            self.count += 1
        if when == self.when and self.count == self.number:
            self.fired, self.call = f"{service} {request.verb} {request.path}", call
            return error("PERMISSION_DENIED", "interrupted")
        return None


def is_change(request: Request) -> bool:
    """Whether a call may change something other than the lock: who is interrupted at a call that only looks is
    interrupted before the next one that changes."""
    return request.verb != "GET" and not is_lock(request) and not request.path.endswith(":getIamPolicy")


def is_lock(request: Request) -> bool:
    return "/o/locks%2F" in request.path or b"locks/" in request.body[:500]


@cache
def everything() -> Any:
    return app_of(buckets=("files",), indexes=("by_day",), is_whole=True)


def first(shop: Shop) -> None:
    shop.deploy(everything())


@cache
def other() -> Any:
    return app_of(tasks=("ship",), indexes=("by_name",))


def update(shop: Shop) -> None:
    shop.deploy(other(), code="2", lose=("files", "key", "rate"))


def rollback(shop: Shop) -> None:
    shop.rollback(1)


def destroy(shop: Shop) -> None:
    shop.destroy("table:orders", "files", app=everything())


VERBS: dict[str, tuple[list[Callable[[Shop], None]], Callable[[Shop], None], int]] = {
    # What came before, what is interrupted, and how many releases there are in the end.
    "a first deploy": ([], first, 1),
    "an update": ([first], update, 2),
    "a rollback": ([first, update], rollback, 3),
    "a destroy": ([first], destroy, 1),
}


def check(google: Google, wanted: dict[str, Any], releases: int, where: str) -> None:
    """What has to be so in the end, whatever happened on the way."""
    state = google.state()
    assert state["access"] == wanted["access"], where
    assert state["enabled"] == wanted["enabled"], where
    assert sorted(state["resources"]) == sorted(wanted["resources"]), where
    for name, one in wanted["resources"].items():
        assert without_numbers(state["resources"][name]) == without_numbers(one), f"{where}: {name}"
    deployer = Shop(google).deployer
    assert [one.number for one in deployer.releases()] == list(range(1, releases + 1)), where
    assert deployer.holder() is None, where


def without_numbers(one: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key not in ("etag", "generation")}


def prepared(google: Google, verb: str) -> tuple[dict[str, Any], dict[str, Any], int]:
    """The state before, the state to be led to, and how many calls lead there."""
    before, act, _ = VERBS[verb]
    google.forget()
    for step in before:
        step(Shop(google))
    kept = google.keep()
    google.restore(kept)
    act(Shop(google))
    calls = len(google.calls)
    google.keep()
    return kept, google.state(), calls


def interrupted(google: Google, verb: str, when: str, numbers: range) -> None:
    kept, wanted, calls = prepared(google, verb)
    _, act, releases = VERBS[verb]
    fired = 0
    for number in numbers:
        google.restore(kept)
        hook = google.hook = At(number, when)
        try:
            act(Shop(google))
        except PortableError:
            fired += 1
        if hook.fired is None:
            break
        where = f"{when} call {number} of about {calls}, {hook.fired}"
        google.hook = lambda *_: None
        end_of_process(google)
        try:
            act(Shop(google))
        except PortableError as fault:
            raise AssertionError(f"{where}: the rerun failed: {fault}") from fault
        google.keep()
        check(google, wanted, releases, where)
    assert fired > 1


def end_of_process(google: Google) -> None:
    """An interruption ends the command's process. Here it goes on, so the lock says that it was another one's."""
    for name, one in google.project.resources.items():
        if name.endswith(f"/objects/locks/{APP}-{STAGE}.json"):
            one["_data"] = json.dumps({**json.loads(one["_data"]), "pid": dead_process()}).encode()


def dead_process() -> int:
    """A number that no process has: Linux has none so large (PID_MAX_LIMIT), nor has anybody else."""
    return 2**22 + 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("verb", VERBS)
def test_interrupted_at_some_calls_a_rerun_leads_to_the_same_end(google: Google, verb: str, when: str) -> None:
    start = 1 + (list(VERBS).index(verb) * 2 + (when == "after")) % EVERY
    interrupted(google, verb, when, range(start, MOST_CALLS, EVERY))


@pytest.mark.parametrize("verb", VERBS)
def test_with_the_answer_to_every_single_change_lost_and_nothing_after_it_the_end_is_the_same(
    google: Google, verb: str
) -> None:
    """Each run goes on where the one before it was interrupted, and is itself at the next change that none was."""
    kept, wanted, _ = prepared(google, verb)
    _, act, releases = VERBS[verb]
    google.restore(kept)
    interrupted: set[Call] = set()
    for _ in range(MOST_CALLS):
        hook = google.hook = At(1, "after", but=interrupted)
        try:
            act(Shop(google))
        except PortableError:
            assert hook.call is not None, "a run failed that was not interrupted"
        if hook.call is None:
            break
        interrupted.add(hook.call)
        google.hook = lambda *_: None
        end_of_process(google)
    google.keep()
    check(google, wanted, releases, f"interrupted at each of {len(interrupted)} changes")
    assert len(interrupted) > 20


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("verb", VERBS)
def test_interrupted_at_every_call_a_rerun_leads_to_the_same_end(google: Google, verb: str, when: str) -> None:
    interrupted(google, verb, when, range(1, MOST_CALLS))


@pytest.mark.parametrize("verb", VERBS)
def test_a_killed_process_leaves_nothing_that_hinders_the_next_one(google: Google, verb: str) -> None:
    kept, wanted, calls = prepared(google, verb)
    _, act, releases = VERBS[verb]
    killed = 0
    for number in range(25, calls, KILLED_EVERY):
        google.restore(kept)
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.gcp.deployer.test_interruptions", verb],
            cwd=ROOT,
            env={**os.environ, **google.environment(), "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        hook = google.hook = Killing(child.pid, number)
        _, said = child.communicate(timeout=120)
        assert child.returncode in (0, -signal.SIGKILL), said.decode()
        killed += child.returncode != 0
        google.hook = lambda *_: None
        act(Shop(google))
        google.keep()
        check(google, wanted, releases, f"killed at call {number}, {hook.fired}")
    assert killed


class Killing(At):
    """Kills a process at its nth call, which is carried out."""

    def __init__(self, pid: int, number: int) -> None:
        super().__init__(number, "after")
        self._pid = pid

    def __call__(self, when: str, service: str, request: Request) -> Reply | None:
        if self.fired is not None:
            return None
        found = super().__call__(when, service, request)
        if found is not None:
            os.kill(self._pid, signal.SIGKILL)
        return found


def main(verb: str) -> None:
    VERBS[verb][1](Shop(Google.__new__(Google)))


if __name__ == "__main__":
    main(*sys.argv[1:])
