"""Calls over REST: what is sent again and what is not, what is in doubt, whose token goes with it."""

from typing import Any

import pytest
from portable_gcp.endpoints import Endpoint, endpoint
from portable_gcp.errors import GoogleError, classify
from portable_gcp.rest import Rest, pause_before
from portable_gcp.tokens import Tokens

from portable.errors import PermissionDenied, PortableError, Throttled, Unavailable, Unknown

from .scripted import LOST, Asked, Reply, Script, answer, refusal, serving


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def rest_of(script: Script) -> Rest:
    _, _, port = script.url.rpartition(":")
    return Rest(Endpoint("127.0.0.1", int(port), False, is_emulator=True), None)


def read(rest: Rest, **options: Any) -> Any:
    return rest.call("POST", "/v1/things:read", body={"a": 1}, is_read=True, **options)


def write(rest: Rest, **options: Any) -> Any:
    return rest.call("POST", "/v1/things:write", body={"a": 1}, is_read=False, **options)


def fault_of(rest: Rest, what: Any, **options: Any) -> tuple[type[PortableError] | None, GoogleError]:
    with pytest.raises(GoogleError) as caught:
        what(rest, **options)
    return classify(caught.value), caught.value


def test_a_call_sends_json_and_its_query_and_gives_what_is_answered() -> None:
    def looked(asked: Asked) -> Reply:
        assert asked.request.path == "/v1/things:read"
        assert asked.request.query == [("name", "a b"), ("flag", "true"), ("many", "1"), ("many", "2")]
        assert asked.json == {"text": "é"}
        assert asked.request.headers["x-own"] == "yes"
        return answer({"done": True})

    with serving(looked) as script:
        rest = rest_of(script)
        found = rest.call(
            "POST",
            "/v1/things:read",
            query={"name": "a b", "flag": True, "many": ["1", "2"]},
            body={"text": "é"},
            headers={"X-Own": "yes"},
            is_read=True,
        )
        assert found == {"done": True}
        rest.close()


def test_an_empty_answer_is_none() -> None:
    with serving(Reply(204), Reply(200)) as script:
        rest = rest_of(script)
        assert write(rest) is None
        assert write(rest) is None
        rest.close()


def test_a_connection_is_used_again_and_one_that_was_closed_meanwhile_is_not() -> None:
    ports: list[int] = []

    def closing(asked: Asked) -> Reply:
        ports.append(1)
        return Reply(200, b"{}", (("Connection", "close"),))

    with serving(answer({}), closing, answer({})) as script:
        rest = rest_of(script)
        read(rest)
        [kept] = rest._idle
        # Never repeated, so a connection that its other end has closed must not have been taken.
        write(rest, attempts=1)
        write(rest, attempts=1)
        assert rest._idle[0].connection is not kept.connection
        rest.close()


def test_an_idle_connection_that_the_service_has_closed_is_noticed_before_it_is_used() -> None:
    with serving(answer({})) as script:
        rest = rest_of(script)
        read(rest)
        [kept] = rest._idle
        assert kept.connection.sock is not None
        import socket

        kept.connection.sock.shutdown(socket.SHUT_RD)
        assert rest._take() is not kept.connection
        rest.close()


@pytest.mark.parametrize("reply", [LOST, refusal(500, "INTERNAL"), refusal(502, ""), refusal(504, "DEADLINE_EXCEEDED")])
def test_a_read_without_an_answer_is_asked_for_again_and_then_unavailable(reply: Reply) -> None:
    with serving(reply, reply, answer({"found": 1})) as script:
        rest = rest_of(script)
        assert read(rest) == {"found": 1}
        rest.close()
    with serving(*[reply] * 4) as script:
        rest = rest_of(script)
        kind, error = fault_of(rest, read)
        assert (kind, error.in_doubt) == (Unavailable, False)
        rest.close()


@pytest.mark.parametrize(
    "reply",
    [
        LOST,
        refusal(500, "INTERNAL"),
        refusal(502, ""),
        refusal(503, "UNAVAILABLE"),
        refusal(504, "DEADLINE_EXCEEDED"),
    ],
)
def test_a_write_without_an_answer_is_not_repeated_and_unknown(reply: Reply) -> None:
    with serving(reply) as script:
        rest = rest_of(script)
        kind, error = fault_of(rest, write)
        assert (kind, error.in_doubt) == (Unknown, True)
        assert len(script.asked) == 1
        rest.close()


def test_a_write_that_may_be_repeated_is_and_a_refusal_after_a_lost_answer_stays_in_doubt() -> None:
    with serving(LOST, answer({"done": 1})) as script:
        rest = rest_of(script)
        assert write(rest, repeat=True) == {"done": 1}
        rest.close()
    with serving(LOST, refusal(409, "ALREADY_EXISTS")) as script:
        rest = rest_of(script)
        kind, error = fault_of(rest, write, repeat=True)
        assert (kind, error.reason, error.in_doubt) == (Unknown, "ALREADY_EXISTS", True)
        rest.close()


def test_being_throttled_is_waited_for_and_leaves_no_doubt() -> None:
    throttled = refusal(429, "RESOURCE_EXHAUSTED")
    with serving(throttled, throttled, answer({})) as script:
        rest = rest_of(script)
        write(rest)
        rest.close()
    with serving(*[throttled] * 4) as script:
        rest = rest_of(script)
        kind, error = fault_of(rest, write)
        assert (kind, error.in_doubt) == (Throttled, False)
        rest.close()


def test_a_service_that_is_unavailable_is_asked_again_if_that_does_no_harm_and_leaves_a_write_in_doubt() -> None:
    busy = refusal(503, "UNAVAILABLE")
    with serving(busy, answer({})) as script:
        rest = rest_of(script)
        write(rest, repeat=True)
        rest.close()
    with serving(*[busy] * 4) as script:
        rest = rest_of(script)
        assert fault_of(rest, write, repeat=True)[0] is Unknown
        rest.close()
    with serving(*[busy] * 4) as script:
        rest = rest_of(script)
        assert fault_of(rest, read)[0] is Unavailable
        rest.close()
    with serving(busy) as script:
        rest = rest_of(script)
        assert fault_of(rest, write, attempts=1)[0] is Unknown
        rest.close()


def test_nobody_there_is_unavailable_also_for_a_write() -> None:
    with serving(answer({})) as script:
        rest = rest_of(script)
        write(rest)
        rest.close()
    kind, error = fault_of(rest, write)
    assert (kind, error.in_doubt) == (Unavailable, False)


def test_no_attempt_begins_later_than_a_call_may_take() -> None:
    with serving(refusal(429, "RESOURCE_EXHAUSTED")) as script:
        rest = rest_of(script)
        assert fault_of(rest, write, timeout=0.01)[0] is Throttled
        rest.close()


def test_pauses_grow_with_jitter_and_are_as_long_as_the_service_asks_for() -> None:
    for attempt, most in enumerate((0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 4.0, 4.0), start=1):
        pauses = [pause_before(attempt, None) for _ in range(50)]
        assert all(most / 2 <= pause <= most for pause in pauses)
        assert len(set(pauses)) > 1
    assert pause_before(1, "7") == 7.0
    assert pause_before(1, "Wed, 21 Oct 2015 07:28:00 GMT") <= 0.1


def test_what_answers_and_is_not_google_is_no_answer() -> None:
    page = Reply(200, b"<html>Sign in to the hotel's network</html>")
    with serving(*[page] * 4, page) as script:
        rest = rest_of(script)
        assert fault_of(rest, read)[0] is Unavailable
        assert fault_of(rest, write)[0] is Unknown
        rest.close()


def test_an_error_in_a_stream_is_an_error_and_not_the_end_of_it() -> None:
    broken = answer([{"document": {}}, {"error": {"code": 503, "status": "UNAVAILABLE", "message": "so it is"}}])
    with serving(broken, answer([{"document": {}}])) as script:
        rest = rest_of(script)
        assert read(rest) == [{"document": {}}]
        rest.close()
    denied = answer([{"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no"}}])
    with serving(denied) as script:
        rest = rest_of(script)
        kind, error = fault_of(rest, read)
        assert (kind, error.status, error.reason) == (PermissionDenied, 403, "PERMISSION_DENIED")
        rest.close()
    for odd in ([{"error": "so it is"}], [{"error": {"status": "INTERNAL"}}]):
        with serving(*[answer(odd)] * 4) as script:
            rest = rest_of(script)
            assert fault_of(rest, read)[0] is Unavailable
            rest.close()


# Bodies that are read as they come


def test_a_body_is_read_by_chunks_and_its_connection_used_again() -> None:
    body = bytes(range(256)) * 40
    with serving(Reply(200, body), Reply(200, body), answer({})) as script:
        rest = rest_of(script)
        found = rest.open("GET", "/o", is_read=True)
        chunks = list(found.chunks(1000))
        assert (b"".join(chunks), max(map(len, chunks))) == (body, 1000)
        [kept] = rest._idle
        assert rest.open("GET", "/o", is_read=True).read() == body
        assert rest._idle[0].connection is kept.connection
        assert found.headers["content-length"] == str(len(body))
        read(rest)
        rest.close()


def test_a_body_that_is_not_read_to_its_end_ends_its_connection() -> None:
    with serving(Reply(200, b"x" * 1_000_000)) as script:
        rest = rest_of(script)
        found = rest.open("GET", "/o", is_read=True)
        chunks = found.chunks(10)
        assert next(chunks) == b"x" * 10
        found.close()
        assert rest._idle == []


def test_a_body_that_breaks_off_is_told() -> None:
    short = Reply(200, b"x" * 10, (("Content-Length", "20"), ("Connection", "close")))
    with serving(short) as script:
        rest = rest_of(script)
        found = rest.open("GET", "/o", is_read=True)
        with pytest.raises(GoogleError) as caught:
            found.read()
        assert classify(caught.value) is Unavailable


def test_a_status_that_is_an_answer_too_is_given() -> None:
    with serving(Reply(308, b"", (("Range", "bytes=0-5"),))) as script:
        rest = rest_of(script)
        found = rest.open("PUT", "/upload", body=b"abcdef", is_read=False, accepted={308})
        assert (found.status, found.headers["range"], found.read()) == (308, "bytes=0-5", b"")
        rest.close()


# Tokens


class Counted(Tokens):
    """Tokens without a metadata server: a new one at each call for one."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def _fetch(self) -> Any:
        from time import monotonic

        from portable_gcp.tokens import Token

        self.count += 1
        return Token(f"token-{self.count}", monotonic() + 3600, "payer")


def test_a_token_goes_with_each_request_and_a_refused_one_is_replaced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    unauthenticated = refusal(401, "UNAUTHENTICATED")
    with serving(answer({}), unauthenticated, answer({}), unauthenticated, unauthenticated) as script:
        monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDTASKS", f"{script.url}/")
        rest = Rest(endpoint("cloudtasks"), Counted())
        write(rest)
        write(rest)
        _, error = fault_of(rest, write)
        assert error.status == 401
        sent = [asked.request.headers["authorization"] for asked in script.asked]
        assert sent == [f"Bearer token-{number}" for number in (1, 1, 2, 2, 3)]
        assert {asked.request.headers["x-goog-user-project"] for asked in script.asked} == {"payer"}
        rest.close()
