"""A deployed app as a test on the stack sees it: commands, requests, and what there is in its project."""

import io
import json
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore import Client as Firestore
from portable_gcp.deploy_clients import DeployClients
from portable_gcp.firestore_keys import unescaped
from portable_gcp.names import Names
from portable_gcp.stand_ins import LOCATION, NUMBER, new_project

from portable.cli.commands import run
from tests.gcp_stack.firestore_fixtures import google_client
from tests.gcp_stack.fixtures import leading_to
from tests.gcp_stack.guard import Judged
from tests.gcp_stack.host_fixtures import Host

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
POLL = 0.1
STAGE = ("--target", "gcp", "--stage", "dev")
HERE = ("--python", f"{sys.version_info.major}.{sys.version_info.minor}")
"""What the stack runs is this machine's own."""
NOT_COPIED = shutil.ignore_patterns("tests", ".portable", "__pycache__")


class Deployed:
    """An app in a stage: commands, requests and what there is in its project."""

    def __init__(self, folder: Path, app: str, project: str, host: Host, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.project = project
        self.names = Names(app, "dev", project, LOCATION, NUMBER)
        self.clients = DeployClients()
        self._host = host
        self._capfd = capfd
        self._firestore: Firestore | None = None

    def portable(self, *arguments: object, code: int = 0) -> Any:
        """The JSON that a command prints."""
        found, out, err = self.typed(*arguments, "--json")
        assert found == code, err + out
        return json.loads(out)

    def typed(self, *arguments: object) -> tuple[int, str, str]:
        """The exit code of a command, what it prints, and what it prints to stderr."""
        self._capfd.readouterr()
        code = run([str(one) for one in arguments])
        out, err = self._capfd.readouterr()
        return code, out, err

    def deploy(self, *more: str, code: int = 0) -> Any:
        return self.portable("deploy", self.folder, *STAGE, *HERE, "--yes", *more, code=code)

    def on_stage(self, command: str, *more: object, code: int = 0) -> Any:
        return self.portable(*command.split(), *more, "--app", self.folder, *STAGE, code=code)

    def secret(self, name: str, value: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO(value))
            self.on_stage(f"secret set {name} --from-stdin")

    def request(self, method: str, target: str, body: Any = None, *, function: str | None = None) -> tuple[int, Any]:
        """Status and content of an answer of a function that answers HTTP: JSON as a value, else the text.

        It is called by its name in the world, and without a token.
        """
        short = function or self.names.http_function(self.names.app)
        data = None if body is None else json.dumps(body).encode()
        headers = {"host": self.names.url(short).removeprefix("https://"), "content-type": "application/json"}
        asked = urllib.request.Request(
            self._host.url(self.project, short) + target, data, headers, method=method
        )  # fmt: skip
        try:
            with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
                return answer.status, content_of(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, content_of(error)

    def seen(self, look: Callable[[], Any], wanted: Any) -> None:
        """Waits until it is so: queues and topics take their time."""
        give_up = time.monotonic() + PATIENCE
        found = look()
        while found != wanted:
            assert time.monotonic() < give_up, f"{found!r}, and not {wanted!r}\n{self.said()}"
            time.sleep(POLL)
            found = look()

    def said(self) -> str:
        """The last lines of all functions' logs."""
        code, out, err = self.typed("logs", "--app", self.folder, *STAGE, "--since", "10m")
        return f"{code}\n{out[-10000:]}\n{err}"

    def items(self, table: str) -> list[tuple[str, str]]:
        """The keys of a table's items, by Google's own client."""
        if self._firestore is None:
            self._firestore = google_client(self._host.firestore.grpc, self.project, self.names.database())
        found = self._firestore.collection_group(self.names.collection(table)).stream()
        paths = (one.reference.path.split("/") for one in found)
        return sorted((unescaped(path[1]), unescaped(path[3])) for path in paths)

    def fire(self, schedule: str) -> None:
        """What `gcloud scheduler jobs run` does."""
        self._library("cloudscheduler").run_job(name=self.names.in_location(f"jobs/{self.names.job(schedule)}"))

    def judged(self) -> set[Judged]:
        """What the functions asked of Google's services, and by which role that was allowed."""
        return self._host.guard.judged(self.project)

    def accounts(self) -> set[str]:
        """Those of the functions that there are."""
        found = self._library("cloudfunctions").list_functions(parent=f"projects/{self.project}/locations/{LOCATION}")
        return {one.service_config.service_account_email for one in found}

    def left(self) -> set[str]:
        """What there is in the project, as kinds and names, but for interfaces, access and queues at rest."""
        parent, project = f"projects/{self.project}/locations/{LOCATION}", f"projects/{self.project}"
        looks: dict[str, tuple[str, Callable[[], Any]]] = {
            "account": ("iam", lambda: self.clients.call("iam", "GET", f"v1/{project}/serviceAccounts")["accounts"]),
            "bucket": ("storage", self.clients.storage.list_buckets),
            "database": ("firestore", lambda: self._library("firestore").list_databases(parent=project).databases),
            "function": ("cloudfunctions", lambda: self._library("cloudfunctions").list_functions(parent=parent)),
            "job": ("cloudscheduler", lambda: self._library("cloudscheduler").list_jobs(parent=parent)),
            "queue": ("cloudtasks", self._queues),
            "secret": ("secretmanager", lambda: self._library("secretmanager").list_secrets(parent=project)),
            "subscription": ("pubsub", lambda: self._library("subscriber").list_subscriptions(project=project)),
            "topic": ("pubsub", lambda: self._library("publisher").list_topics(project=project)),
            "trigger": ("eventarc", lambda: self._library("eventarc").list_triggers(parent=parent)),
        }
        enabled = self._host.enabled(self.project)
        return {f"{kind} {name_of(one)}" for kind, (api, look) in looks.items() if api in enabled for one in look()}

    def _queues(self) -> list[Any]:
        """Those that are not at rest."""
        found = self._library("cloudtasks").list_queues(parent=f"projects/{self.project}/locations/{LOCATION}")
        return [one for one in found if one.state.name != "PAUSED"]

    def _library(self, name: str) -> Any:
        return self.clients.library(name)

    def close(self) -> None:
        if self._firestore is not None:
            self._firestore.close()  # type: ignore[no-untyped-call]
        self._host.forget(self.project)


def name_of(one: Any) -> str:
    """The last part of it."""
    name = one.name if hasattr(one, "name") else one["name"]
    return str(name).rpartition("/")[2]


def content_of(answer: Any) -> Any:
    content = answer.read().decode()
    return json.loads(content) if content and "json" in (answer.headers.get("content-type") or "") else content


@contextmanager
def copy_of(example: str, folder: Path, host: Host, capfd: pytest.CaptureFixture[str]) -> Generator[Deployed]:
    """A copy of an example, to be deployed into a project of its own."""
    project = new_project()
    with leading_to(host.environment(project)):
        shutil.copytree(ROOT / "examples" / example, folder, ignore=NOT_COPIED)
        found = Deployed(folder, example, project, host, capfd)
        try:
            yield found
        finally:
            found.close()
