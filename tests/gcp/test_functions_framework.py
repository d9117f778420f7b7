"""An app under Google's own functions-framework: its routes as everywhere, and deliveries of the stack over HTTP."""

import json
import shutil
import time
from collections.abc import Callable, Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from portable_gcp.clients import Clients
from portable_gcp.firestore_indexes import indexes
from portable_gcp.grouping import functions_of, groups_of
from portable_gcp.names import Names
from portable_gcp.provision import Trigger, make
from portable_gcp.stand_ins import (
    LOCATION,
    NUMBER,
    Deliverer,
    ask_services,
    declare_indexes,
    forget,
    new_project,
)
from portable_gcp.translate import Stage, translate

from portable.manifest import build_manifest
from tests.gcp import shop
from tests.gcp.served import Served
from tests.gcp_stack.session import GcpStack, gcp_stack

__all__ = ["gcp_stack"]

PATIENCE = 60.0
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class ShopStage:
    """The app of shop.py in a project of the stack: an HTTP function and one for all background handlers."""

    def __init__(self, folder: Path, stack: GcpStack) -> None:
        self.names = Names(shop.app.name, "dev", new_project(), LOCATION, NUMBER)
        self._manifest = build_manifest(shop.app, with_grants=False).to_dict()
        self._clients = Clients(self.names.project)
        self._folder = folder
        self._environment = stack.environment()
        shutil.copyfile(shop.__file__, folder / "app.py")
        self.triggers: list[Trigger] = []
        self._served: list[Served] = []

    def provision(self) -> None:
        sources = {one.id: "none.zip" for one in groups_of(self._manifest)}
        wanted = translate(self._manifest, Stage(self.names.stage), self.names, sources)
        declare_indexes(self.names.project, self.names.database(), indexes(self._manifest))
        self.triggers = make(wanted.resources, self._clients)

    def serve(self, serves: str, *options: str) -> Served:
        found = Served(self._folder, self.names, serves, self._environment, *options)
        self._served.append(found)
        return found

    def push_to(self, background: Served) -> None:
        """From now on the stack's services call the function themselves."""
        functions = functions_of(self._manifest, self.names).values()
        hosts = {urlsplit(self.names.url(function)).netloc: background.url for function in functions}
        ask_services("push", {"project": self.names.project, "hosts": hosts})

    def close(self) -> None:
        forget(self.names.project)
        self._clients.close()
        for one in self._served:
            one.close()


@pytest.fixture
def stage(gcp_stack: GcpStack, tmp_path: Path) -> Generator[ShopStage]:
    found = ShopStage(tmp_path, gcp_stack)
    yield found
    found.close()


def eventually(holds: Callable[[], bool], log: Callable[[], str]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, log()
        time.sleep(0.05)


def test_routes_answer_under_functions_framework_as_everywhere(stage: ShopStage) -> None:
    served = stage.serve("http")
    headers = {"traceparent": TRACE, "user-agent": "test", "content-type": "text/plain"}
    answer, body = served.ask("POST", "/echo/a%20%41?x=1&x=%C3%A9", headers, "é".encode())
    assert (answer.status, json.loads(body)) == (
        200,
        {"name": "a A", "query": "x=1&x=%C3%A9", "body": "é", "agent": "test"},
    )
    assert answer.headers["traceparent"][:35] == TRACE[:35]
    # What Flask or functions-framework would answer themselves.
    assert served.ask("GET", "/favicon.ico")[1] == b"an icon"
    assert served.ask("GET", "/robots.txt")[1] == b"no robots"
    assert served.ask("POST", "/echo//a")[0].status == 400
    assert served.ask("POST", "/echo/a%2Fb")[0].status == 400
    answer, body = served.ask("GET", "/nothing")
    assert (answer.status, json.loads(body)["code"]) == (404, "P1002")
    assert served.ask("GET", "/echo/a")[0].headers["allow"] == "OPTIONS, POST"
    answer, body = served.ask("HEAD", "/favicon.ico")
    assert (answer.status, answer.headers["content-length"], body) == (200, "7", b"")
    assert served.ask("POST", "/echo/a", headers, b"x" * (4 * 1024 * 1024 + 1))[0].status == 413
    # gunicorn drops what it could not tell from `user-agent`: http_front.py does the same for tests.
    asked = {"user_agent": "other", "user-agent": "test"}
    assert json.loads(served.ask("POST", "/echo/a", asked)[1])["agent"] == "test"
    # The handler asks for one that never arrived.
    assert served.ask("POST", "/echo/a", {"user_agent": "other"})[0].status == 500
    # Everybody may call it: it takes no deliveries.
    assert served.ask("POST", "/", {"x-cloudtasks-queuename": stage.names.queue("work")}, b"{}")[0].status == 404


def test_what_is_logged_are_lines_that_cloud_logging_understands(stage: ShopStage) -> None:
    served = stage.serve("http")
    served.ask("POST", "/echo/a", {"traceparent": TRACE, "user-agent": "test"})
    trace = f"projects/{stage.names.project}/traces/{TRACE[3:35]}"
    logged, printed, invocation = served.lines()[-3:]
    assert (logged["severity"], logged["message"], logged["logger"]) == ("WARNING", "echo of a", "shop")
    assert (printed["severity"], printed["message"]) == ("INFO", "printed")
    assert (invocation["severity"], invocation["message"], invocation["status"]) == ("INFO", "POST /echo/{name}", 200)
    assert {line["logging.googleapis.com/trace"] for line in (logged, printed, invocation)} == {trace}
    assert len({line["logging.googleapis.com/spanId"] for line in (logged, printed, invocation)}) == 1


@pytest.mark.parametrize("signature", ["http", "cloudevent"])
def test_every_kind_of_delivery_reaches_its_handler_over_http(stage: ShopStage, signature: str) -> None:
    """Whatever signature the deploy names: Cloud Functions calls one with a trigger a `cloudevent`."""
    stage.provision()
    front, background = stage.serve("http"), stage.serve("background", "--signature-type", signature)
    stage.push_to(background)
    assert front.ask("POST", "/start/1")[0].status == 200
    deliverer = Deliverer(stage.names.project, stage.names.database())

    def seen() -> set[str]:
        return set(json.loads(front.ask("GET", "/seen")[1]))

    # Eventarc is the test's to play.
    for change in deliverer.changes():
        for trigger in stage.triggers:
            if trigger.matches(change.resource):
                assert background.ask("POST", trigger.path, dict(change.headers), change.body)[0].status == 204
    expected = {"work:tried", "work:1", "heard:1", "stored:in/1", "changed:1"}
    eventually(lambda: seen() >= expected, lambda: f"{seen()}\n{background.log.read_text(encoding='utf-8')}")
    failed = [line for line in background.lines() if line.get("outcome") == "failed"]
    assert [(line["handler"], line["attempt"]) for line in failed] == [("work", 1)]
    # It serves Google's services and nobody else.
    assert background.ask("GET", "/seen")[0].status == 400
    assert background.ask("POST", "/start/2")[0].status == 400
