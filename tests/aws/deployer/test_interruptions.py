"""Interrupted at every call that a deploy, rollback or destroy makes, a rerun leads to the same end. Over our fake.

Four ways: an exception before the call (Ctrl-C), one after it, an answer that AWS gave and nobody got, and a killed
process. The stack's own operation goes on meanwhile, as AWS's does.
"""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from portable.errors import PortableError
from tests.aws.deployer.fake_aws import FakeAws
from tests.aws.deployer.fake_cloudformation import indexes_of
from tests.aws.deployer.shop import STACK, Shop, app_of

ROOT = Path(__file__).parents[3]
MOST_CALLS = 200
KILLED_EVERY = 13
"""In the default run a process is killed at every thirteenth call; the slow test takes each."""


class Interrupted(BaseException):
    """As KeyboardInterrupt, which pytest would take for its own."""


class At:
    """A hook that does something at the nth call, before or after it."""

    def __init__(self, number: int, when: str, act: Callable[[str], None]) -> None:
        self.number = number
        self.when = when
        self.act = act
        self.count = 0
        self.fired: str | None = None

    def __call__(self, when: str, service: str, operation: str) -> None:
        if when != self.when:
            return
        self.count += 1
        if self.count == self.number:
            self.fired = f"{service}.{operation}"
            self.act(operation)


def interrupt(operation: str) -> None:
    raise Interrupted(operation)


def throttle(operation: str) -> None:
    raise ClientError({"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}, operation)


def lose(operation: str) -> None:
    raise ReadTimeoutError(endpoint_url="https://aws")


WAYS: dict[str, tuple[str, Callable[[str], None]]] = {
    "interrupted before the call": ("before", interrupt),
    "interrupted after the call": ("after", interrupt),
    "throttled": ("before", throttle),
    "answer lost": ("after", lose),
}


def first(shop: Shop) -> None:
    shop.deploy()


def update(shop: Shop) -> None:
    shop.deploy(app_of(tasks=("pack", "ship")), code="2")


def indexed(shop: Shop) -> None:
    shop.deploy(app_of(indexes=("old",)))


def reindex(shop: Shop) -> None:
    shop.deploy(app_of(indexes=("new",)), code="2")


def rollback(shop: Shop) -> None:
    shop.rollback(1)


def destroy(shop: Shop) -> None:
    shop.destroy("orders")


WORLD = {"shop-dev-orders", "shop-dev--state"}
VERBS: dict[str, tuple[list[Callable[[Shop], None]], Callable[[Shop], None], str | None, int]] = {
    # What came before, what is interrupted, the stack's state at the end, and how many releases.
    "a first deploy": ([], first, "_COMPLETE", 1),
    "an update": ([first], update, "_COMPLETE", 2),
    "an update of indexes": ([indexed], reindex, "_COMPLETE", 2),
    "a rollback": ([first, update], rollback, "_COMPLETE", 3),
    "a destroy": ([first], destroy, None, 1),
}


def check(shop: Shop, verb: str, where: str) -> None:
    """What has to be so in the end, whatever happened on the way."""
    _, _, state, releases = VERBS[verb]
    status = shop.status()
    if state is None:
        assert status is None, where
        assert set(shop.aws.world()) == {"shop-dev--state"}, where
    else:
        assert status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), where
        stack = shop.aws.stack(STACK)
        assert stack is not None
        physical = {one["physical"] for one in stack["resources"].values()}
        assert set(shop.aws.world()) == physical, where
        there = indexes_of(stack["template"]["Resources"]["TableOrders"])
        assert there == ({"new"} if verb == "an update of indexes" else set()), where
    assert [one.number for one in shop.deployer.releases()] == list(range(1, releases + 1)), where
    assert shop.deployer.holder() is None, where


def dead_process() -> int:
    """The number of a process that has ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def end_of_process(aws: FakeAws, pid: int) -> None:
    """An interruption ends the command's process. Here it goes on, so the lock says that it was another one's."""

    def change(state: dict[str, Any]) -> None:
        found = state["objects"].get("locks/shop-dev.json")
        if found is not None:
            body = {**json.loads(base64.b64decode(found["body"])), "pid": pid}
            found["body"] = base64.b64encode(json.dumps(body).encode()).decode()

    aws.change(change)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("verb", VERBS)
def test_interrupted_at_every_call_a_rerun_leads_to_the_same_end(verb: str, way: str) -> None:
    before, act, _, _ = VERBS[verb]
    prepared = FakeAws()
    for step in before:
        step(Shop(prepared))
    state = prepared.read()
    when, how = WAYS[way]
    interrupted = 0
    pid = dead_process()
    for number in range(1, MOST_CALLS):
        aws = FakeAws()
        aws.write(state)
        hook = At(number, when, how)
        try:
            act(Shop(aws, hook=hook))
        except (Interrupted, PortableError):
            interrupted += 1
        if hook.fired is None:
            break
        where = f"call {number}, {hook.fired}"
        end_of_process(aws, pid)
        shop = Shop(aws)
        try:
            act(shop)
        except PortableError as error:
            raise AssertionError(f"{where}: the rerun failed: {error}") from error
        check(shop, verb, where)
    else:
        raise AssertionError(f"more than {MOST_CALLS} calls")
    assert number > 8
    assert interrupted


def killed(file: Path, verb: str, number: int, when: str) -> int:
    """Runs a verb in a process that kills itself at a call; its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.aws.deployer.test_interruptions", str(file), verb, str(number), when],
        cwd=ROOT,
        timeout=120,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def kills(tmp_path: Path, verb: str, when: str, every: int) -> int:
    before, act, _, _ = VERBS[verb]
    prepared = FakeAws()
    for step in before:
        step(Shop(prepared))
    state = prepared.read()
    done = 0
    for number in range(1, MOST_CALLS, every):
        file = tmp_path / "aws.json"
        aws = FakeAws(file)
        aws.write(state)
        if killed(file, verb, number, when) == 0:
            break
        done += 1
        shop = Shop(aws)
        act(shop)
        check(shop, verb, f"killed {when} call {number}")
    return done


@pytest.mark.parametrize("verb", VERBS)
def test_a_killed_process_leaves_nothing_that_hinders_the_next_one(tmp_path: Path, verb: str) -> None:
    assert kills(tmp_path, verb, "after", KILLED_EVERY) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_process_killed_at_any_call_leaves_nothing_that_hinders_the_next_one(
    tmp_path: Path, verb: str, when: str
) -> None:
    assert kills(tmp_path, verb, when, 1) > 8


def main(file: str, verb: str, number: str, when: str) -> None:
    def die(_: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    VERBS[verb][1](Shop(FakeAws(Path(file)), hook=At(int(number), when, die)))


if __name__ == "__main__":
    arguments: Any = sys.argv[1:]
    main(*arguments)
