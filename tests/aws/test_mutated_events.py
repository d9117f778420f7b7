"""Malformed events: 2,000 of each trigger, none of which is counted as done, hangs or ends the process."""

import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Generator
from typing import Any

import pytest
from portable_aws.runtime import Entry

from portable.shapes import MalformedEvent
from tests.aws.lambdas import (
    NAMES,
    FakeContext,
    Lambda,
    a_lambda,
    change_record,
    envelope,
    http_event,
    s3_record,
    scheduled_event,
    sns_event,
    sns_notification,
    sqs_event,
    sqs_record,
)
from tests.aws.mutations import mutated

EVENTS = 2000
FIRST_FIRE = 4_000_000_000


@pytest.fixture
def aws() -> Generator[Lambda]:
    log = logging.getLogger("portable.background")
    log.setLevel(logging.CRITICAL + 1)
    with a_lambda() as found:
        yield found
    log.setLevel(logging.NOTSET)


def entry_of(aws: Lambda) -> Entry:
    entry = Entry(aws.app, aws.running.dispatcher, NAMES, aws.clients, aws.running._binding)
    entry._made = aws.deliveries
    return entry


def inner(text_of: Callable[[Any], str], wrap: Callable[[str], Any], document: Any) -> Callable[..., Any]:
    """Mutates now what is around a text, now what is in it."""

    def make(n: int, source: random.Random) -> tuple[Any, list[str]]:
        if source.random() < 0.5:
            found, notes = mutated(document(n), source)
            return wrap(text_of(found)), [f"inside: {note}" for note in notes]
        return mutated(wrap(text_of(document(n))), source)

    return make


def outer(event: Callable[[int], Any]) -> Callable[..., Any]:
    return lambda n, source: mutated(event(n), source)


def in_queue(handler: str, document: Callable[[int], Any]) -> Callable[..., Any]:
    def make(n: int, source: random.Random) -> tuple[Any, list[str]]:
        wrap = inner(json.dumps, lambda text: sqs_event(sqs_record(handler, text, id=f"m-{n}")), document)
        made: tuple[Any, list[str]] = wrap(n, source)
        return made

    return make


def own(kind: str, **more: Any) -> Callable[[int], Any]:
    return lambda n: json.loads(envelope(kind, {"a": 1}, **{**more, "id": f"d-{n}"}))


def change(n: int) -> Any:
    event = {"Records": [change_record(("INSERT", "MODIFY", "REMOVE")[n % 3])]}
    event["Records"][0]["eventID"] = f"e-{n}"
    return event


TRIGGERS: dict[str, Callable[..., Any]] = {
    "task": in_queue("work", own("task")),
    "topic": in_queue("heard", own("topic", attributes={"kind": "good"})),
    "topic in SNS's envelope": in_queue(
        "heard", lambda n: sns_notification(envelope("topic", {"a": 1}, id=f"d-{n}", attributes={"kind": "good"}))
    ),
    "schedule": in_queue("tick", lambda n: {"v": 1, "kind": "schedule", "scheduled_at": FIRST_FIRE + n * 3600}),
    "bucket": in_queue("stored", lambda n: {"Records": [s3_record(f"in/{n}")]}),
    "table": outer(change),
    "bucket, direct": outer(lambda n: {"Records": [s3_record(f"in/{n}")]}),
    "topic, direct": outer(lambda n: sns_event(envelope("topic", {}, id=f"d-{n}", attributes={"kind": "good"}))),
    "schedule, direct": outer(lambda n: {**scheduled_event(), "id": f"s-{n}", "time": FIRST_FIRE + n * 3600}),
}


def is_for_others(trigger: str, event: Any) -> bool:
    """Whether an event says, well-formed, something that its handler did not ask for, or has been told before."""
    text = json.dumps(event).replace("\\", "")
    if "bucket" in trigger:
        return '"key": "in/' not in text or "ObjectCreated:" not in text
    if trigger == "topic, direct":
        return '"attributes": {"kind": "good"}' not in text
    # Fire times that mutations have made of the real ones are all in the past, and soon some come twice.
    return "schedule" in trigger and f'"scheduled_at": {FIRST_FIRE:.0f}'[:-6] not in text


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_mutated_event_is_run_or_kept_or_an_error_and_never_lost(
    aws: Lambda, trigger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    source = random.Random(seed)
    entry = entry_of(aws)
    kept: Counter[str] = Counter()
    attempts = aws.deliveries._attempts
    original = attempts.keep

    def keep(*arguments: Any) -> None:
        kept["letters"] += 1
        original(*arguments)

    monkeypatch.setattr(attempts, "keep", keep)
    found: Counter[str] = Counter()
    for n in range(EVENTS):
        event, notes = TRIGGERS[trigger](n, source)
        event = json.loads(json.dumps(event))
        before = len(aws.called.seen), kept["letters"], len(aws.clients.sqs.sent)
        try:
            answer = entry.handle(event, FakeContext("orders-test-none"))
        except MalformedEvent:
            found["error"] += 1
            continue
        after = len(aws.called.seen), kept["letters"], len(aws.clients.sqs.sent)
        if after[0] > before[0]:
            found["run"] += 1
        elif after[1] > before[1]:
            found["kept"] += 1
        elif answer is not None and answer["batchItemFailures"]:
            found["reported"] += 1
        elif after[2] > before[2]:
            found["queued"] += 1
        else:
            found["for others"] += 1
            assert is_for_others(trigger, event), (seed, n, notes, event)
    print(trigger, dict(found))
    assert found["error"] + found["kept"] + found["reported"] >= EVENTS // 10
    assert found["run"] >= EVENTS // 10
    assert found["for others"] <= EVENTS // 10


def test_a_mutated_http_event_is_answered_or_an_error(aws: Lambda) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    source = random.Random(seed)
    entry = entry_of(aws)
    found: Counter[str] = Counter()
    for _ in range(EVENTS):
        event, _ = mutated(http_event(source.choice(("GET", "POST")), "/x"), source)
        try:
            answer = entry.handle(json.loads(json.dumps(event)), FakeContext())
        except MalformedEvent:
            found["error"] += 1
            continue
        assert 200 <= answer["statusCode"] <= 599, (seed, event)
        assert answer["statusCode"] != 500, (seed, event, answer)
        assert json.loads(json.dumps(answer)) == answer
        assert all(type(value) is str for value in answer["headers"].values())
        found[str(answer["statusCode"])] += 1
    print(dict(found))
    assert found["error"] >= 50
    assert found["200"] >= 50


@pytest.mark.parametrize("event", [None, True, 7, "x", [], [1], {}, {"Records": []}, {"Records": None}], ids=repr)
def test_what_is_no_event_at_all_is_an_error(aws: Lambda, event: Any) -> None:
    with pytest.raises(MalformedEvent):
        entry_of(aws).handle(event, FakeContext())
