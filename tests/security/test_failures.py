"""H5 and H6: failures tell nothing outside of dev, disconnects are no failures, and what is internal stays so."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from portable.http import Request, Response

from .apps import SECRET, Probe
from .conftest import Site
from .serving import Place, place
from .wire import Answer, ask, connected, get, soon


@pytest.fixture
def here() -> Iterator[tuple[Place, Probe]]:
    """A place without a server yet, with an app of its own."""
    probe = Probe()
    with place(probe.app) as made:
        yield made, probe


def problem(answer: Answer) -> dict[str, object]:
    assert answer.header("content-type") == "application/problem+json"
    found: dict[str, object] = json.loads(answer.body)
    return found


# Failures of handlers


@pytest.mark.parametrize("target", ["/boom", "/aboom"])
def test_an_exception_is_a_500_with_an_id_that_the_log_has_too(here: tuple[Place, Probe], target: str) -> None:
    made, _ = here
    made.serve()
    answer = ask(made.port, get(target))
    assert answer.status == 500
    id = answer.header("x-request-id")
    assert id
    assert problem(answer)["request_id"] == id
    [fault] = made.log.faults
    assert id in fault
    assert SECRET in fault


@pytest.mark.parametrize("target", ["/boom", "/aboom"])
def test_outside_dev_nothing_of_an_exception_is_told(here: tuple[Place, Probe], target: str) -> None:
    made, _ = here
    made.serve(dev=False)
    answer = ask(made.port, get(target))
    assert SECRET.encode() not in answer.body
    assert b"RuntimeError" not in answer.body
    assert "detail" not in problem(answer)


def test_in_dev_an_exception_is_told_and_its_trace_is_not(here: tuple[Place, Probe]) -> None:
    made, _ = here
    made.serve(dev=True)
    answer = ask(made.port, get("/boom"))
    assert SECRET in str(problem(answer)["detail"])
    assert b"Traceback" not in answer.body
    assert b".py" not in answer.body


def test_a_failure_outside_of_any_handler_is_a_500_with_an_id(
    here: tuple[Place, Probe], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = here
    made.serve()

    def broken(store: object, request: Request) -> Response:
        raise OSError(SECRET)

    monkeypatch.setattr("portable_local.http_child.signed_request", broken)
    answer = ask(made.port, get("/_portable/buckets/-/files/a"))
    assert answer.status == 500
    assert SECRET.encode() not in answer.body
    [fault] = made.log.faults
    assert str(problem(answer)["request_id"]) in fault


def test_a_connection_lives_on_after_a_failure(here: tuple[Place, Probe]) -> None:
    made, _ = here
    made.serve()
    with connected(made.port) as wire:
        assert wire.send(get("/boom")).answer().status == 500
        assert wire.send(get("/")).answer().body == b"here"


# Disconnects

BROKEN_OFF = {
    "before anything": b"",
    "in the request line": b"GET / HT",
    "in the headers": b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
    "in the body": get("/echo", "Content-Length: 1000", method="POST") + b"x",
    "in a chunk": get("/echo", "Transfer-Encoding: chunked", method="POST") + b"5\r\nab",
    "in a chunk's size": get("/echo", "Transfer-Encoding: chunked", method="POST") + b"5",
    "in the trailers": get("/echo", "Transfer-Encoding: chunked", method="POST") + b"0\r\nX: ",
    "while it waits for an answer": get("/gate"),
    "while it waits for several": get("/gate") + get("/big") + get("/number/1"),
    "while it waits for the last": get("/gate", "Connection: close"),
    # Behind a request that is whole nothing is read, so that the server learns of it when it answers.
    "while it waits for the last, unseen": get("/gate", "Connection: close") + get("/number/1"),
    "in the answer": get("/big") * 3,
    "in the last answer": get("/big", "Connection: close"),
    "after a refusal": b"nonsense\r\n\r\n",
    "in a large upload": get("/_portable/buckets/-/files/a", "Content-Length: 9000000", method="PUT") + b"x" * 100_000,
}


@pytest.mark.parametrize("kind", list(BROKEN_OFF))
@pytest.mark.parametrize("how", ["reset", "closed"])
def test_a_client_that_goes_is_no_error(here: tuple[Place, Probe], kind: str, how: str) -> None:
    made, probe = here
    served = made.serve()
    site = served.child.site
    for _ in range(5):
        with connected(made.port, receive_buffer=4096) as wire:
            wire.send(BROKEN_OFF[kind])
            soon("the connection", lambda: bool(site.state.connections))
            if how == "reset":
                wire.hang_up()
    probe.gate.set()
    soon("the end of all connections", lambda: not site.state.connections and not site.state.tasks)
    assert site.body_bytes == 0
    assert ask(made.port, get("/")).body == b"here"
    assert made.log.faults == []


def test_the_loop_has_no_complaint_when_clients_come_and_go(here: tuple[Place, Probe]) -> None:
    made, probe = here
    served = made.serve()
    complaints: list[object] = []
    loop = served.child.loop
    loop.call_soon_threadsafe(loop.set_exception_handler, lambda _, context: complaints.append(context))
    probe.gate.set()
    for number in range(200):
        with connected(made.port, receive_buffer=4096) as wire:
            wire.send(list(BROKEN_OFF.values())[number % len(BROKEN_OFF)])
            if number % 2:
                wire.hang_up()
    soon("the end of all", lambda: not served.child.site.state.connections and not served.child.site.state.tasks)
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(10)
    assert complaints == []
    assert made.log.faults == []


# What is internal

INTERNAL = [
    *(f"{start}{name}: x" for start in ("X-Portable-", "x-portable-", "X-PORTABLE-") for name in
      ("Trigger", "User", "Stage", "Source", "Handler", "Attempt", "Id", "Deadline", "App", "Internal", "Fence")),
    "X-Portable-: x",
    "X-Portable-Trigger: task\r\nX-Portable-Trigger: schedule",
]  # fmt: skip


def test_internal_headers_from_outside_do_not_reach_the_app(site: Site) -> None:
    assert len(INTERNAL) > 30
    for header in INTERNAL:
        headers = json.loads(ask(site.port, get("/seen", header, "X-Kept: 1")).body)["headers"]
        assert not [name for name, _ in headers if name.startswith("x-portable-")], header
        assert ["x-kept", "1"] in headers


def test_ids_from_outside_are_taken_only_in_their_form(site: Site) -> None:
    for id in ("a b", "a\tb", "<script>", "x" * 200, "", "ä", "../..", "%0d%0a"):
        answer = ask(site.port, get("/seen", f"X-Request-Id: {id}"))
        given = answer.header("x-request-id")
        assert given
        assert given != id
        assert given.isascii()
        assert given.isalnum()
    for trace in ("00-zz-1-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 300):
        assert ask(site.port, get("/seen", f"traceparent: {trace}")).header("traceparent") != trace


SHAPES = [
    {"id": "1", "kind": "task", "handler": "probe", "body": "{}", "attempt": 1, "deadline": 9e9, "attributes": {}},
    {"Records": [{"eventSource": "aws:sqs", "body": "{}", "messageId": "1"}]},
    {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "files"}, "object": {"key": "a"}}}]},
    {"version": "0", "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}},
    {"specversion": "1.0", "type": "google.cloud.storage.object.v1.finalized", "source": "x", "id": "1", "data": {}},
    {"message": {"data": "e30=", "messageId": "1"}, "subscription": "x"},
    {"Data": {"queueTrigger": "{}"}, "Metadata": {"DequeueCount": 1}},
    {"requestContext": {"authorizer": {"user": "root"}, "stage": "prod"}, "rawPath": "/canary"},
    ["do", "queue.send", {"handler": "x"}],
    ["invoke", "canary", "{}"],
]


@pytest.mark.parametrize(
    "shape", SHAPES, ids=lambda shape: ",".join(list(shape)[:2]) if isinstance(shape, dict) else shape[0]
)
def test_a_body_in_the_shape_of_an_event_is_only_a_body(site: Site, shape: object) -> None:
    before = len(site.probe.canaries)
    data = json.dumps(shape).encode()
    for target in (
        "/any",
        "/echo",
        "/",
        "/_portable/invoke",
        "/_portable/tasks",
        "/.portable/run.sock",
        "/2015-03-31/functions",
    ):
        kinds = ("application/json", "application/cloudevents+json", "application/vnd.portable+json")
        for kind in kinds:
            answer = ask(site.port, get(target, f"Content-Type: {kind}", method="POST", body=data))
            assert answer.status in (200, 400, 404, 405, 415, 422), (target, kind, answer)
            if target == "/any" and answer.status == 200:
                assert json.loads(answer.body) == shape
    assert len(site.probe.canaries) == before
    site.must_be_well()


def test_query_keys_that_look_internal_are_only_a_query(site: Site) -> None:
    query = "_portable=1&x-portable-user=root&__class__=a&_method=DELETE&stage=prod&trigger=task"
    answer = json.loads(ask(site.port, get(f"/seen?{query}")).body)
    assert answer["query"] == query
    assert site.probe.requests[-1].method == "GET"
