"""Every call to AWS that a function really makes is allowed by its role, and every right of a role is used.

An app whose handlers use every verb runs on the test stack; what it asks of AWS is recorded below the drivers, with the
function on whose behalf it was, made a request of IAM, and judged by a simulator against the roles of its template.
What Lambda and SQS themselves do with a role (taking messages, reading streams, writing logs) is listed instead.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.client import BaseClient
from portable_aws.running import STAGE, RunningApp
from portable_aws.template_functions import function_name
from portable_aws.template_parts import naming
from portable_aws.translate import Bundle, Stage, translate

from portable import App, Change, ObjectEvent, Response, idempotent
from portable.dead_letters import dead_letters
from portable.deploy.functions import group
from portable.tables import prefix
from tests.aws.iam_requests import BY_AWS, Call, Place, asked, probe_of
from tests.aws_stack.fixtures import AwsStack, aws_stack

__all__ = ["aws_stack"]


def app_of_every_verb() -> App:  # noqa: C901 - one declaration after another
    app = App("verbs", functions="handler", targets=("aws",))
    words = app.table("words", key=("word", "note"), indexes={"by_note": ("note",)})
    files = app.bucket("files")
    placed = app.topic("placed")
    limit = app.param("limit", default="3")
    key = app.secret("key")

    @app.post("/put")
    def put() -> None:
        words.put({"word": "a", "note": "1"})
        words.put({"word": "a", "note": "2", "count": 1}, if_absent=True)

    @app.post("/read")
    def read() -> None:
        words.require("a", "1")
        words.query("a", prefix("1"))
        words.query_index("by_note", "1")
        words.batch_get([("a", "1"), ("b", "1")])
        list(words.scan())

    @app.post("/change")
    def change() -> None:
        words.update("a", "1", change=lambda item: {**item, "seen": True})
        words.increment("a", "2", field="count", token="once")
        words.increment("a", "2", field="count", token="once")
        words.increment("a", "2", field="count")
        words.batch_write(puts=[{"word": "b", "note": "1"}], deletes=[("c", "1")])
        words.transact(
            [
                words.putting({"word": "d", "note": "1"}),
                words.deleting("d", "2"),
                words.checking("d", "3", if_absent=True),
            ]
        )
        words.delete("a", "1")

    @app.post("/objects")
    def objects() -> None:
        files.put("inbox/1", b"one")
        files.put("inbox/1", b"one", if_version=files.head("inbox/1").version)  # type: ignore[union-attr]
        files.put("large", (b"x" * 1024 * 1024 for _ in range(9)))
        with pytest.raises(ZeroDivisionError):
            files.put("broken", (b"x" * 1024 * 1024 if left else b"x" * (1 // left) for left in range(19, -1, -1)))
        files.copy("inbox/1", "copy")
        files.require("inbox/1")
        assert files.get("absent") is None
        files.list()
        files.signed_url("inbox/1", "GET")
        files.delete("copy")

    @app.post("/send")
    def send() -> None:
        work.send("1", dedup="one")
        work.send("1", dedup="one")
        work.send("later", delay=3600)
        placed.publish({"at": 1})

    @app.post("/values")
    def values() -> Response:
        return Response(f"{limit.get()} {key.get()}")

    @app.task(max_attempts=2, min_backoff=1)
    @idempotent("{name}")
    def work(name: str) -> None:
        raise RuntimeError(name)

    @app.post("/letters")
    def letters() -> None:
        for letter in work.dead_letters().letters:
            work.redrive(letter.id)

    @app.post("/discard")
    def discard() -> None:
        for letter in dead_letters(app, "work").list().letters:
            work.discard(letter.id)

    @app.every(minutes=15, max_attempts=2)
    def sweep() -> None:
        raise RuntimeError("sweep")

    @placed.subscribe(max_attempts=2, min_backoff=1)
    def hear(event: dict[str, int]) -> None:
        raise RuntimeError("hear")

    @files.on_created(prefix="inbox/", max_attempts=2, min_backoff=1)
    def received(event: ObjectEvent) -> None:
        raise RuntimeError("received")

    @words.on_change(max_attempts=3, min_backoff=1)
    def changed(change: Change[dict[str, Any]]) -> None:
        raise RuntimeError("changed")

    return app


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Call], list[str]]:
    """The calls, and on whose behalf the next one is (nobody's if empty)."""
    calls: list[Call] = []
    now: list[str] = []
    plain: Callable[..., Any] = BaseClient._make_api_call

    def noted(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if now:
            calls.append(Call(now[-1], self.meta.service_model.service_name, operation, dict(parameters)))
        return plain(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    invoke: Callable[..., Any] = RunningApp._invoke

    def invoked(self: RunningApp, function: str, event: dict[str, Any]) -> Any:
        now.append(function)
        try:
            return invoke(self, function, event)
        finally:
            now.pop()

    monkeypatch.setattr(RunningApp, "_invoke", invoked)
    return calls, now


def roles(app: App, account: str, region: str) -> dict[str, list[dict[str, Any]]]:
    """The statements of each function's role, by the function's name."""
    manifest = app.manifest().to_dict()
    made = translate(manifest, Stage(STAGE), Bundle({one.id: "k.zip" for one in group(manifest)}))
    name = naming(app.name, STAGE)
    found: dict[str, list[dict[str, Any]]] = {}
    for one in group(manifest):
        function = function_name(one, name)
        wanted = name.names.role(function)
        [role] = [
            value
            for value in made.resources().values()
            if value["Type"] == "AWS::IAM::Role" and value["Properties"]["RoleName"] == {"Fn::Sub": wanted}
        ]
        text = json.dumps(role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"])
        for key, value in (("Partition", "aws"), ("AccountId", account), ("Region", region)):
            text = text.replace(f"${{AWS::{key}}}", value)
        found[function] = json.loads(re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", text))
    return found


def test_every_call_of_a_function_is_allowed_and_every_right_is_used(
    aws_stack: AwsStack,
    recorded: tuple[list[Call], list[str]],
    judge: Callable[[list[dict[str, Any]]], list[str]],
) -> None:
    from portable_aws.running import running

    calls, now = recorded
    app = app_of_every_verb()
    with running(app) as started:
        names = started._names
        account, region = names.account, names.region
        started.set_value("secret", "key", "value")
        started.set_value("param", "limit", "7")

        def post(path: str) -> None:
            now.append(names.function(path.strip("/")))
            try:
                answer = started.request("POST", path)
            finally:
                now.pop()
            assert answer.status in (200, 204), (path, answer.body)

        for path in ("/put", "/read", "/change", "/objects", "/send", "/values"):
            post(path)
        started.fire("sweep")
        for _ in range(3):
            # The first attempts, those after their waits, and what follows from them.
            started.drain()
            started.advance(10)
        post("/letters")
        for _ in range(3):
            started.drain()
            started.advance(10)
        post("/discard")
    rights = roles(app, account, region)
    place = Place(account, region)
    probes = sorted({one for call in calls for one in asked(call, place)})
    assert len({one.function for one in probes}) == 13
    answers = judge([probe_of(one, account, rights[one.function]) for one in probes])
    refused = [one for one, answer in zip(probes, answers, strict=True) if answer != "Allowed"]
    assert refused == []
    used = {(one.function, one.action) for one in probes}
    unused = {
        (function, action)
        for function, statements in rights.items()
        for statement in statements
        for action in statement["Action"]
        if (function, action) not in used and action not in BY_AWS
    }
    left = sorted((function.removeprefix("verbs-test-"), action) for function, action in unused)
    assert left == sorted(UNUSED), "\n".join(map(str, left))


UNUSED: dict[tuple[str, str], str] = {
    ("received", "sqs:SendMessage"): "the next attempt of one object, where a notification tells of several",
    ("send", "dynamodb:DeleteItem"): "a send that surely failed gives up its deduplication",
}
"""Rights that no call of this app used, and when they are."""
