"""The replay file: what it holds, what it asks for, what it refuses; what a handler had read; what differs."""

import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from portable.errors import InvalidArgument
from portable.replay import (
    Answer,
    Call,
    Observed,
    ReplayFile,
    differences,
    dumps,
    filled,
    observed_of,
    parse,
    redacted_paths,
    replay_file,
    require_filled,
    shown_differences,
    state_of,
)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/replay.schema.json").read_text(encoding="utf-8"))
AT = 1_790_000_000.0


def invocation(**changes: Any) -> dict[str, Any]:
    """An HTTP invocation as the API gives it."""
    return {
        "id": "00f067aa0ba902b7",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "request_id": "request-1",
        "kind": "http",
        "handler": "create",
        "name": "POST /notes",
        "attempt": 1,
        "started_at": AT,
        "seconds": 0.01,
        "waited": 0.0,
        "outcome": "succeeded",
        "status": 201,
        "error": None,
        "traceback": None,
        "request": {
            "body": '{"text": "x", "card.number": "[redacted]", "deep": [{"password": "[redacted]"}]}',
            "size": 80,
            "content_type": "application/json",
            "encoding": "text",
            "headers": [
                ["content-type", "application/json"],
                ["content-length", "80"],
                ["connection", "keep-alive"],
                ["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
                ["authorization", "Bearer [redacted]"],
            ],
            "target": "POST /notes?full=1&token=[redacted]",
        },
        "response": {
            "body": '{"id": "n-1"}',
            "size": 13,
            "content_type": "application/json",
            "encoding": "text",
            "headers": [["content-type", "application/json"]],
            "target": "",
        },
        "calls": [],
        **changes,
    }


def file_of(**changes: Any) -> ReplayFile:
    return replay_file(invocation(**changes), app="notes", portable="0.1.0")


def call(resource: str, verb: str, key: str | None = None, result: Any = None, error: str | None = None) -> Any:
    return {"resource": resource, "verb": verb, "key": key, "error": error, "result": result}


def items(*found: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    return {"items": [{"pk": pk, "sk": sk, "item": item} for pk, sk, item in found]}


# The file


def test_a_file_is_what_the_schema_describes_and_is_read_as_it_was_written() -> None:
    background = file_of(
        kind="topic",
        name="topic:news",
        request={"body": '{"a": 1}', "size": 8, "content_type": "application/json", "headers": [["kind", "b"]]},
        response=None,
        status=0,
        outcome="dead",
        error="ValueError: é",
        waited=2.5,
        calls=[call("table:n", "get", "a", items(("a", "-", {"id": "a", "n": {"__decimal__": "1.0"}})))],
    )
    assert background.invocation.delivery is not None
    assert background.invocation.delivery.enqueued_at == AT - 2.5
    for file in (file_of(), background):
        text = dumps(file)
        jsonschema.validate(json.loads(text), SCHEMA)
        assert parse(text) == file
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_headers_of_the_connection_and_of_the_trace_are_not_in_it() -> None:
    request = file_of().invocation.request
    assert request is not None
    assert [name for name, _ in request.headers] == ["content-type", "authorization"]
    assert (request.method, request.target) == ("POST", "/notes?full=1&token=[redacted]")


def test_whatever_is_missing_or_of_another_kind_is_refused_with_its_place() -> None:
    """Each member of a good file, left out or replaced: an InvalidArgument of ours, or a file; never another error."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    source = random.Random(seed)
    good = json.loads(dumps(file_of(calls=[call("table:n", "get", "a", items(("a", "-", {"id": "a"})))])))
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict | list):
            for name in value if isinstance(value, dict) else range(len(value)):
                places.append((value, name))
                walk(value[name])

    walk(good)
    refused = 0
    for holder, name in places:
        kept = holder[name]
        for wrong in (None, 7, "x", [], {}, [[]], source.choice([True, 1.5, ["a", "b", "c"]])):
            holder[name] = wrong
            try:
                parse(json.dumps(good))
            except InvalidArgument as error:
                refused += "replay file" in error.message
        holder[name] = kept
    assert refused > 100
    assert parse(json.dumps(good))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "format is not 'portable-replay'"),
        ('{"format": "portable-replay", "version": 2, "portable": "9"}', "is of version 2"),
        ('{"format": "portable-replay", "version": 1}', r"\$.invocation is missing"),
    ],
)
def test_what_is_no_replay_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        parse(text)


# Filling in


def test_what_is_redacted_is_named_and_can_be_filled_in() -> None:
    file = file_of()
    paths = redacted_paths(file)
    assert paths == [
        "request.target",
        "request.headers.authorization",
        "request.body.card.number",
        "request.body.deep.0.password",
    ]
    with pytest.raises(InvalidArgument) as raised:
        require_filled(file)
    assert all(f"--set {path}=VALUE" in (raised.value.hint or "") for path in paths)
    whole = filled(file, {path: f"v {path}" for path in paths})
    require_filled(whole)
    assert whole.invocation.request is not None
    assert json.loads(whole.invocation.request.body) == {
        "text": "x",
        "card.number": "v request.body.card.number",
        "deep": [{"password": "v request.body.deep.0.password"}],
    }
    assert dict(whole.invocation.request.headers)["authorization"] == "v request.headers.authorization"


def test_a_replaced_number_stays_a_number_and_a_text_a_text() -> None:
    file = file_of(request={"body": '{"n": 1, "t": "1", "o": {"a": 1}}', "size": 33, "target": "POST /"})
    changed = filled(file, {"request.body.n": "5", "request.body.t": "5", "request.body.o": "[1]"}).invocation.request
    assert changed is not None
    assert json.loads(changed.body) == {"n": 5, "t": "5", "o": [1]}


@pytest.mark.parametrize(
    "path", ["request.headers.nothing", "request.body.nothing", "delivery.body", "state.items.0.a", "else", ""]
)
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(InvalidArgument, match="there is nothing at"):
        filled(file_of(), {path: "x"})


def test_what_an_item_had_redacted_is_asked_for_only_where_it_is_put_back() -> None:
    file = file_of(
        request={"body": "", "size": 0, "target": "GET /"},
        calls=[call("table:n", "get", "a", items(("a", "-", {"id": "a", "token": "[redacted]"})))],
    )
    assert redacted_paths(file) == []
    assert redacted_paths(file, with_state=True) == ["state.items.0.token"]
    changed = filled(file, {"state.items.0.token": "t"})
    assert changed.state.items[0].item == {"id": "a", "token": "t"}


def test_a_body_that_was_cut_cannot_be_run_again_and_a_redacted_one_is_not_taken_for_such() -> None:
    cut = file_of(request={"body": "x" * 65_536, "size": 65_537, "target": "POST /"})
    with pytest.raises(InvalidArgument, match="too large"):
        require_filled(cut)
    whole = file_of(request={"body": '{"a": 1}', "size": 3000, "target": "POST /"})
    require_filled(whole)


# What was read


def test_the_state_is_what_was_read_before_it_was_written() -> None:
    state = state_of(
        [
            call("table:n", "get", "a", items(("a", "-", {"id": "a", "v": 1}))),
            call("table:n", "put", "a"),
            call("table:n", "get", "a", items(("a", "-", {"id": "a", "v": 2}))),
            call("table:n", "put", "new"),
            call("table:n", "query", "x", items(("new", "-", {"id": "new"}), ("b", "-", {"id": "b"}))),
            call("table:m", "get", "('p', 's')", items(("p", "s", {"p": "p", "s": "s"}))),
            call("table:m", "delete", "('p', 't')"),
            call("table:m", "query", "p", items(("p", "s", {"p": "p", "s": "late"}), ("p", "t", {}))),
            call("param:rate", "get", None, {"value": "5"}),
            call("secret:key", "get"),
        ]
    )
    assert [(item.table, item.pk, item.sk, item.item) for item in state.items] == [
        ("n", "a", "-", {"id": "a", "v": 1}),
        ("n", "b", "-", {"id": "b"}),
        ("m", "p", "s", {"p": "p", "s": "s"}),
    ]
    assert state.params == {"rate": "5"}
    assert state.secrets == ("key",)
    assert state.missing == ()


@pytest.mark.parametrize(
    ("calls", "why"),
    [
        ([call("table:n", "query", "a", {"cut": 70_000})], "query: too large to be recorded"),
        ([call("table:n", "put", "a", error="Conflict: there")], "put: it met what was not read"),
        ([call("table:n", "increment", "a")], "increment: it needs an item, which was not read"),
        ([call("bucket:f", "open", "a")], "open: objects are not recorded"),
        (
            [call("table:n", "batch_write"), call("table:n", "scan", None, items(("a", "-", {})))],
            "scan: after writes whose keys are not recorded",
        ),
    ],
)
def test_what_is_not_known_is_listed_with_the_reason(calls: list[Any], why: str) -> None:
    (missing,) = state_of(calls).missing
    assert missing.why == why
    assert state_of(calls).items == ()


def test_a_write_of_what_was_read_misses_nothing() -> None:
    read = call("table:n", "update", "a", items(("a", "-", {"id": "a"})))
    assert state_of([read, call("table:n", "update", "a"), call("table:n", "increment", "a")]).missing == ()
    absent = call("table:n", "get", "a", items())
    assert state_of([absent, call("table:n", "put", "a")]).missing == ()


# What differs


def seen(body: str, *calls: Call, status: int = 200, error: str | None = None, outcome: str = "succeeded") -> Observed:
    return Observed(
        outcome, status, error, None, Answer(body, len(body.encode()), "application/json"), 0.1, tuple(calls)
    )


def test_nothing_differs_from_itself() -> None:
    file = file_of(calls=[call("table:n", "get", "a", items())])
    assert differences(file, observed_of(invocation(), invocation()["calls"]))[0].where == "calls.0"
    assert differences(file, file.observed) == []


def test_each_difference_is_told_with_its_place_and_what_is_new_each_time_apart() -> None:
    file = file_of()._replace(
        observed=seen(
            '{"id": "7f1c4a52-9a7e-4f0e-9d2e-0d6a1c8f7b11", "n": 1, "list": [1, 2], "at": 1790000001, "gone": null}',
            Call("table:n", "get", "a", None),
            Call("table:n", "put", "7f1c4a52-9a7e-4f0e-9d2e-0d6a1c8f7b11", None),
        )
    )
    now = seen(
        '{"id": "0e5f9a10-1111-4f0e-9d2e-0d6a1c8f7b22", "n": 1.0, "list": [1, 3, 4], "at": 1790000500, "new": true}',
        Call("table:n", "put", "0e5f9a10-1111-4f0e-9d2e-0d6a1c8f7b22", None),
        status=201,
    )
    found = differences(file, now)
    assert [(one.where, one.is_volatile) for one in found] == [
        ("status", False),
        ("response.id", True),
        ("response.n", False),
        ("response.list.1", False),
        ("response.list.2", False),
        ("response.at", True),
        ("response.gone", False),
        ("response.new", False),
        ("calls.0", False),
        ("calls.1", True),
    ]
    text = shown_differences(found)
    assert "status\n  - 200\n  + 201" in text
    assert "calls.0\n  - table:n get a" in text
    assert text.endswith("new each time: response.id, response.at, calls.1")


def test_an_id_that_came_with_the_request_is_not_new_each_time() -> None:
    uuid, other = "7f1c4a52-9a7e-4f0e-9d2e-0d6a1c8f7b11", "0e5f9a10-1111-4f0e-9d2e-0d6a1c8f7b22"
    file = file_of(request={"body": f'{{"id": "{uuid}"}}', "size": 45, "target": "POST /"})
    file = file._replace(observed=seen(f'{{"id": "{uuid}"}}'))
    (found,) = differences(file, seen(f'{{"id": "{other}"}}'))
    assert (found.where, found.is_volatile) == ("response.id", False)


def test_errors_differ_by_what_they_say_and_not_by_their_ids() -> None:
    was, now = (f"KeyError: '7f1c4a52-9a7e-4f0e-9d2e-0d6a1c8f7b{n}'" for n in (11, 12))
    file = file_of(outcome="failed", status=500, error=was)
    base = file.observed
    assert [one.is_volatile for one in differences(file, base._replace(error=now))] == [True]
    assert [one.is_volatile for one in differences(file, base._replace(error="KeyError: 'a'"))] == [False]
    assert [one.is_volatile for one in differences(file, base._replace(error=None))] == [False]
