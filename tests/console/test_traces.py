"""A trace as the API gives it: who is whose parent, what OpenTelemetry calls it, and what others sent to it."""

import json
from pathlib import Path

import pytest

from portable.console.description import Description
from portable.console.figures import handler_figures
from portable.console.reading import Filters, Reading
from portable.console.redaction import REDACTED, Redaction
from portable.console.store import Limits, Store
from portable.conventions import attributes_of
from portable.records import SpanRecord, payload_of
from portable.telemetry import CallRecord, InvocationRecord, Scalar

from .sample import batch
from .serving import served
from .test_events import Reader

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NOW = 1_800_000_000.0
GET = InvocationRecord(
    TRACE, "b" * 16, "a" * 16, "http", "shop.read", "r1", 1, NOW + 0.1, 0.3, "GET /notes/{id}", "failed", 500,
    "KeyError: 'x'", "Traceback", ("app.py", 7, "read"), payload_of(b"{}", target="GET /notes/1?full=1"),
    payload_of(b"no"), 0.0, True, 1,
)  # fmt: skip
CALL = CallRecord(TRACE, "c" * 16, "b" * 16, "table:shop.notes", "get", "1", NOW + 0.2, 0.01, "Timeout: x")
CLICK = SpanRecord(TRACE, "a" * 16, "", "page", "click", "client", NOW, 0.5, None, {"n": 1})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, Limits(spans=3), clock=lambda: NOW + 100)


def reading(store: Store) -> Reading:
    return Reading(store.path, Description)


def test_what_others_sent_is_in_the_trace_with_what_the_app_did(store: Store) -> None:
    store.write([batch([GET, CALL, CLICK, CLICK])])
    found = reading(store).trace(TRACE)
    assert found is not None
    assert [(one["kind"], one["parent"]) for one in found["spans"]] == [
        ("external", None),
        ("http", "a" * 16),
        ("call", "b" * 16),
    ]
    first = found["spans"][0]
    assert (first["service"], first["name"], first["outcome"]) == ("page", "click", "succeeded")
    assert first["attributes"] == {"n": 1, "service.name": "page", "span.kind": "client"}
    [transaction] = reading(store).traces(Filters(), limit=9, cursor="")["items"]
    assert (transaction["entry"]["id"], transaction["spans"]) == ("b" * 16, 3)
    store.close()


def test_attributes_are_those_of_the_conventions(store: Store) -> None:
    store.write([batch([GET, CALL])])
    found = reading(store).trace(TRACE)
    assert found is not None
    http, call = found["spans"]
    assert http["attributes"] == {**attributes_of(GET), "span.kind": "server"}
    assert http["attributes"]["url.path"] == "/notes/1"
    assert http["attributes"]["http.request.body.size"] == 2
    assert call["attributes"] == {**attributes_of(CALL), "span.kind": "client"}
    store.close()


def test_a_trace_that_only_others_sent_is_found_by_its_id(store: Store) -> None:
    store.write([batch([CLICK._replace(error="TypeError: x")])])
    found = reading(store).trace(TRACE)
    assert found is not None
    assert [(one["outcome"], one["error"]) for one in found["spans"]] == [("failed", "TypeError: x")]
    assert reading(store).traces(Filters(), limit=9, cursor="")["items"] == []
    store.close()


def test_the_oldest_go_when_there_are_too_many(store: Store) -> None:
    many = [CLICK._replace(span_id=f"{number:016x}", started_at=NOW + number) for number in range(1, 9)]
    store.write([batch(many)])
    store.prune()
    found = reading(store).trace(TRACE)
    assert found is not None
    assert [one["id"] for one in found["spans"]] == [f"{number:016x}" for number in (6, 7, 8)]
    store.close()


def test_what_others_sent_is_redacted_before_the_disk() -> None:
    attributes: dict[str, Scalar] = {
        "password": "p",
        "http.request.header.cookie": "c=1",
        "http.request.header.accept": "*/*",
        "url.full": "http://x/y?token=t&page=2",
        "url.query": "api_key=k",
        "note": "hunter22hunter22",
        "n": 5,
    }
    record = CLICK._replace(
        name="buy hunter22hunter22", service="hunter22hunter22", error="no hunter22hunter22", attributes=attributes
    )
    clean = Redaction.of(["hunter22hunter22"]).record(record)
    assert "hunter22" not in json.dumps(clean)
    assert clean[-1] == {
        "password": REDACTED,
        "http.request.header.cookie": REDACTED,
        "http.request.header.accept": "*/*",
        "url.full": f"http://x/y?token={REDACTED}&page=2",
        "url.query": f"api_key={REDACTED}",
        "note": REDACTED,
        "n": 5,
    }


def test_a_request_that_nothing_answers_is_called_by_its_path_without_the_query(store: Store) -> None:
    lost = GET._replace(
        span_id="d" * 16, handler="", name="GET", status=404, outcome="succeeded", error=None,
        request=payload_of(b"", target="GET /nothing/here?q=1"),
    )  # fmt: skip
    store.write([batch([lost])])
    [summary] = reading(store).invocations(Filters(), limit=9, cursor="")["items"]
    assert summary["name"] == "GET /nothing/here"
    trace = reading(store).trace(TRACE)
    assert trace is not None
    assert trace["spans"][0]["name"] == "GET /nothing/here"
    # As the conventions want it, what spans are grouped by has no path in it.
    assert "http.route" not in trace["spans"][0]["attributes"]
    store.close()


def test_a_star_stands_for_the_rest_of_a_handlers_name_and_nothing_else_does(store: Store) -> None:
    names = ("shop.a", "shop.b", "shops.c", "sho?.d", "other.shop.e")
    store.write([batch([GET._replace(span_id=f"{number:016x}", handler=name) for number, name in enumerate(names, 1)])])

    def found(pattern: str) -> set[str]:
        items = reading(store).invocations(Filters(handler=pattern), limit=9, cursor="")["items"]
        return {one["handler"] for one in items}

    assert found("shop.*") == {"shop.a", "shop.b"}
    assert found("sho*") == {"shop.a", "shop.b", "shops.c", "sho?.d"}
    assert found("*.e") == {"other.shop.e"}
    assert found("sho?.*") == {"sho?.d"}
    assert found("[s]hop.*") == set()
    assert found("shop.") == set()
    store.close()


def test_a_functions_sizes_are_the_largest_that_were_seen(store: Store) -> None:
    other = GET._replace(span_id="d" * 16, request=payload_of(b"x" * 70_000), response=None)
    bare = GET._replace(span_id="e" * 16, handler="shop.bare", request=None, response=None)
    store.write([batch([GET, other, bare])])
    found = handler_figures(reading(store), NOW - 10)
    assert (found["shop.read"]["request_bytes"], found["shop.read"]["response_bytes"]) == (70_000, 2)
    assert (found["shop.bare"]["request_bytes"], found["shop.bare"]["response_bytes"]) == (None, None)
    store.close()


def test_readers_are_told_once_that_spans_have_come_to_a_trace(tmp_path: Path) -> None:
    with served(tmp_path) as console:
        reader = Reader(console, "?kinds=span&after=0")
        other = f"{7:032x}"
        console.write(batch([CLICK, CLICK._replace(span_id="e" * 16), CLICK._replace(trace_id=other)]))
        assert [reader.next("span")[1] for _ in range(2)] == [{"trace_id": TRACE}, {"trace_id": other}]
