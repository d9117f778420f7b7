"""Every route of the API gives what its published shape says, and refuses what it cannot answer."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from portable.console.backend import Again
from portable.console.routes import Route, Routes
from portable.console.shapes import EVENTS, SHAPES, document
from portable.console.site import THREADS
from portable.console.store import Batch, Unkept
from portable.http import Request
from portable.identifiers import NOBODY
from portable.records import payload_of
from portable.replay import differences, observed_of, replay_file
from portable.telemetry import InvocationRecord

from .sample import ROOT, Story, batch
from .serving import STOPS, Answer, Served, served

FILLED = {"set": {"request.headers.authorization": "Bearer again"}}
"""Of the sample's requests it is what was redacted."""
PUBLISHED = ROOT / "docs" / "console-api.schema.json"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One of this module's own, since it is changed here."""
    with served(tmp_path_factory.mktemp("api"), count=150) as running:
        yield running


def routes_of(console: Served) -> tuple[Route, ...]:
    return console.console.api.routes.routes


def fits(value: Any, shape: str) -> None:
    jsonschema.Draft202012Validator({"$ref": f"#/$defs/{shape}", "$defs": SHAPES}).validate(value)


def ids(console: Served) -> dict[str, str]:
    failed = console.get("invocations?outcome=failed&kind=task&limit=1").json["items"][0]
    http = console.get("invocations?handler=core.net_worth&limit=1").json["items"][0]
    return {
        "failed": failed["id"],
        "http": http["id"],
        "trace": failed["trace_id"],
        "issue": console.get("issues").json["items"][0]["id"],
    }


def examples(console: Served) -> list[tuple[str, str, Any]]:
    """A request for each route: what its pattern is, what is asked, and its body."""
    known = ids(console)
    known["replay"] = console.send("POST", f"invocations/{known['http']}/replay", FILLED).json["invocation"]
    queue, schedule = "queues/exchange.refresh", "schedules/exchange.after_publication"
    table, bucket = "tables/core.assets/items", "buckets/integration.statements"
    item = {"owner": "nora", "id": "1"}
    return [
        ("POST session", "session", {"key": console.console.access.new_code()}),
        ("GET status", "status", None),
        ("GET overview", "overview", None),
        ("GET invocations", "invocations?limit=40", None),
        ("GET invocations/{id}", f"invocations/{known['failed']}", None),
        ("GET invocations/{id}", f"invocations/{known['http']}", None),
        ("POST invocations/{id}/replay", f"invocations/{known['http']}/replay", FILLED),
        ("POST replays", "replays", {"file": console.get(f"invocations/{known['failed']}/file").json}),
        ("GET invocations/{id}/difference", f"invocations/{known['replay']}/difference", None),
        ("GET invocations/{id}/file", f"invocations/{known['failed']}/file", None),
        ("GET invocations/{id}/test", f"invocations/{known['failed']}/test", None),
        ("POST invocations/{id}/test", f"invocations/{known['failed']}/test", {"set": {}}),
        ("POST requests", "requests", {"target": "GET /api/exchange/rates?on=2026-11-25"}),
        ("GET traces", "traces", None),
        ("GET traces/{id}", f"traces/{known['trace']}", None),
        ("GET logs", "logs?limit=200", None),
        ("GET issues", "issues", None),
        ("GET issues/{id}", f"issues/{known['issue']}", None),
        ("POST issues/{id}/mute", f"issues/{known['issue']}/mute", {"is_muted": True}),
        ("GET map", "map", None),
        ("GET functions", "functions", None),
        ("POST functions/{handler}/invoke", "functions/exchange.refresh/invoke", {"payload": None}),
        ("GET schedules", "schedules", None),
        ("POST schedules/{handler}/run", f"{schedule}/run", {}),
        ("POST schedules/{handler}/pause", f"{schedule}/pause", {}),
        ("POST schedules/{handler}/resume", f"{schedule}/resume", {}),
        ("GET queues", "queues", None),
        ("GET queues/{handler}/dead-letters", f"{queue}/dead-letters?limit=1", None),
        ("POST queues/{handler}/redrive", f"{queue}/redrive", {"ids": ["t-0000000000000000"]}),
        ("POST queues/{handler}/discard", f"{queue}/discard", {"ids": ["t-0000000000000001"]}),
        ("GET tables", "tables", None),
        ("GET tables/{name}/items", f"{table}?pk=maya", None),
        ("PUT tables/{name}/items", table, {"item": item}),
        ("DELETE tables/{name}/items", table, {"pk": "nora", "sk": "1"}),
        ("GET buckets", "buckets", None),
        ("GET buckets/{name}/objects", f"{bucket}/objects?prefix=maya/&limit=3", None),
        ("GET buckets/{name}/object", f"{bucket}/object?key={quote('maya/logo.png')}", None),
        ("PUT buckets/{name}/object", f"{bucket}/object?key=a.txt", {"body": "aGVsbG8=", "encoding": "base64"}),
        ("DELETE buckets/{name}/object", f"{bucket}/object?key=a.txt", {}),
        ("GET values", "values", None),
        ("PUT values/{name}", "values/exchange.rates-url", {"value": "https://rates.example"}),
        ("GET cost", "cost?hours=2", None),
        ("GET openapi", "openapi", None),
        ("GET schema", "schema", None),
    ]


def ask(console: Served, wanted: str, path: str, body: Any) -> Answer:
    method = wanted.partition(" ")[0]
    return console.get(path) if method == "GET" else console.send(method, path, body)


def appears(console: Served) -> None:
    """What is invoked by the sample is recorded, as a real one would be."""

    def record(handler: str, traceparent: str) -> None:
        story = Story(1)
        story.invocation(handler, 1_800_000_000.0, trace=traceparent[3:35])
        console.write(batch(story.taken()))

    console.backend.on_invoke = record


def test_every_route_answers_in_its_published_shape(console: Served) -> None:
    appears(console)
    asked: set[str] = set()
    for wanted, path, body in examples(console):
        [route] = [one for one in routes_of(console) if f"{one.method} {one.path}" == wanted]
        if body is not None:
            assert route.body is not None
            fits(body, route.body)
        answer = ask(console, wanted, path, body)
        if answer.status == 422 and wanted == "GET invocations/{id}/test":
            fits(answer.json, "Problem")
            continue  # something of it is redacted, which the problem says
        assert answer.status == 200, (wanted, answer)
        fits(answer.json, route.answer)
        asked.add(wanted)
    missing = {f"{route.method} {route.path}" for route in routes_of(console)} - asked
    assert missing <= {"GET invocations/{id}/test"}


def test_what_is_published_is_what_is_served(console: Served) -> None:
    found = console.get("schema").json
    assert found == json.loads(PUBLISHED.read_text(encoding="utf-8")), "run: python -m tests.console.publish"
    jsonschema.Draft202012Validator.check_schema(found)
    assert set(found["events"]["data"]) == set(EVENTS)
    named = {route.answer for route in routes_of(console)} | {route.body for route in routes_of(console)} - {None}
    assert named <= set(SHAPES)
    assert document(routes_of(console)) == found


def test_every_query_parameter_that_is_published_is_read_and_checked(console: Served) -> None:
    wrong = {
        "limit": ["0", "501", "x", "-1", "99999999"],
        "cursor": ["x", "1:2:3", "nan:1"],
        "from": ["x", "nan", "1e99"],
        "to": ["x"],
        "status": ["9999", "abc", "6"],
        "after": ["x", "-1"],
        "level": ["LOUD"],
        "hours": ["x", "0", "-1", "nan", "99999"],
    }
    asked = 0
    for route in routes_of(console):
        if route.path not in ("invocations", "traces", "logs", "cost", "overview"):
            continue
        for name in set(route.query) & set(wanted_of(route.path, wrong)):
            for value in wrong[name]:
                answer = console.get(f"{route.path}?{name}={value}")
                assert answer.status == 422, (route.path, name, value, answer)
                fits(answer.json, "Problem")
                asked += 1
    assert asked > 30


def wanted_of(path: str, wrong: dict[str, list[str]]) -> set[str]:
    return set(wrong) - ({"status"} if path == "overview" else set())


@pytest.mark.parametrize(
    "path",
    [
        "invocations/0000000000000000",
        "traces/00000000000000000000000000000000",
        "issues/0000",
        "tables/nothing/items",
        "buckets/nothing/objects",
        "buckets/integration.statements/object?key=nothing",
        "queues/nothing/dead-letters",
        "queues/core.net_worth/dead-letters",
    ],
)
def test_what_is_not_there_is_a_problem_with_404(console: Served, path: str) -> None:
    answer = console.get(path)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    fits(answer.json, "Problem")


def test_an_http_handler_is_not_invoked_and_what_is_invoked_names_its_invocation(console: Served) -> None:
    appears(console)
    assert console.send("POST", "functions/core.net_worth/invoke", {"payload": None}).status == 422
    found = console.send("POST", "functions/exchange.refresh/invoke", {"payload": {"day": "2026-11-25"}}).json
    one = console.get(f"invocations/{found['invocation']}").json
    assert (one["handler"], one["kind"]) == ("exchange.refresh", "task")
    assert console.backend.invoked[-1][:2] == ("exchange.refresh", '{"day": "2026-11-25"}')
    assert console.backend.invoked[-1][2].split("-")[2] == NOBODY


def test_a_replay_is_linked_to_what_it_repeats_and_sends_what_was_sent(console: Served) -> None:
    appears(console)
    original = ids(console)["http"]
    sent = console.get(f"invocations/{original}").json["request"]
    found = console.send("POST", f"invocations/{original}/replay", FILLED).json
    method, _, target = sent["target"].partition(" ")
    assert console.backend.requested[-1] == (method, target)
    again = console.get(f"invocations/{found['invocation']}").json
    assert again["replay_of"] == original
    assert [one["id"] for one in console.get(f"invocations/{original}").json["replays"]] == [again["id"]]
    compared = console.get(f"invocations/{again['id']}/difference").json
    first = replay_file(console.get(f"invocations/{original}").json, app="fatfire", portable="0")
    expected = differences(first, observed_of(again, again["calls"]))
    assert compared == {"first": original, "items": [json.loads(json.dumps(one._asdict())) for one in expected]}
    assert console.get(f"invocations/{original}/difference").status == 404
    edited = {**sent, "target": "GET /api/users/lena/net-worth"}
    console.send("POST", f"invocations/{original}/replay", {"request": edited, **FILLED})
    assert console.backend.requested[-1] == ("GET", "/api/users/lena/net-worth")


def test_a_replay_file_is_run_as_what_it_was_made_of_and_linked_to_it(console: Served) -> None:
    appears(console)
    known = ids(console)
    file = console.get(f"invocations/{known['failed']}/file").json
    found = console.send("POST", "replays", {"file": file}).json
    assert console.get(f"invocations/{found['invocation']}").json["replay_of"] == known["failed"]
    came = file["invocation"]
    assert console.backend.invoked[-1][:2] == ("exchange.refresh", came["delivery"]["body"])
    assert console.backend.repeated[-1] == Again(came["attempt"], {}, None)
    http = console.get(f"invocations/{known['http']}/file").json
    sent = console.send("POST", "replays", {"file": http, **FILLED}).json
    assert console.get(f"invocations/{sent['invocation']}").json["replay_of"] == known["http"]
    assert console.backend.requested[-1] == ("GET", http["invocation"]["request"]["target"])
    # Of another machine: it runs, and there is nothing to link it to.
    elsewhere = {**file, "invocation": {**came, "id": "another"}}
    strange = console.send("POST", "replays", {"file": elsewhere}).json
    assert console.get(f"invocations/{strange['invocation']}").json["replay_of"] is None


def test_a_replay_file_that_does_not_fit_is_refused_and_nothing_runs(console: Served) -> None:
    known = ids(console)
    file = console.get(f"invocations/{known['failed']}/file").json
    http = console.get(f"invocations/{known['http']}/file").json
    came = file["invocation"]
    before = len(console.backend.invoked) + len(console.backend.requested)
    for wrong, status, what in (
        ({**file, "app": "bank"}, 422, "recorded of the app 'bank'"),
        ({**file, "version": 9}, 422, "of version 9"),
        ({**file, "invocation": {**came, "handler": "exchange.refrsh"}}, 404, "no handler 'exchange.refrsh'"),
        ({**file, "invocation": {**came, "handler": "core.net_worth"}}, 422, "answers HTTP"),
        ({**file, "invocation": {**came, "is_cut": True}}, 422, "only the beginning"),
        ({**file, "invocation": {**came, "attempt": 0}}, 422, "less than 1"),
        ({**file, "invocation": {**came, "started_at": 1e300}}, 422, "no number that can be meant"),
        (http, 422, "redacted, and needed: request.headers.authorization"),
        ({}, 422, "no replay file"),
    ):
        answer = console.send("POST", "replays", {"file": wrong})
        assert (answer.status, what in answer.json["detail"]) == (status, True), answer
    assert console.send("POST", "replays", {"file": [1]}).status == 422
    assert console.send("POST", "replays", {}).status == 422
    assert "did you mean exchange.refresh?" in str(
        console.send("POST", "functions/exchange.refrsh/invoke", {"payload": 1}).json["hint"]
    )
    assert len(console.backend.invoked) + len(console.backend.requested) == before


def test_what_waits_for_handlers_holds_up_nobody_who_only_reads(tmp_path: Path) -> None:
    with served(tmp_path) as console:
        running, may_end = Semaphore(0), Event()

        def stands(_handler: str, _traceparent: str) -> None:
            running.release()
            assert may_end.wait(STOPS)

        console.backend.on_invoke = stands
        with ThreadPoolExecutor(2 * THREADS) as askers:
            asked = [askers.submit(console.send, "POST", "functions/exchange.refresh/invoke") for _ in range(THREADS)]
            asked += [askers.submit(console.send, "POST", "requests", {"target": "GET /"}) for _ in range(THREADS)]
            for _ in asked:
                assert running.acquire(timeout=STOPS)
            try:
                assert console.get("status").status == 200
                assert console.get("invocations").status == 200
            finally:
                # Nobody waits for what is not recorded.
                console.backend.is_recorded = False
                may_end.set()
            assert [one.result().status for one in asked] == [200] * len(asked)


def test_what_is_not_recorded_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portable.console.runs.APPEARS_SECONDS", 10 * STOPS)
    with served(tmp_path) as console:
        console.backend.is_recorded = False
        assert console.get("status").json["is_recorded"] is False
        found = console.send("POST", "functions/exchange.refresh/invoke", {"payload": None})
        assert (found.status, found.json["invocation"]) == (200, None)


def login(span: str, **changes: Any) -> InvocationRecord:
    """A request of which the name of a field, of a parameter and of a header say that they are not for the disk."""
    request = payload_of(
        '{"password": "hush", "user": "lena"}', "application/json", [("cookie", "a=1"), ("accept", "x")], "POST /in"
    )
    return InvocationRecord(
        "a" * 32, span, "", "http", "core.net_worth", "i", 1, time.time(), 0.1, "POST /in", "succeeded", 200, None,
        None, None, request._replace(**changes), None, 0.0, False, 0,
    )  # fmt: skip


def test_what_was_redacted_is_asked_for_before_it_is_run_again(console: Served) -> None:
    appears(console)
    span = "c" * 16
    console.record(login(span))
    one = console.get(f"invocations/{span}").json
    assert one["needed"] == one["needed_by_test"] == ["request.headers.cookie", "request.body.password"]
    before = len(console.backend.requested)
    edited = {**one["request"], "target": "POST /out"}
    for body in ({}, {"request": edited}, {"set": {"request.body.password": "hush"}}, {"set": {"request.body.x": "y"}}):
        refused = console.send("POST", f"invocations/{span}/replay", body)
        assert refused.status == 422, body
    assert (
        "request.headers.cookie, request.body.password"
        in console.send("POST", f"invocations/{span}/replay").json["detail"]
    )
    for wrong in (
        {"set": {"request.body.password": 1}},
        {"set": {"request.body.password": None}},
        {"request": {"headers": [1]}},
    ):
        assert console.send("POST", f"invocations/{span}/replay", wrong).status == 422, wrong
    assert len(console.backend.requested) == before
    filled = {"request.body.password": "hush", "request.headers.cookie": None}
    assert console.send("POST", f"invocations/{span}/replay", {"set": filled}).status == 200
    assert console.backend.requested[-1] == ("POST", "/in")
    assert console.get(f"invocations/{span}/test").status == 422
    written = console.send("POST", f"invocations/{span}/test", {"set": filled})
    assert written.status == 200
    assert "hush" in written.json["text"]
    assert "cookie" not in written.json["text"]


def test_a_request_that_was_cut_is_run_again_only_with_another_body(console: Served) -> None:
    appears(console)
    span = "d" * 16
    console.record(login(span, body="x" * 65_536, size=70_000, headers=()))
    sent = console.get(f"invocations/{span}").json["request"]
    for body in ({}, {"request": {**sent, "target": "POST /out"}}):
        assert "beginning" in console.send("POST", f"invocations/{span}/replay", body).json["detail"]
    assert console.send("POST", f"invocations/{span}/replay", {"request": {**sent, "body": "{}"}}).status == 200


def test_figures_have_what_was_only_counted(console: Served) -> None:
    now = time.time()
    asked = f"overview?from={now - 3600}&to={now + 1}"

    def figures() -> tuple[dict[str, Any], int, int]:
        found = console.get(asked).json
        shown = {one["handler"]: one for one in console.get("functions").json["items"]}["core.net_worth"]
        edge = next(one for one in console.get("map").json["edges"] if one["to"] == "function:core.net_worth")
        assert sum(bar["all"] for bar in found["series"]) == found["totals"]["invocations"]
        assert sum(bar["failed"] for bar in found["series"]) == found["totals"]["failed"]
        assert sum(found["sparks"]["invocations"]) == found["totals"]["invocations"]
        return found, shown["all"], edge["calls"]

    before, shown, called = figures()
    unkept = Unkept("http", "core.net_worth", int(now // 60), 5000, 700, 1250.0)
    console.write(Batch(1, "http", {"invocation": 5000}, [], (unkept,)))
    after, shown_now, called_now = figures()
    for name, more in (("invocations", 5000), ("failed", 700), ("unkept", 5000)):
        assert after["totals"][name] - before["totals"][name] == more, name
    assert after["before"] == before["before"]
    assert (shown_now - shown, called_now - called) == (5000, 5000)
    assert after["most_invoked"][0]["handler"] == after["most_failed"][0]["handler"] == "core.net_worth"
    for outcome, number in (("failed", 700), ("succeeded", 4300), ("dead", 0)):
        assert console.get(f"{asked}&outcome={outcome}").json["totals"]["unkept"] == number
    assert console.get(f"{asked}&service=exchange").json["totals"]["unkept"] == 0


@pytest.mark.parametrize(
    "request_",
    [
        {"target": "GET"},
        {"target": "GET http://attacker.example/"},
        {"target": "GET //attacker.example"[:4] + "\r\nHost: x"},
        {"target": "GET /\r\nX: y"},
        {"target": "get /"},
        {"target": "GET / HTTP/1.1"},
        {"target": "GET /", "headers": [["a b", "c"]]},
        {"target": "GET /", "headers": [["a", "b\r\nc: d"]]},
        {"target": "GET /", "body": "?", "encoding": "base64"},
    ],
)
def test_a_request_that_would_be_another_one_is_not_sent(console: Served, request_: dict[str, Any]) -> None:
    before = len(console.backend.requested)
    assert console.send("POST", "requests", request_).status == 422
    assert len(console.backend.requested) == before


def test_redrive_takes_ids_or_all_and_never_guesses(console: Served) -> None:
    for body in ({}, {"all": False}, {"ids": ["x"], "all": True}, {"ids": [1]}, {"ids": "x"}):
        assert console.send("POST", "queues/exchange.refresh/redrive", body).status == 422, body
    assert console.send("POST", "queues/exchange.refresh/redrive", {"all": True}).json["count"] >= 1
    assert console.get("queues/exchange.refresh/dead-letters").json == {"items": [], "next": None}


def test_an_exact_segment_goes_before_a_parameter() -> None:
    def nothing(_: Any) -> None:
        """Is not called."""

    routes = Routes((Route("GET", "a/{x}", nothing, "Done"), Route("GET", "a/b", nothing, "Done")))
    for path, wanted in (("a/b", "a/b"), ("a/c", "a/{x}")):
        found = routes.find(Request("GET", f"/api/v1/{path}"))
        assert isinstance(found, tuple)
        assert found[0].path == wanted


def test_nothing_of_a_console_is_on_the_disk_but_its_database(console: Served) -> None:
    names = sorted(path.name for path in Path(console.folder).iterdir())
    assert names == ["telemetry.sqlite3", "telemetry.sqlite3-shm", "telemetry.sqlite3-wal"]
