"""A deployed app as a test on LocalStack sees it: commands, requests, and what there is in its account."""

import io
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from portable_aws.accounts import new_account
from portable_aws.deploy_clients import DeployClients
from portable_aws.http_front import event_of, response_of

from portable.cli.commands import run
from tests.aws.iam_requests import BY_AWS, Asked, Call, Place, asked, probe_of
from tests.aws_stack.fixtures import REGION

ROOT = Path(__file__).parents[2]
DEADLINE = 900.0
"""A delivery that a busy machine has let time out is hidden for six times its handler's timeout."""
POLL = 0.25
COLD_STARTS = 5
STAGE = ("--target", "aws", "--stage", "dev")
HERE = (
    *("--python", f"{sys.version_info.major}.{sys.version_info.minor}"),
    *("--arch", "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"),
)
"""What LocalStack runs is this machine's own."""
NOT_COPIED = shutil.ignore_patterns("tests", ".portable", "__pycache__")


class Clients(DeployClients):
    """Clients, and that of roles."""

    @property
    def iam(self) -> Any:
        return self._client("iam", "iam")

    def close(self) -> None:
        for client in self._made.values():
            client.close()


class Deployed:
    """An app in a stage: commands, requests and what there is in its account."""

    def __init__(self, folder: Path, account: str, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.account = account
        self.clients = Clients(REGION)
        self._capfd = capfd

    def portable(self, *arguments: object, code: int = 0) -> Any:
        """The JSON that a command prints."""
        self._capfd.readouterr()
        found = run([*(str(one) for one in arguments), "--json"])
        out, err = self._capfd.readouterr()
        assert found == code, err + out
        return json.loads(out)

    def deploy(self, *more: str, code: int = 0) -> Any:
        return self.portable("deploy", self.folder, *STAGE, *HERE, "--yes", *more, code=code)

    def secret(self, name: str, value: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO(value))
            self.portable("secret", "set", name, "--from-stdin", "--app", self.folder, *STAGE)

    def request(
        self, method: str, target: str, body: Any = None, *, function: str = "notes-dev--http"
    ) -> tuple[int, Any]:
        """Status and content of an answer of a function that answers HTTP: JSON as a value, else the text."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = [("content-type", "application/json")] if data else []
        event = event_of(method, target, headers, data, id="r", now=time.time(), account=self.account)
        for _ in range(COLD_STARTS):
            answer = self.clients.lambda_.invoke(FunctionName=function, Payload=json.dumps(event).encode())
            text = answer["Payload"].read()
            # A machine that is busy may take all of a function's time to start it.
            if "FunctionError" not in answer or b"Sandbox.Timedout" not in text:
                break
        assert "FunctionError" not in answer, text
        response = response_of(json.loads(text))
        if not response.body:
            return response.status, None
        content = response.body.decode()
        return response.status, json.loads(content) if "json" in str(response.headers["content-type"]) else content

    def seen(self, look: Callable[[], Any], wanted: Any) -> None:
        """Waits until it is so: queues and topics take their time."""
        give_up = time.monotonic() + DEADLINE
        found = look()
        while found != wanted:
            assert time.monotonic() < give_up, f"{found!r}, and not {wanted!r}"
            time.sleep(POLL)
            found = look()

    def empty(self, bucket: str) -> None:
        s3 = self.clients.s3
        for one in s3.list_object_versions(Bucket=bucket).get("Versions", ()):
            s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])

    def calls(self) -> list[dict[str, Any]]:
        """Every call of AWS that functions of the account made, with the role under which they did."""
        data = json.dumps({"account": self.account}).encode()
        url = f"{os.environ['PORTABLE_AWS_CONTROL']}/calls"
        with urlopen(Request(url, data, {"content-type": "application/json"}), timeout=60) as answer:
            found: list[dict[str, Any]] = json.load(answer)["calls"]
            return found

    def policies(self, role: str) -> list[dict[str, Any]]:
        """What a role that was deployed allows."""
        iam = self.clients.iam
        return [
            {"name": name, "policy": iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]}
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]

    def refused(self, judge: Callable[[list[dict[str, Any]]], list[str]], *, functions: int) -> list[Any]:
        """The calls that functions made, each by its role's policies as they were deployed, which IAM would refuse.

        Calls of at least so many functions must have been made.
        """
        place = Place(self.account, REGION)
        probes: dict[Asked, dict[str, Any]] = {}
        policies: dict[str, list[dict[str, Any]]] = {}
        for one in self.calls():
            role = str(one["role"]).rpartition("/")[2]
            if f"{one['service']}:{one['operation']}" in BY_AWS:
                continue
            if role not in policies:
                policies[role] = self.policies(role)
            for asked_ in asked(Call(role, one["service"], one["operation"], one["parameters"]), place):
                probes[asked_] = {**probe_of(asked_, self.account, []), "policies": policies[role]}
        assert len({one.function for one in probes}) >= functions, sorted({one.function for one in probes})
        answers = judge(list(probes.values()))
        return [one for one, answer in zip(probes, answers, strict=True) if answer != "Allowed"]

    def left(self, stack: str = "notes-dev") -> set[str]:
        """What the stage has in its account, but for logs and the bucket of artefacts."""
        found = {f"function {one['FunctionName']}" for one in self.clients.lambda_.list_functions()["Functions"]}
        found |= {f"queue {url.rpartition('/')[2]}" for url in self.clients.sqs.list_queues().get("QueueUrls", ())}
        found |= {f"topic {one['TopicArn'].rpartition(':')[2]}" for one in self.clients.sns.list_topics()["Topics"]}
        found |= {f"table {name}" for name in self.clients.dynamodb.list_tables()["TableNames"]}
        found |= {f"bucket {one['Name']}" for one in self.clients.s3.list_buckets()["Buckets"]}
        found |= {f"role {one['RoleName']}" for one in self.clients.iam.list_roles()["Roles"]}
        found |= {f"schedule {one['Name']}" for one in self.clients.scheduler.list_schedules()["Schedules"]}
        return {one for one in found if stack in one}


@contextmanager
def copy_of(example: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> Generator[Deployed]:
    """A copy of an example, in an account of its own."""
    account = new_account()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", account)
        shutil.copytree(ROOT / "examples" / example, folder, ignore=NOT_COPIED)
        found = Deployed(folder, account, capfd)
        try:
            yield found
        finally:
            found.clients.close()
