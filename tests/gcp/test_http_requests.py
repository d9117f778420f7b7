"""Requests as a WSGI server hands them over, and what of them is the client's."""

import io
from typing import Any

import pytest
from portable_gcp.http_front import environ_of
from portable_gcp.http_requests import answered, body_of, request_of, target_of, traceparent_of

from portable.http import Response

MOST = 1000
HOST = "app-1.europe-west1.run.app"


def test_the_path_is_as_it_was_sent_where_the_server_tells_it() -> None:
    assert target_of({"RAW_URI": "/a%2Fb//c?x=%20", "PATH_INFO": "/a/b/c"}) == ("/a%2Fb//c", "x=%20")
    assert target_of({"REQUEST_URI": "http://host:80/a?b"}) == ("/a", "b")
    assert target_of({"RAW_URI": "http://host?b"}) == ("/", "b")
    assert target_of({"RAW_URI": "*"}) == ("*", "")


def test_the_path_is_encoded_again_where_it_does_not() -> None:
    environ = {"PATH_INFO": "/a b/é".encode().decode("latin-1"), "QUERY_STRING": "x=1"}
    assert target_of(environ) == ("/a%20b/%C3%A9", "x=1")


@pytest.mark.parametrize(
    ("length", "terminated", "expected"),
    [("3", False, b"abc"), ("", True, b"abcdef"), ("", False, b""), ("x", False, b""), ("99", False, b"abcdef")],
)
def test_a_body_is_as_long_as_is_said(length: str, terminated: bool, expected: bytes) -> None:
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(b"abcdef"), "CONTENT_LENGTH": length}
    if terminated:
        environ["wsgi.input_terminated"] = True
    assert body_of(environ, MOST) == expected


def test_of_a_body_that_is_too_long_no_more_is_kept_than_tells_so() -> None:
    stream = io.BytesIO(b"x" * 500_000)
    assert len(body_of({"wsgi.input": stream, "CONTENT_LENGTH": "500000"}, MOST)) == MOST + 1
    assert stream.read() == b""


def test_the_client_is_who_googles_front_has_spoken_with() -> None:
    request, _ = request_of(environ_of("GET", "/", [("x-forwarded-for", "1.2.3.4, evil")], b"", HOST), MOST)
    assert (request.client, request.scheme) == ("127.0.0.1", "https")


def test_what_google_adds_is_no_part_of_the_size_of_the_headers() -> None:
    _, size = request_of(environ_of("GET", "/", [("a", "12345")], b"", HOST), MOST)
    assert size == 6


def test_ids_are_the_clients_if_they_are_well_formed_and_ours_if_not() -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    given = [("x-request-id", "request-1"), ("traceparent", trace), ("x-portable-secret", "x")]
    request, _ = request_of(environ_of("GET", "/", given, b"", HOST), MOST)
    assert (request.id, request.traceparent) == ("request-1", trace)
    assert "x-portable-secret" not in request.headers
    request, _ = request_of(environ_of("GET", "/", [("x-request-id", "!"), ("traceparent", "!")], b"", HOST), MOST)
    assert len(request.id) == 32
    assert request.traceparent.startswith("00-")
    cloud = [("x-cloud-trace-context", f"{'c' * 32}/17;o=1")]
    request, _ = request_of(environ_of("GET", "/", cloud, b"", HOST), MOST)
    assert request.traceparent == f"00-{'c' * 32}-0000000000000011-01"


@pytest.mark.parametrize(
    "header", ["", "x", f"{'0' * 32}/1", f"{'a' * 32}/0", f"{'a' * 32}/99999999999999999999", f"{'a' * 31}/1"]
)
def test_a_trace_context_that_is_none_is_none(header: str) -> None:
    assert traceparent_of(header) == ""


@pytest.mark.parametrize(
    ("response", "status", "length"),
    [
        (Response(b"abc"), "200 OK", "3"),
        (Response(b"", 204), "204 No Content", None),
        (Response(b"", 299), "299 Unknown", "0"),
        (Response(b"", headers={"content-length": "7"}), "200 OK", "7"),
    ],
)
def test_an_answer_says_how_long_it_is(response: Response, status: str, length: str | None) -> None:
    told: list[Any] = []
    body = b"".join(answered(response, lambda *arguments: told.append(arguments)))
    [(shown, headers)] = told
    assert (shown, dict(headers).get("content-length"), body) == (status, length, response.body)
