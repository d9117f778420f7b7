"""What the document says is what the app does: requests of its examples are taken, answers fit what it promises."""

import json
from typing import Any

import pytest

from portable import Request, Response
from portable.dispatch import Dispatcher

from .awkward import app
from .requests import check, check_answer, operations, request_of, resolved

DOCUMENT = app.openapi()
OPERATIONS = {operation["operationId"]: (method, path, operation) for method, path, operation in operations(DOCUMENT)}
WITHOUT_EXAMPLE = "misled"
"""Only its author knows what this one takes."""
EXPECTED = {"answers/gone": 410, "answers/broken": 500}
PROBLEM = {"$ref": "#/components/schemas/Problem"}


@pytest.fixture(scope="module")
def dispatcher() -> Dispatcher:
    return Dispatcher(app)


def own_problem(response: Response) -> Any:
    """The problem document of a response, held against the schema."""
    assert response.headers["content-type"] == "application/problem+json"
    document = json.loads(response.body)
    check(DOCUMENT, PROBLEM, document)
    assert document["status"] == response.status
    return document


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {WITHOUT_EXAMPLE}))
def test_a_request_made_of_the_examples_is_taken_and_its_answer_is_as_described(
    dispatcher: Dispatcher, name: str
) -> None:
    method, path, operation = OPERATIONS[name]
    response = dispatcher.http(request_of(DOCUMENT, method, path, operation))
    expected = EXPECTED.get(path.removeprefix("/"))
    assert response.status == expected if expected else 200 <= response.status < 300, response.body
    found = check_answer(DOCUMENT, operation, response)
    assert (found == "default") is (response.status == 410)


def test_what_has_no_example_says_so(dispatcher: Dispatcher) -> None:
    method, path, operation = OPERATIONS[WITHOUT_EXAMPLE]
    with pytest.raises(KeyError, match="example"):
        request_of(DOCUMENT, method, path, operation)
    request = Request(method.upper(), path, headers=[("content-type", "application/json")], body=b'{"code": "x"}')
    assert own_problem(dispatcher.http(request))["status"] == 422


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_leaving_out_what_is_required_is_a_422_and_leaving_out_the_rest_is_not(
    dispatcher: Dispatcher, name: str
) -> None:
    method, path, operation = OPERATIONS[name]
    optional = {
        **operation,
        "parameters": [item for item in operation.get("parameters", ()) if item.get("required")],
    }
    if name != WITHOUT_EXAMPLE:
        response = dispatcher.http(request_of(DOCUMENT, method, path, optional))
        assert response.status not in (400, 422), response.body
    needed = [item for item in optional["parameters"] if item["in"] != "path"]
    for dropped in needed:
        rest = [item for item in optional["parameters"] if item is not dropped]
        request = request_of(DOCUMENT, method, path, {**operation, "parameters": rest})
        response = dispatcher.http(request)
        assert response.status == 422
        assert check_answer(DOCUMENT, operation, response) == "422"
        places = [error["where"] for error in own_problem(response)["errors"]]
        assert any(where[0] == dropped["in"] for where in places)
    if operation.get("requestBody", {}).get("required"):
        without = {key: value for key, value in operation.items() if key != "requestBody"}
        response = dispatcher.http(request_of(DOCUMENT, method, path, without))
        assert response.status == 422
        assert check_answer(DOCUMENT, operation, response) == "422"


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_problems_that_every_operation_has_are_as_described(dispatcher: Dispatcher, name: str) -> None:
    method, path, operation = OPERATIONS[name]
    if name == WITHOUT_EXAMPLE:
        path, operation = "/orders", OPERATIONS["order"][2]
    made = request_of(DOCUMENT, method, path, operation)
    broken = {
        400: Request(made.method, f"{made.path}/%ff", body=made.body),
        414: Request(made.method, made.path, query_string="a" * 20000, headers=made.headers, body=made.body),
    }
    if "requestBody" in operation:
        broken[413] = Request(made.method, made.path, headers=made.headers, body=b"x" * (20 * 2**20))
        if "application/octet-stream" not in operation["requestBody"]["content"]:
            headers = [("content-type", "text/strange"), ("cookie", made.headers.get("cookie") or "")]
            broken[415] = Request(made.method, made.path, query_string=made.query_string, headers=headers, body=b"x")
    for status, request in broken.items():
        response = dispatcher.http(request)
        assert response.status == status
        if made.method == "HEAD":
            continue
        own_problem(response)
        assert check_answer(DOCUMENT, operation, response) == str(status)


def test_an_answer_of_a_kind_that_the_types_do_not_name_falls_under_default(dispatcher: Dispatcher) -> None:
    _, _, operation = OPERATIONS["read_thing"]
    response = dispatcher.http(Request("GET", "/things/404"))
    assert response.status == 404
    own_problem(response)
    assert check_answer(DOCUMENT, operation, response) == "default"


@pytest.mark.parametrize(
    ("target", "method", "body", "where"),
    [
        ("/optional?limit=0", "GET", b"", ["query", "limit"]),
        ("/optional?numbers=1", "GET", b"", ["query", "numbers"]),
        ("/trees", "POST", b'{"name": "a", "children": [{"name": 1}]}', ["body", "children", 0, "name"]),
        ("/scalars/1/1/true/red/1/2026-01-31", "GET", b"", ["path", "whole"]),
    ],
)
def test_the_errors_list_has_the_shape_that_the_schema_says(
    dispatcher: Dispatcher, target: str, method: str, body: bytes, where: list[str | int]
) -> None:
    path, _, query = target.partition("?")
    headers = [("content-type", "application/json")] if body else []
    response = dispatcher.http(Request(method, path, query_string=query, headers=headers, body=body))
    assert response.status == 422
    assert where in [error["where"] for error in own_problem(response)["errors"]]


@pytest.mark.parametrize(
    "target", ["/answers/chosen?status=201", "/answers/chosen?status=299", "/problems?theirs=true"]
)
def test_every_way_in_which_a_handler_answers_is_described(dispatcher: Dispatcher, target: str) -> None:
    path, _, query = target.partition("?")
    method, body = ("POST", b'{"text": "a"}') if path == "/problems" else ("GET", b"")
    headers = [("content-type", "application/json")] if body else []
    response = dispatcher.http(Request(method, path, query_string=query, headers=headers, body=body))
    operation = DOCUMENT["paths"][path][method.lower()]
    assert check_answer(DOCUMENT, operation, response) in ("200", "2XX")


def test_the_examples_of_problems_are_problems() -> None:
    for name, response in DOCUMENT["components"]["responses"].items():
        content = resolved(DOCUMENT, {"$ref": f"#/components/responses/{name}"})["content"]["application/problem+json"]
        check(DOCUMENT, PROBLEM, content["example"])
        assert response["content"]["application/problem+json"]["schema"] == PROBLEM
