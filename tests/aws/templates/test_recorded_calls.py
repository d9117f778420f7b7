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

from portable import App
from portable.deploy.functions import group
from tests.aws.iam_requests import BY_AWS, Call, Place, asked, probe_of
from tests.aws_stack.fixtures import AwsStack, aws_stack
from tests.every_verb import app_of_every_verb

__all__ = ["aws_stack"]


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
    app = app_of_every_verb("aws")
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
        post("/heard")
        post("/runs")
    rights = roles(app, account, region)
    place = Place(account, region)
    probes = sorted({one for call in calls for one in asked(call, place)})
    assert len({one.function for one in probes}) == 15
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
    ("heard", "dynamodb:PutItem"): "a letter that SQS itself has put aside is taken over into the table",
    ("received", "sqs:SendMessage"): "the next attempt of one object, where a notification tells of several",
    ("send", "dynamodb:DeleteItem"): "a send that surely failed gives up its deduplication",
}
"""Rights that no call of this app used, and when they are."""
