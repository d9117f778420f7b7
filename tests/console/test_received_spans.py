"""What is read of OTLP's JSON, by values: what others send is cut to size, and what is no span is refused alone."""

import json
import random
from typing import Any

import pytest

from portable.console.received_spans import (
    MOST_ATTRIBUTES,
    MOST_EVENTS,
    VALUE_CHARACTERS,
    Received,
    attributes_of,
    received,
    scalar_of,
)
from portable.errors import InvalidArgument
from portable.records import SpanRecord, letter_of, record_of
from portable.telemetry import KEY_CHARACTERS

from .otlp_requests import START, TRACE, request, span


def one(*spans: Any, **more: Any) -> SpanRecord:
    found = received(request(*spans, **more))
    assert (found.refused, len(found.spans)) == (0, 1), found
    return found.spans[0]


def test_a_span_is_read_as_the_specification_writes_it() -> None:
    found = one(span(attributes=[{"key": "http.request.method", "value": {"stringValue": "GET"}}]))
    assert found == SpanRecord(
        TRACE, "a" * 16, "", "web", "click", "client", START / 1e9, 0.25, None, {"http.request.method": "GET"}
    )
    assert record_of(letter_of(found), json.loads(json.dumps(found))) == found


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"traceId": TRACE.upper()}, "trace_id", TRACE),
        ({"parentSpanId": "B" * 16}, "parent_id", "b" * 16),
        ({"parentSpanId": ...}, "parent_id", ""),
        ({"startTimeUnixNano": START}, "started_at", START / 1e9),
        ({"kind": ...}, "kind", "internal"),
        ({"kind": 0}, "kind", "internal"),
        ({"kind": 5}, "kind", "consumer"),
        ({"kind": 99}, "kind", "internal"),
        ({"kind": "SPAN_KIND_SERVER"}, "kind", "internal"),
        ({"status": {"code": 2, "message": "no"}}, "error", "no"),
        ({"status": {"code": 2}}, "error", "its status is ERROR, without a message"),
        ({"status": {"code": 1}}, "error", None),
        ({"status": {}}, "error", None),
        ({"endTimeUnixNano": str(START)}, "seconds", 0.0),
        ({"name": "n" * 500}, "name", "n" * KEY_CHARACTERS),
        ({"traceState": "a=b", "flags": 1, "unheardOf": {}}, "name", "click"),
    ],
    ids=str,
)
def test_what_may_be_written_in_several_ways_means_the_same(
    changes: dict[str, Any], field: str, expected: object
) -> None:
    assert getattr(one(span(**changes)), field) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        1,
        [],
        span(traceId=...),
        span(traceId="0" * 32),
        span(traceId="S/kvNXezTaajzpKdDg5HNg=="),
        span(traceId=TRACE + "0"),
        span(spanId="g" * 16),
        span(spanId=5),
        span(parentSpanId="x"),
        span(name=""),
        span(name=["x"]),
        span(startTimeUnixNano=...),
        span(startTimeUnixNano="now"),
        span(startTimeUnixNano=1.5e18),
        span(startTimeUnixNano=-1),
        span(startTimeUnixNano="9" * 30),
        span(startTimeUnixNano=True),
        span(endTimeUnixNano=str(START - 1)),
        span(endTimeUnixNano=str(START + 31 * 86400 * 10**9)),
    ],
    ids=str,
)
def test_what_is_no_span_is_refused_and_the_others_are_taken(wrong: Any) -> None:
    found = received(request(wrong, span()))
    assert (found.refused, [one.name for one in found.spans]) == (1, ["click"])
    assert found.reason


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "x"}, "x"),
        ({"boolValue": True}, True),
        ({"intValue": "-12"}, -12),
        ({"intValue": 12}, 12),
        ({"intValue": "1e3"}, None),
        ({"doubleValue": 0.5}, 0.5),
        ({"doubleValue": 3}, 3.0),
        ({"bytesValue": "AAE="}, "AAE="),
        ({"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}, '["a", 1]'),
        ({"arrayValue": {}}, "[]"),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": False}}]}}, '{"k": false}'),
        ({"stringValue": "x" * 5000}, "x" * VALUE_CHARACTERS),
        ({"unheardOf": 1, "stringValue": "x"}, "x"),
        ({}, None),
        ({"stringValue": 5}, None),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_value_is_plain_text_or_a_number(value: dict[str, Any], expected: object) -> None:
    found = scalar_of(value)
    assert (type(found), found) == (type(expected), expected)


def test_only_so_much_is_kept() -> None:
    many = [{"key": f"k{number}", "value": {"intValue": number}} for number in range(500)]
    assert len(attributes_of({"attributes": many})) == MOST_ATTRIBUTES
    events = [{"name": f"e{number}", "timeUnixNano": str(START)} for number in range(500)]
    assert len(received(request(span(events=events))).logs) == MOST_EVENTS


def test_events_are_lines_of_its_log() -> None:
    error = [
        {"key": "exception.type", "value": {"stringValue": "TypeError"}},
        {"key": "exception.message", "value": {"stringValue": "x is undefined"}},
        {"key": "exception.stacktrace", "value": {"stringValue": "at a\nat b"}},
    ]
    told = [
        {"key": "log.level", "value": {"stringValue": "WARNING"}},
        {"key": "log.message", "value": {"stringValue": "low"}},
        {"key": "n", "value": {"intValue": "1"}},
    ]
    events = [
        {"name": "exception", "timeUnixNano": str(START + 10**9), "attributes": error},
        {"name": "log", "timeUnixNano": "x", "attributes": told},
        {"name": "painted"},
        "nothing",
    ]
    first, second, third = received(request(span(events=events), scope="ui")).logs
    assert (first.level, first.message, first.traceback) == ("ERROR", "TypeError: x is undefined", "at a\nat b")
    assert (first.trace_id, first.span_id, first.logger, first.at) == (TRACE, "a" * 16, "web.ui", (START + 10**9) / 1e9)
    assert (second.level, second.message, second.fields, second.at) == ("WARNING", "low", {"n": 1}, START / 1e9)
    assert (third.level, third.message) == ("INFO", "painted")


def test_whose_it_is_is_told_or_not_known() -> None:
    assert one(span(), service=None).service == "unknown_service"
    assert one(span(), service="").service == "unknown_service"
    assert received(b"{}") == Received([], [], 0, "")
    assert received(b'{"resourceSpans": [{"scopeSpans": [{"spans": null}]}]}').spans == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b"\x0a\x05",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": [1]}',
        b'{"resourceSpans": [{"scopeSpans": {"spans": []}}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": "x"}]}]}',
        b'{"resourceSpans": ' + b"[" * 10_000,
        b'{"x": NaN}',
    ],
    ids=lambda value: repr(value[:40]),
)
def test_what_is_no_request_is_refused_whole(body: bytes) -> None:
    with pytest.raises(InvalidArgument):
        received(body)


def test_whatever_is_sent_is_either_read_or_refused() -> None:
    """The tree of a request with any of its parts replaced by anything."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    odd: list[Any] = [None, True, -1, 1.5, "", "x", [], {}, [[]], [{}], {"values": 1}, "\ud800", 2**70]

    def spoilt(value: Any) -> Any:
        if chance.random() < 0.05:
            return chance.choice(odd)
        if isinstance(value, dict):
            return {name: spoilt(member) for name, member in value.items()}
        return [spoilt(member) for member in value] if isinstance(value, list) else value

    whole = json.loads(
        request(
            span(
                status={"code": 2, "message": "m"},
                attributes=[{"key": "a", "value": {"arrayValue": {"values": [{"stringValue": "x"}]}}}],
                events=[{"name": "exception", "timeUnixNano": str(START), "attributes": []}],
            ),
            span(),
        )
    )
    read = 0
    for _ in range(2000):
        try:
            found = received(json.dumps(spoilt(whole)).encode())
        except InvalidArgument:
            continue
        read += len(found.spans)
        for made in found.spans:
            assert record_of("s", json.loads(json.dumps(made))) == made
    assert read > 100
