"""Who may send spans to the app's port, how much, and what they are answered: by requests, against a real recorder.

Where the recorder sends to, nobody listens: what it would send stays in its queue, which is looked at.
"""

import gzip
import json
import zlib
from pathlib import Path

import pytest
from portable_local.otlp_inlet import MOST_BYTES, TRACES, OtlpInlet
from portable_local.recording import Allowance, QueueRecorder

from portable.http import Request, Response
from tests.console.otlp_requests import request as spans_of
from tests.console.otlp_requests import span

PORT = 8000
HOST = f"127.0.0.1:{PORT}"
JSON = "application/json"


@pytest.fixture
def recorder(tmp_path: Path) -> QueueRecorder:
    return QueueRecorder(str(tmp_path / "nobody.sock"), "http")


@pytest.fixture
def inlet(recorder: QueueRecorder) -> OtlpInlet:
    return OtlpInlet(PORT, recorder)


def ask(
    inlet: OtlpInlet, body: bytes | None = None, path: str = TRACES, method: str = "POST", **given: str | None
) -> Response:
    """As an exporter asks, but for the headers that are given; None leaves one out."""
    own: dict[str, str | None] = {"host": HOST, "content-type": JSON}
    headers = own | {name.replace("_", "-"): value for name, value in given.items()}
    body = spans_of(span()) if body is None else body
    sent = [(name, value) for name, value in headers.items() if value is not None]
    return inlet.respond(Request(method, path, headers=sent, body=body))


def kept(recorder: QueueRecorder) -> list[str]:
    return [type(record).__name__ for record in recorder._queue]


def test_a_span_is_taken_with_its_events(inlet: OtlpInlet, recorder: QueueRecorder) -> None:
    answer = ask(inlet, spans_of(span(events=[{"name": "painted"}])))
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"{}", JSON)
    assert kept(recorder) == ["SpanRecord", "LogRecord"]


@pytest.mark.parametrize("host", [HOST, f"localhost:{PORT}", f"LOCALHOST:{PORT}", f"[::1]:{PORT}"])
def test_the_app_by_its_own_names_is_let_in(inlet: OtlpInlet, host: str) -> None:
    assert ask(inlet, host=host).status == 200
    assert ask(inlet, host=host, origin=f"http://{host.lower()}", sec_fetch_site="same-origin").status == 200


@pytest.mark.parametrize(
    "host",
    [None, "", "attacker.example", f"attacker.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1.nip.io:{PORT}",
     f"0.0.0.0:{PORT}", f"127.1:{PORT}", f"[::ffff:127.0.0.1]:{PORT}", f"localhost.:{PORT}", f"{HOST}, x"],
)  # fmt: skip
def test_another_host_is_refused(inlet: OtlpInlet, recorder: QueueRecorder, host: str | None) -> None:
    """A name that was bound to 127.0.0.1 a moment ago would make any page one of the app's."""
    assert ask(inlet, host=host).status == 403
    assert kept(recorder) == []


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://attacker.example", f"https://{HOST}", "http://127.0.0.1:8001", "http://127.0.0.1",
     f"http://localhost:{PORT}", f"http://{HOST}/", f"HTTP://{HOST}", "file://"],
)  # fmt: skip
def test_a_page_from_elsewhere_is_refused(inlet: OtlpInlet, recorder: QueueRecorder, origin: str) -> None:
    assert ask(inlet, origin=origin).status == 403
    assert kept(recorder) == []


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
def test_what_a_browser_says_comes_from_another_page_is_refused(inlet: OtlpInlet, site: str) -> None:
    assert ask(inlet, sec_fetch_site=site).status == 403


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "text/plain; application/json", "application/x-www-form-urlencoded",
     "multipart/form-data; boundary=x", "application/json; charset=utf-16", "application/x-protobuf"],
)  # fmt: skip
def test_only_json_is_taken_which_no_page_may_send_elsewhere_unasked(
    inlet: OtlpInlet, recorder: QueueRecorder, kind: str | None
) -> None:
    answer = ask(inlet, content_type=kind)
    assert answer.status == 415
    assert "http/json" in json.loads(answer.body)["message"]
    assert kept(recorder) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
def test_nothing_is_read_there_and_nobody_is_told_that_they_may(inlet: OtlpInlet, method: str) -> None:
    answer = ask(inlet, method=method, origin=f"http://{HOST}")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/_portable/otlp/v1/metrics", "/_portable/otlp/v1/logs", f"{TRACES}/", f"{TRACES}/x"])
def test_other_signals_are_refused_for_good(inlet: OtlpInlet, path: str) -> None:
    assert ask(inlet, path=path).status == 404


def test_nothing_becomes_another_protocol(inlet: OtlpInlet) -> None:
    assert ask(inlet, upgrade="websocket").status == 403
    assert ask(inlet, sec_websocket_key="x").status == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"resourceSpans": 1}', b"\x0a\x02"])
def test_what_is_no_request_of_otlp_is_told_as_a_status(inlet: OtlpInlet, body: bytes) -> None:
    answer = ask(inlet, body)
    assert answer.status == 400
    assert json.loads(answer.body)["code"] == 3


def test_gzip_is_unpacked(inlet: OtlpInlet, recorder: QueueRecorder) -> None:
    assert ask(inlet, gzip.compress(spans_of(span())), content_encoding="gzip").status == 200
    assert kept(recorder) == ["SpanRecord"]


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        (b"no gzip", "gzip", 400),
        (gzip.compress(b'{"resourceSpans": []}' * 10)[:-12], "gzip", 400),
        (gzip.compress(b" " * (MOST_BYTES + 1)), "gzip", 413),
        (gzip.compress(b" " * (200 * 1024 * 1024), 9), "gzip", 413),
        (b" " * (MOST_BYTES + 1), "identity", 413),
        (zlib.compress(b"{}"), "deflate", 415),
        (b"{}", "br", 415),
    ],
    ids=("none", "cut", "too large", "a bomb", "too large as it is", "deflate", "br"),
)
def test_what_is_too_large_or_packed_otherwise_is_refused(
    inlet: OtlpInlet, body: bytes, coding: str, status: int
) -> None:
    assert ask(inlet, body, content_encoding=coding).status == status


def test_some_that_are_no_spans_are_counted_for_their_sender(inlet: OtlpInlet, recorder: QueueRecorder) -> None:
    answer = ask(inlet, spans_of(span(), span(traceId="x"), span(name="")))
    partial = json.loads(answer.body)["partialSuccess"]
    assert (answer.status, partial["rejectedSpans"]) == (200, "2")
    assert "traceId" in partial["errorMessage"]
    assert kept(recorder) == ["SpanRecord"]


def test_more_than_can_be_kept_up_with_is_dropped_and_counted_then_not_even_read(
    inlet: OtlpInlet, recorder: QueueRecorder
) -> None:
    recorder._spans = Allowance(10, 0.0)
    # A request takes one, too.
    answer = ask(inlet, spans_of(*[span(spanId=f"{number:016x}") for number in range(1, 31)]))
    partial = json.loads(answer.body)["partialSuccess"]
    assert (answer.status, partial["rejectedSpans"]) == (200, "21")
    assert "more than can be kept up with" in partial["errorMessage"]
    assert (len(kept(recorder)), recorder._dropped["s"]) == (9, 21)
    answer = ask(inlet, b"not even looked at")
    assert (answer.status, answer.headers["retry-after"]) == (429, "5")


def test_where_nothing_is_recorded_nothing_is_taken() -> None:
    answer = ask(OtlpInlet(PORT, None))
    assert answer.status == 404
