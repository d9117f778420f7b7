"""Answers and problem documents by values."""

import json
from typing import Any

import pytest

from portable import Headers, HTTPError, InvalidArgument, NotFound, Request, Response
from portable.answers import answer, checked_headers, problem
from portable.errors import Problem, Unavailable


def document(error: BaseException, *, dev: bool = False, path: str = "/x") -> dict[str, Any]:
    response = problem(error, Request("GET", path, id="request-1"), dev=dev)
    found: dict[str, Any] = json.loads(response.body)
    assert found["status"] == response.status
    return found


def test_a_problem_document_says_what_where_and_what_to_try() -> None:
    assert document(NotFound("no note n1", hint="create it")) == {
        "type": "urn:portable:error:P1002",
        "title": "Not found",
        "status": 404,
        "code": "P1002",
        "detail": "no note n1",
        "hint": "create it",
        "instance": "/x",
        "request_id": "request-1",
    }


@pytest.mark.parametrize("error", [KeyError("secret"), Unavailable("secret", hint="secret"), RuntimeError("secret")])
def test_a_5xx_says_what_it_was_only_in_dev(error: Exception) -> None:
    assert "secret" not in json.dumps(document(error))
    assert "secret" in document(error, dev=True)["detail"]


def test_an_http_error_of_the_handler_is_its_own_word() -> None:
    assert document(HTTPError(503, "closed for lunch"))["detail"] == "closed for lunch"
    assert document(HTTPError(799, "odd"))["status"] == 500
    assert document(HTTPError(599, "x"))["title"] == "Error"


def test_what_a_client_sent_can_always_be_shown_and_only_a_part_of_it() -> None:
    faults = tuple(Problem(("body", "k" * 5000, number), "m" * 5000) for number in range(3000))
    found = document(InvalidArgument("x" * 100_000, problems=faults), path="/\ud800")
    assert len(found["errors"]) == 1000
    assert len(json.dumps(found)) < 2_500_000
    assert found["instance"] == "/\ud800"
    assert len(found["detail"]) < 5000


def test_headers_of_a_connection_are_dropped_and_broken_ones_refused() -> None:
    kept = [("x-a", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-latin", "é")]
    assert checked_headers([*kept, ("connection", "close"), ("x-request-id", "x"), ("te", "x")]) == kept
    for name, value in (("x-a", "1\r\n"), ("x-a", "\x7f"), ("x-a", "日"), ("x a", "1"), ("", "1"), ("x-é", "1")):
        with pytest.raises(ValueError, match="header"):
            checked_headers([(name, value)])


def test_a_value_becomes_the_same_answer_every_time() -> None:
    value = {"a": [1, 2]}
    assert [answer(value, 200).body for _ in range(2)] == [b'{"a":[1,2]}'] * 2
    response = Response("x")
    assert answer(response, 500) is response


@pytest.mark.parametrize("value", [object(), {"a": object()}, {1, "x", object()}, (1,), ("x", "y"), (1, 99)])
def test_what_is_no_answer_is_a_type_or_value_error_and_never_the_clients_fault(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        answer(value, 200)
    assert not isinstance(caught.value, InvalidArgument)


def test_headers_are_read_without_case_and_written_over_or_beside() -> None:
    headers = Headers([("X-A", "1"), ("x-a", "2"), ("B", "3")])
    assert (headers["x-A"], headers.get("none"), headers.get("none", "d")) == ("1, 2", None, "d")
    assert (len(headers), list(headers), "X-a" in headers, 7 in headers) == (2, ["x-a", "b"], True, False)
    headers["X-A"] = "9"
    headers.add("B", "4")
    assert headers.items() == [("b", "3"), ("x-a", "9"), ("b", "4")]
    del headers["b"]
    assert headers == Headers([("X-A", "9")])
    with pytest.raises(KeyError):
        headers["b"]
