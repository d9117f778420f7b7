"""Malformed events: 2,000 of each trigger, none of which is counted as done, hangs or ends the process."""

import json
import logging
import random
from collections import Counter
from collections.abc import Callable, Generator
from typing import Any

import pytest
from portable_gcp.http_front import environ_of
from portable_gcp.runtime import Entry

from tests.aws.lambdas import envelope
from tests.aws.mutations import mutated
from tests.gcp.functions import (
    ITEM,
    NAMES,
    Function,
    Request,
    a_function,
    change,
    cloud_event,
    document,
    fire,
    notification,
    push,
    stored,
    task,
)

EVENTS = 2000
DONE, AGAIN, NOT_UNDERSTOOD = 204, 500, 400
STRANGE = ("", " ", "x", "0", "-1", "1e999", "é", "a" * 5000, "null", "projects/p", "2026-13-45T99:00:00Z", "%00", "//")
Make = Callable[[int, random.Random], Request]


@pytest.fixture
def gcp() -> Generator[Function]:
    log = logging.getLogger("portable.background")
    log.setLevel(logging.CRITICAL + 1)
    with a_function() as found:
        yield found
    log.setLevel(logging.NOTSET)


def with_headers(request: Request, source: random.Random) -> Request:
    """The request with something wrong in its headers."""
    headers = dict(request.headers)
    for _ in range(source.choice((1, 1, 2))):
        name = source.choice(list(headers))
        old = headers.pop(name)
        what = source.randrange(4)
        if what == 0:
            headers[name] = source.choice(STRANGE)
        elif what == 1:
            cut = source.randrange(len(old) + 1)
            headers[name] = source.choice(
                (old[:cut], old[cut:], old[:cut] + chr(source.randrange(32, 300)) + old[cut:])
            )
        elif what == 2:
            headers[f"x-{name}"] = old
        if not headers:
            break
    return request._replace(headers=headers)


def with_body(request: Request, source: random.Random) -> Request:
    """The request with something wrong in the JSON that is its body."""
    found, _ = mutated(json.loads(request.body), source)
    return request._replace(body=json.dumps(found).encode())


def with_bytes(request: Request, source: random.Random) -> Request:
    """The request with something wrong in the bytes of its body."""
    raw = bytearray(request.body)
    for _ in range(source.choice((1, 1, 2, 5))):
        if not raw:
            break
        at = source.randrange(len(raw))
        what = source.randrange(4)
        if what == 0:
            del raw[at:]
        elif what == 1:
            raw[at] = source.randrange(256)
        elif what == 2:
            del raw[at]
        else:
            raw[at:at] = source.randbytes(3)
    return request._replace(body=bytes(raw))


def one_of(*ways: Callable[[int, random.Random], Request]) -> Make:
    return lambda n, source: source.choice(ways)(n, source)


def of_request(make: Callable[[int], Request], *changes: Callable[[Request, random.Random], Request]) -> Make:
    return lambda n, source: source.choice(changes)(make(n), source)


def inside(make: Callable[[int], Any], wrap: Callable[[int, Any], Request]) -> Make:
    """Something wrong in what is inside a body."""

    def made(n: int, source: random.Random) -> Request:
        found, _ = mutated(make(n), source)
        return wrap(n, found)

    return made


def own(kind: str, n: int, **more: Any) -> Any:
    return json.loads(envelope(kind, {"a": 1}, **{**more, "id": f"d-{n}"}))


def a_task(n: int) -> Request:
    return task("work", json.dumps(own("task", n)), id=f"t-{n}")


def news(n: int, inner: Any = None) -> Request:
    data = own("topic", n, attributes={"kind": "good"}) if inner is None else inner
    return push("heard", json.dumps(data).encode(), {"kind": "good"}, id=f"m-{n}")


def objects(n: int, data: Any = None) -> Request:
    made = notification(key=f"in/{n}", id=f"m-{n}")
    return made if data is None else push("stored", json.dumps(data).encode(), attributes_of(made), id=f"m-{n}")


def attributes_of(request: Request) -> dict[str, str]:
    found: dict[str, str] = json.loads(request.body)["message"]["attributes"]
    return found


def direct(n: int, data: Any = None) -> Request:
    source = f"//storage.googleapis.com/projects/_/buckets/{NAMES.bucket('files')}"
    headers = cloud_event("google.cloud.storage.object.v1.finalized", source, f"objects/in/{n}", f"e-{n}")
    headers["content-type"] = "application/json"
    return Request("/", headers, json.dumps(stored(f"in/{n}") if data is None else data).encode())


def changes(n: int, new: Any = None) -> Request:
    before, after = document(ITEM, "a", "b"), document({**ITEM, "n": n}, "a", "b")
    if n % 3 == 0:
        return change(None, before, id=f"e-{n}")
    return change(after if new is None else new, before if n % 3 == 1 else None, id=f"e-{n}")


TRIGGERS: dict[str, Make] = {
    "task": one_of(
        of_request(a_task, with_headers, with_body, with_bytes),
        inside(lambda n: own("task", n), lambda n, found: task("work", json.dumps(found), id=f"t-{n}")),
    ),
    "topic": one_of(
        of_request(news, with_body, with_bytes), inside(lambda n: own("topic", n, attributes={"kind": "good"}), news)
    ),
    "schedule": of_request(lambda n: fire(f"{2100 + n % 900}-01-01T{n % 24:02}:00:00Z"), with_headers),
    "bucket": one_of(of_request(objects, with_body, with_bytes), inside(lambda n: stored(f"in/{n}"), objects)),
    "bucket, by Eventarc": one_of(
        of_request(direct, with_headers, with_body), inside(lambda n: stored(f"in/{n}"), direct)
    ),
    "table": of_request(changes, with_headers, with_bytes, with_bytes),
}


def is_for_others(trigger: str, request: Request) -> bool:
    """Whether a request says, well-formed, something that its handler did not ask for."""
    if trigger == "topic":
        return b'"kind": "good"' not in request.body
    if "bucket" in trigger:
        text = request.body.decode("utf-8", "replace") + str(request.headers)
        is_asked_for = '"in/' in text and ("OBJECT_FINALIZE" in text or "finalized" in text)
        return not is_asked_for or "overwritten" in text
    # A deletion of an item whose time was over: bytes of it may say so.
    return trigger == "table" and b"ttl" in request.body


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_mutated_event_is_run_or_kept_or_refused_and_never_lost(
    gcp: Function, trigger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    source = random.Random(seed)
    kept: Counter[str] = Counter()
    attempts = gcp.deliveries._attempts
    original = attempts.keep

    def keep(*arguments: Any) -> None:
        kept["letters"] += 1
        original(*arguments)

    monkeypatch.setattr(attempts, "keep", keep)
    found: Counter[str] = Counter()
    for n in range(EVENTS):
        request = TRIGGERS[trigger](n, source)
        before = len(gcp.called.seen), kept["letters"], len(gcp.clients.tasks.sent)
        status = gcp.receive(request)
        after = len(gcp.called.seen), kept["letters"], len(gcp.clients.tasks.sent)
        assert status in (DONE, AGAIN, NOT_UNDERSTOOD), (seed, n, request)
        if after[0] > before[0]:
            found["run"] += 1
        elif status != DONE:
            found["refused" if status == NOT_UNDERSTOOD else "again"] += 1
        elif after[1] > before[1]:
            found["kept"] += 1
        elif after[2] > before[2]:
            found["queued"] += 1
        else:
            found["for others"] += 1
            assert is_for_others(trigger, request), (seed, n, request)
    print(trigger, dict(found))
    assert found["again"] == 0
    assert found["refused"] + found["kept"] >= EVENTS // 10
    assert found["run"] + found["queued"] >= EVENTS // 20
    assert found["for others"] <= EVENTS // 5


def test_a_mutated_request_is_answered(gcp: Function) -> None:
    """What may reach an app's routes: a request of any kind, and an environment of WSGI with something wrong in it."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    source = random.Random(seed)
    entry = Entry(gcp.app, gcp.running.dispatcher, NAMES, gcp.clients, gcp.binding, "http")
    found: Counter[int] = Counter()
    for _ in range(EVENTS):
        headers = [(source.choice(("a", "cookie", "content-type", "x-forwarded-for")), source.choice(STRANGE))]
        environ = environ_of(source.choice(("GET", "POST", "PUT")), "/x?a=1", headers, b"{}", "host")
        for name in source.sample([key for key in environ if not key.startswith("wsgi")], source.choice((1, 2))):
            if name != "REQUEST_METHOD":
                environ[name] = source.choice((*STRANGE, "http://host/x", "*", "/x/../x", "/%zz"))
        answer = entry.respond(environ)
        assert 200 <= answer.status <= 599, (seed, environ)
        assert answer.status != 500, (seed, environ, answer.body)
        found[answer.status] += 1
    print(dict(found))
    assert found[200] >= 50
    assert sum(found.values()) - found[200] >= 50


@pytest.mark.parametrize("body", [b"", b"null", b"true", b"7", b'"x"', b"[]", b"[1]", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_no_event_at_all_is_refused(gcp: Function, body: bytes) -> None:
    assert gcp.receive(Request("/", {"content-type": "application/json"}, body)) == NOT_UNDERSTOOD
    assert gcp.called.seen == []
