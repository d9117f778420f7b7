"""HTTP events of AWS, and of those who imitate it, as requests; and answers as AWS takes them."""

import base64
import json
from typing import Any

import pytest
from portable_aws.gateway_http import MOST_ANSWER_BYTES, MOST_USUAL, answer_of, received, request_of, usual_names
from portable_aws.traces import traceparent_of

from portable.errors import LimitExceeded
from portable.http import Request, Response
from portable.shapes import MalformedEvent
from tests.aws.lambdas import http_event

SLOTS: tuple[str, ...] = tuple(Request.__slots__)
ID = "7d1c8f0a-0000-4000-8000-000000000001"


def test_a_request_is_what_was_sent() -> None:
    request, size = received(http_event(cookies=[]), ID)
    assert (request.method, request.path, request.query_string) == ("POST", "/x", "p=1&p=2&q=%C3%A9")
    assert request.query == {"p": ["1", "2"], "q": ["é"]}
    assert (request.body, request.client, request.scheme) == (b'{"a":1}', "203.0.113.7", "https")
    assert request.headers["content-type"] == "application/json"
    assert request.id == ID
    assert request.traceparent[:36] == "00-67891233abcdef012345678912345678-"
    assert size == sum(len(name) + len(value) for name, value in request.headers.items())


def test_a_request_has_all_that_one_has_which_is_made_by_its_class() -> None:
    event = http_event(cookies=[])
    del event["headers"]["x-amzn-trace-id"]
    found, _ = received(event, ID)
    made = Request(
        "POST",
        "/x",
        query_string="p=1&p=2&q=%C3%A9",
        headers=event["headers"].items(),
        body=b'{"a":1}',
        client="203.0.113.7",
        scheme="https",
        id=ID,
        traceparent=found.traceparent,
    )
    assert len(SLOTS) >= 13
    for name in SLOTS:
        assert getattr(found, name) == getattr(made, name), name


def test_an_id_of_the_client_is_seen_whatever_was_sent_before() -> None:
    """Names that were looked at once are not looked at again."""
    event = http_event(cookies=[])
    event["headers"] = {"host": "a", "x-request": "b", "-id": "c", "x-portable": "d", "-e": "f"}
    assert received(event, ID)[1] == -1
    for odd in ("x-request-id", "traceparent", "x-portable-attempt"):
        for headers in ({"host": "a"}, {"host": "a", odd: "b"}, {"host": "a", odd[:4]: "b", odd[4:]: "c"}) * 2:
            event["headers"] = {"x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678", **headers}
            request, size = received(event, ID)
            assert (size == -1) == (len(headers) > 1)
            assert (request.id == "") == ("x-request-id" in headers)
            assert (request.traceparent == "") == ("traceparent" in headers)


def test_names_in_capitals_are_mended_whatever_was_sent_before() -> None:
    event = http_event(cookies=[])
    for name in ("x-a", "X-A", "x-a", "X-A"):
        event["headers"] = {name: "1"}
        assert request_of(event, ID).headers.items() == [("x-a", "1")]


def test_of_names_that_were_seen_no_more_than_some_are_kept() -> None:
    event = http_event(cookies=[])
    for number in range(3 * MOST_USUAL):
        event["headers"] = {f"x-{number}": "1"}
        assert received(event, ID)[1] > 0
        assert len(usual_names) <= MOST_USUAL


def test_cookies_come_in_a_list_and_in_a_header_and_are_one_header() -> None:
    assert request_of(http_event()).headers["cookie"] == "s=1; t=2"
    event = http_event()
    event["headers"]["cookie"] = "s=1; t=2"
    assert request_of(event).headers.items().count(("cookie", "s=1; t=2")) == 1
    # LocalStack has them in the header only.
    del event["cookies"]
    assert request_of(event).cookies == {"s": "1", "t": "2"}


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/a%20b/%C3%A9", "/a%20b/%C3%A9"),
        ("/a b/é", "/a%20b/%C3%A9"),
        ("/what?", "/what%3F"),
        ("/a#b", "/a%23b"),
        ("/100%", "/100%25"),
        ("/%41%zz", "/%41%25zz"),
        ("/a\x00\n", "/a%00%0A"),
        ("", "/"),
        ("x/y", "/x/y"),
        ("/a//b/", "/a//b/"),
        ("/a:b@c!$&'()*+,;=-._~", "/a:b@c!$&'()*+,;=-._~"),
    ],
)
def test_a_path_is_as_in_the_url_whether_or_not_it_was_decoded(raw: str, path: str) -> None:
    assert request_of(http_event(path=raw)).path == path


@pytest.mark.parametrize(
    ("stage", "domain", "path"),
    [
        ("$default", "x.execute-api.eu-central-1.amazonaws.com", "/dev/x"),
        ("dev", "x.execute-api.eu-central-1.amazonaws.com", "/x"),
        ("dev", "api.example.com", "/dev/x"),
        ("dev", "offlineContext_domainName", "/x"),
        ("dev", None, "/x"),
        ("de", None, "/dev/x"),
        ("", None, "/dev/x"),
        (None, None, "/dev/x"),
    ],
)
def test_a_stage_is_no_part_of_the_path(stage: str | None, domain: str | None, path: str) -> None:
    event = http_event(path="/dev/x")
    event["requestContext"].update(stage=stage, domainName=domain)
    assert request_of(event).path == path
    event["rawPath"] = "/dev"
    assert request_of(event).path == ("/" if path == "/x" else "/dev")


def test_a_binary_body_comes_as_base64() -> None:
    body = bytes(range(256))
    event = http_event(body=base64.b64encode(body).decode(), isBase64Encoded=True)
    assert request_of(event).body == body


@pytest.mark.parametrize(
    "missing", ["body", "cookies", "queryStringParameters", "routeKey", "version", "isBase64Encoded"]
)
@pytest.mark.parametrize("null", [False, True])
def test_what_is_not_needed_may_be_missing_or_null(missing: str, null: bool) -> None:
    event = http_event()
    if null:
        event[missing] = None
    else:
        del event[missing]
    assert request_of(event).path == "/x"


def test_an_odd_but_valid_event_is_mended() -> None:
    event: dict[str, Any] = {
        "rawPath": "/x",
        "headers": {"Content-Type": "text/plain", "X-Many": ["1", "2"], "x-many": "3", "X-None": None, "X-N": 5},
        "queryStringParameters": {"a": "1 2", "b": None, "é": "ü"},
        "requestContext": {"http": {"method": "GET", "path": "/x"}},
    }
    request = request_of(event, ID)
    assert request.headers.items() == [("content-type", "text/plain"), ("x-many", "1,2,3"), ("x-n", "5")]
    assert request.query == {"a": ["1 2"], "é": ["ü"]}
    assert (request.body, request.client, request.scheme) == (b"", "", "https")
    event["headers"] = None
    assert request_of(event, ID).headers.items() == []


@pytest.mark.parametrize(
    "change",
    [
        {"requestContext": None},
        {"requestContext": {}},
        {"requestContext": {"http": {"path": "/x"}}},
        {"rawPath": 7},
        {"headers": ["a"]},
        {"headers": {"a": {}}},
        {"cookies": "a=1"},
        {"cookies": [1]},
        {"body": {"a": 1}},
        {"body": "\ud800"},
        {"body": "%%%", "isBase64Encoded": True},
        {"body": "é", "isBase64Encoded": True},
        {"isBase64Encoded": "no"},
        {"rawQueryString": 7},
        {"rawQueryString": None, "queryStringParameters": [1]},
    ],
    ids=repr,
)
def test_a_malformed_event_says_what_is_wrong(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent) as caught:
        request_of({**http_event(), **change})
    assert len(str(caught.value)) > 10


def test_a_method_and_a_query_that_are_lists_are_no_texts_together() -> None:
    event = http_event()
    event["rawQueryString"], event["requestContext"]["http"]["method"] = ["a=1"], ["GET"]
    with pytest.raises(MalformedEvent, match="method"):
        request_of(event)


def test_an_event_of_the_older_format_says_how_to_get_the_newer_one() -> None:
    with pytest.raises(MalformedEvent, match=r"2\.0"):
        request_of({"httpMethod": "GET", "path": "/x", "requestContext": {}, "headers": {}})


def test_ids_of_the_client_are_left_to_the_dispatcher() -> None:
    event = http_event()
    event["headers"].update({"x-request-id": "mine-1234", "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"})
    request, size = received(event, ID)
    assert (request.id, request.traceparent, size) == ("", "", -1)
    event["headers"] = {"x-portable-secret": "1"}
    assert received(event, ID)[1] == -1


@pytest.mark.parametrize(
    ("header", "start"),
    [
        ("Root=1-67891233-abcdef012345678912345678", "00-67891233abcdef012345678912345678-"),
        (
            "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=0",
            "00-67891233abcdef012345678912345678-53995c3f42cd8ad8-00",
        ),
        ("Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:1", "00-6789"),
        ("Root=1-00000000-000000000000000000000000", ""),
        ("Root=1-6789123G-abcdef012345678912345678", ""),
        ("Self=1", ""),
        (None, ""),
    ],
)
def test_a_trace_of_aws_is_a_traceparent(header: str | None, start: str) -> None:
    found = traceparent_of(header)
    assert found.startswith(start)
    assert len(found) == (55 if start else 0)
    event = http_event()
    event["headers"]["x-amzn-trace-id"] = header or ""
    made = received(event, ID)[0].traceparent
    assert len(made) == 55
    assert made.startswith(start)


def test_an_answer_is_text_where_it_is_text_and_base64_where_not() -> None:
    assert answer_of(Response("é", 201)) == {
        "statusCode": 201,
        "headers": {"content-type": "text/plain; charset=utf-8"},
        "body": "é",
    }
    answer = answer_of(Response(b"\xff\x00"))
    assert (answer["body"], answer["isBase64Encoded"]) == ("/wA=", True)
    assert answer_of(Response(b"", 204)) == {"statusCode": 204, "headers": {}, "body": ""}


def test_cookies_leave_in_a_list_and_other_repeats_in_one_header() -> None:
    response = Response("x", headers=[("x-a", "1"), ("set-cookie", "a=1"), ("x-a", "2"), ("set-cookie", "b=2, c")])
    answer = answer_of(response)
    assert answer["cookies"] == ["a=1", "b=2, c"]
    assert answer["headers"]["x-a"] == "1, 2"
    assert "set-cookie" not in answer["headers"]


@pytest.mark.parametrize("character", ["x", '"', "\x01", "é", "😀"])
def test_an_answer_of_4_mib_fits_whatever_is_in_it(character: str) -> None:
    body = (character * (4 * 1024 * 1024 // len(character.encode()))).encode()
    answer = answer_of(Response(body))
    assert len(json.dumps(answer)) <= MOST_ANSWER_BYTES
    text = answer["body"]
    assert (base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()) == body
    assert answer.get("isBase64Encoded", False) == (character != "x")


def test_an_answer_that_lambda_would_not_take_is_an_error() -> None:
    with pytest.raises(LimitExceeded, match="Lambda"):
        answer_of(Response(b"\xff" * (4_718_592 + 1)))
