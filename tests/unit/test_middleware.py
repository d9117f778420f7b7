"""Middleware by values: starting and finishing are plain functions, so that they can be tried without an app."""

from collections.abc import Generator
from typing import Any

import pytest

from portable import CORS, Request, Response
from portable.errors import DeclarationError, Location
from portable.middleware import Stack, add_cors, add_vary, check_cors, check_middleware, finish, is_preflight, start

PLACE = Location("app.py", 1)
Around = Generator[None, Response, Response | None]


def passing(request: Request) -> Around:
    yield
    return None


def replacing(request: Request) -> Around:
    response = yield
    return Response(b"<" + response.body + b">")


def rescuing(request: Request) -> Around:
    try:
        return (yield)
    except KeyError:
        return Response("rescued")


def answering(request: Request) -> Around:
    if request.method == "GET":
        return Response("answered")
    return (yield)


def raising(request: Request) -> Around:
    if request.method == "GET":
        raise ValueError("before")
    return (yield)


def around(*middlewares: Any, error: Exception | None = None) -> bytes:
    """The body of what comes out of middlewares around an answer `x` or an error."""
    stack: Stack = []
    response: Response | None = None
    try:
        response = start(middlewares, Request("GET", "/"), stack)
        if response is None and error is None:
            response = Response("x")
    except Exception as raised:
        error = raised
    return finish(stack, response, error if response is None else None).body


def test_answers_go_outwards_through_those_that_were_started() -> None:
    assert around() == b"x"
    assert around(passing, replacing, replacing) == b"<<x>>"
    assert around(replacing, answering, replacing) == b"<answered>"
    assert around(replacing, rescuing, error=KeyError()) == b"<rescued>"
    assert around(rescuing, replacing, error=KeyError()) == b"rescued"


def test_an_error_that_nobody_turns_into_an_answer_leaves_as_it_is() -> None:
    error = LookupError("mine")
    with pytest.raises(LookupError) as caught:
        around(passing, replacing, rescuing, error=error)
    assert caught.value is error
    with pytest.raises(ValueError, match="before"):
        around(replacing, raising, passing)


def test_a_middleware_that_breaks_the_rules_is_named() -> None:
    def twice(request: Request) -> Any:
        yield
        yield

    def nonsense(request: Request) -> Any:
        yield
        return "text"

    def silent(request: Request) -> Any:
        if request.method == "GET":
            return
        yield

    for wrong, name in ((twice, "twice"), (nonsense, "nonsense"), (silent, "silent")):
        with pytest.raises(RuntimeError, match=name):
            around(passing, wrong)


def test_what_is_no_generator_function_is_refused_where_it_stands() -> None:
    def plain(request: Request) -> Response:
        return Response()

    async def later(request: Request) -> Any:
        yield

    for wrong in (plain, later):
        with pytest.raises(DeclarationError) as caught:
            check_middleware(wrong, PLACE)  # type: ignore[arg-type]
        assert caught.value.location == Location(__file__, wrong.__code__.co_firstlineno)
        assert caught.value.hint
    nothing: Any = None
    with pytest.raises(DeclarationError):
        check_middleware(nothing, PLACE)
    check_middleware(passing, PLACE)


@pytest.mark.parametrize(
    "cors",
    [CORS(("*",), credentials=True), CORS("https://a.example"), CORS(("*",), methods="GET")],  # type: ignore[arg-type]
    ids=["credentials for all", "origins as a str", "methods as a str"],
)
def test_cors_that_browsers_would_not_take_is_refused(cors: CORS) -> None:
    with pytest.raises(DeclarationError) as caught:
        check_cors(cors, PLACE)
    assert caught.value.location == PLACE


def test_only_a_preflight_is_a_preflight() -> None:
    asked = [("origin", "https://a.example"), ("access-control-request-method", "PUT")]
    assert is_preflight(Request("OPTIONS", "/", headers=asked))
    assert not is_preflight(Request("GET", "/", headers=asked))
    assert not is_preflight(Request("OPTIONS", "/", headers=asked[:1]))
    assert not is_preflight(Request("OPTIONS", "/", headers=asked[1:]))


def test_vary_has_each_name_once() -> None:
    response = Response()
    for name in ("origin", "origin", "accept", "origin"):
        add_vary(response, name)
    assert response.headers["vary"] == "origin, accept"


def test_what_a_browser_asks_for_is_sent_back_only_if_a_header_can_carry_it() -> None:
    for wanted, sent in (("x-a,x-b", "x-a,x-b"), ("x\r\ny: z", None), ("é", None)):
        request = Request("OPTIONS", "/", headers=[("origin", "o"), ("access-control-request-headers", wanted)])
        response = Response()
        add_cors(CORS(("*",), headers=("*",)), request, response, preflight=True)
        assert response.headers.get("access-control-allow-headers") == sent
