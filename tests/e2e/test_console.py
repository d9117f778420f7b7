"""The console of a real `portable dev`: its process, what it records, what it does to the app, and its verbs."""

import base64
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from .dev import PORTABLE, Answer, Dev, Process, environment, portable, process, request, started, until, write

SECRET = "hunter22hunter22"
APP = textwrap.dedent("""
    import logging
    import os
    import time
    from typing import Any

    from pydantic import BaseModel

    from portable import App

    class Part(BaseModel):
        id: str
        price: int
        note: str = ""


    app = App("shop")
    parts = app.table("parts", Part, key="id")
    orders = app.table("orders", key=("user", "id"))
    files = app.bucket("files")
    key = app.secret("api-key")
    log = logging.getLogger("shop")


    @app.get("/orders/{user}")
    def listing(user: str) -> list[dict[str, Any]]:
        log.info("listing", extra={"user": user, "api_key": key.get()})
        print("printed", user)
        return list(orders.query(user))


    @app.post("/orders/{user}")
    def order(user: str, body: dict[str, Any]) -> dict[str, Any]:
        orders.put({"user": user, **body})
        return {"id": work.send(str(body["id"])).id, "key": key.get()}


    @app.get("/boom")
    def boom() -> None:
        raise LookupError("nothing in here")


    @app.task(max_attempts=2, min_backoff=1)
    def work(text: str) -> str:
        log.info("working on %s", text)
        if text == "dies":
            os._exit(3)
        if text == "fails":
            raise ValueError("it never works")
        return text


    @app.every(hours=1)
    def hourly() -> None:
        log.info("an hour has passed")
""")


class Console:
    """A program that has the key."""

    def __init__(self, dev: Dev) -> None:
        self.url = dev.console.partition("/#key=")[0]
        self.key = (dev.data / "console.key").read_text()

    def get(self, path: str) -> Any:
        answer = request(self.url, "GET", f"/api/v1/{path}", headers={"authorization": f"Bearer {self.key}"})
        assert answer.status == 200, answer
        return answer.json

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {
            "authorization": f"Bearer {self.key}",
            "origin": self.url,
            "content-type": "application/json",
            "x-portable-console": "1",
        }
        return request(self.url, method, f"/api/v1/{path}", json.dumps(body or {}).encode(), headers)

    def one(self, query: str) -> dict[str, Any]:
        """The newest invocation that fits, once there is one."""

        def look() -> dict[str, Any] | None:
            items: list[dict[str, Any]] = self.get(f"invocations?{query}")["items"]
            return items[0] if items else None

        found = until(f"an invocation with {query}", look)
        detail: dict[str, Any] = self.get(f"invocations/{found['id']}")
        return detail


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    project = write(tmp_path_factory.mktemp("console") / "shop", {"app.py": APP})
    assert portable("secret", "set", "api-key", "--from-stdin", "--app", project, stdin=SECRET).code == 0
    with started(project) as running:
        yield running.serves()


@pytest.fixture
def console(dev: Dev) -> Console:
    return Console(dev)


def console_process(dev: Dev) -> Process:
    def look() -> Process | None:
        found = [one for one in dev.family() if "portable_local.console_process" in one.command]
        return found[0] if found else None

    return until("the console's process", look)


def test_the_month_is_the_same_in_the_console_and_in_the_terminal(dev: Dev, console: Console) -> None:
    dev.get("/orders/maya")
    console.one("handler=listing")
    # What runs by itself meanwhile is in one of them only: compared when nothing did.
    for _ in range(20):
        shown = console.get("cost")
        told = portable("cost", "--targets", "aws,gcp,azure", "--json", dev.project)
        if told.code == 0 and console.get("cost") == shown:
            break
    assert told.code == 0, told
    assert json.loads(told.out) == shown


def test_a_request_is_one_transaction_with_what_followed_from_it(dev: Dev, console: Console) -> None:
    answer = dev.post("/orders/maya", {"id": "1", "password": "x"})
    traceparent = answer.headers["traceparent"]
    trace, span = traceparent[3:35], traceparent[36:52]
    work = console.one(f"trace={trace}&kind=task")
    assert (work["handler"], work["outcome"], work["parent_id"]) == ("work", "succeeded", span)
    assert [line["message"] for line in work["logs"]] == ["working on 1"]
    sent = console.one(f"trace={trace}&kind=http")
    assert sent["id"] == span
    assert sent["name"] == "POST /orders/{user}"
    assert [(call["resource"], call["verb"]) for call in sent["calls"]][:2] == [
        ("table:orders", "put"),
        ("task:work", "send"),
    ]
    assert json.loads(sent["request"]["body"]) == {"id": "1", "password": "[redacted]"}
    assert json.loads(sent["response"]["body"])["key"] == "[redacted]"
    spans = console.get(f"traces/{trace}")["spans"]
    assert {one["name"] for one in spans} >= {"POST /orders/{user}", "task:work"}
    [transaction] = console.get(f"traces?trace={trace}")["items"]
    assert transaction["entry"]["id"] == span
    assert transaction["outcome"] == "succeeded"


def test_a_failure_has_its_line_its_traceback_and_its_issue(dev: Dev, console: Console) -> None:
    assert dev.get("/boom").status == 500
    found = console.one("handler=boom")
    line = next(number for number, text in enumerate(APP.splitlines(), 1) if "raise LookupError" in text)
    assert found["error"] == "LookupError: 'nothing in here'" or "nothing in here" in found["error"]
    assert found["frame"]["line"] == line
    assert found["frame"]["file"] == "app.py"
    assert [one["text"].strip() for one in found["frame"]["lines"] if one["n"] == line] == [
        'raise LookupError("nothing in here")'
    ]
    issue = console.get(f"issues/{found['issue']}")
    assert issue["count"] >= 1
    assert issue["invocations"][0]["id"] == found["id"]


def test_an_attempt_whose_process_ended_is_recorded_by_who_was_left(dev: Dev, console: Console) -> None:
    dev.post("/orders/jo", {"id": "dies"})
    dead = console.one("outcome=dead&handler=work&q=process+ended")
    assert dead["attempt"] == dead["max_attempts"] == 2
    assert "its process ended during the attempt (exit code 3)" in dead["error"]
    attempts = console.get(f"invocations?trace={dead['trace_id']}&kind=task")["items"]
    assert sorted((one["attempt"], one["outcome"]) for one in attempts) == [(1, "failed"), (2, "dead")]
    assert json.loads(dead["request"]["body"]) == "dies"


def test_nothing_that_the_app_holds_as_a_secret_is_in_the_database(dev: Dev, console: Console) -> None:
    dev.get("/orders/maya")
    found = console.one("handler=listing")
    [line] = [one for one in found["logs"] if one["source"] == "logging"]
    assert line["fields"] == {"user": "maya", "api_key": "[redacted]"}
    assert [one["message"] for one in found["logs"] if one["source"] == "stdout"] == ["printed maya"]
    raw = SECRET.encode()
    forms = (raw, raw[::-1], raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")[:-1])
    looked = 0
    for path in dev.data.glob("telemetry.sqlite3*"):
        data = path.read_bytes()
        assert not [form for form in forms if form in data], path
        looked += len(data)
    assert looked > 10_000


def test_a_console_that_was_killed_comes_back_where_it_was_and_the_app_does_not_notice(
    dev: Dev, console: Console
) -> None:
    before = console.get("invocations?limit=500")["items"]
    killed = console_process(dev)
    os.kill(killed.pid, signal.SIGKILL)
    # On a busy machine it takes a while to die, and what it is given meanwhile is lost with it. Its first thread may
    # have ended while another still holds its sockets; it is out of the table when all have.
    until("its end", lambda: not Path(f"/proc/{killed.pid}").exists())
    assert dev.get("/orders/after-the-kill").status == 200

    def another() -> bool:
        return console_process(dev).pid != killed.pid

    until("another process of the console", another)
    # The address and the key are those of before; what waits at the socket is answered.
    found = console.one("q=after-the-kill&handler=listing")
    assert found["request"]["target"] == "GET /orders/after-the-kill"
    after = {one["id"] for one in console.get("invocations?limit=500")["items"]}
    assert {one["id"] for one in before} <= after
    assert console.get("status")["is_running"] is True


def test_a_console_that_stands_still_holds_up_no_handler(dev: Dev, console: Console) -> None:
    standing = console_process(dev)
    os.kill(standing.pid, signal.SIGSTOP)
    try:
        for number in range(50):
            assert dev.get(f"/orders/stopped-{number}").status == 200
    finally:
        os.kill(standing.pid, signal.SIGCONT)
    assert console.one("q=stopped-49&handler=listing")["outcome"] == "succeeded"


def test_what_is_asked_of_it_is_done_by_the_app(dev: Dev, console: Console) -> None:
    done = console.send("POST", "functions/work/invoke", {"payload": "by hand"}).json
    assert (done["outcome"], done["result"]) == ("succeeded", "by hand")
    assert console.get(f"invocations/{done['invocation']}")["logs"][0]["message"] == "working on by hand"
    sent = console.send("POST", "requests", {"target": "GET /orders/maya", "headers": [["accept", "application/json"]]})
    assert console.get(f"invocations/{sent.json['invocation']}")["handler"] == "listing"
    again = console.send("POST", f"invocations/{sent.json['invocation']}/replay").json
    assert console.get(f"invocations/{again['invocation']}")["replay_of"] == sent.json["invocation"]


def test_schedules_run_now_pause_and_go_on(dev: Dev, console: Console) -> None:
    [schedule] = console.get("schedules")["items"]
    assert (schedule["handler"], schedule["is_paused"], len(schedule["next"])) == ("hourly", False, 5)
    assert console.send("POST", "schedules/hourly/run").status == 200
    assert console.one("handler=hourly")["outcome"] == "succeeded"
    assert console.send("POST", "schedules/hourly/pause").status == 200
    assert console.get("schedules")["items"][0]["is_paused"] is True
    assert console.send("POST", "schedules/hourly/resume").status == 200
    assert console.get("schedules")["items"][0]["is_paused"] is False
    assert console.send("POST", "schedules/work/run").status == 404


def test_dead_letters_are_run_anew_and_thrown_away(dev: Dev, console: Console) -> None:
    def dead() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = console.get("queues/work/dead-letters")["items"]
        return [one for one in found if one["body"] == '"fails"'] or None

    assert dev.post("/orders/jo", {"id": "fails"}).status == 200
    [letter] = until("a dead letter", dead)
    assert "it never works" in letter["error"]
    assert console.send("POST", "queues/work/redrive", {"ids": [letter["id"]]}).json == {"count": 1}
    [again] = until("it died again", dead)
    assert again["died_at"] > letter["died_at"]
    assert console.send("POST", "queues/work/discard", {"ids": [again["id"]]}).json == {"count": 1}
    assert dead() is None
    assert console.send("POST", "queues/work/discard", {"ids": [again["id"]]}).json == {"count": 0}


def test_items_and_objects_are_read_and_changed(dev: Dev, console: Console) -> None:
    put = console.send("PUT", "tables/orders/items", {"item": {"user": "nora", "id": "7", "n": 5}})
    assert put.status == 200, put
    assert dev.get("/orders/nora").json == [{"user": "nora", "id": "7", "n": 5}]
    [item] = console.get("tables/orders/items?pk=nora")["items"]
    assert item == put.json
    stale = {"item": {"user": "nora", "id": "7", "n": 6}, "version": "0" * 16}
    assert console.send("PUT", "tables/orders/items", stale).status == 409
    assert console.send("PUT", "tables/orders/items", {"item": {"user": "nora"}}).status == 422
    assert console.send("DELETE", "tables/orders/items", {"pk": "nora", "sk": "7"}).status == 200
    assert dev.get("/orders/nora").json == []
    body = base64.b64encode(bytes(range(256))).decode()
    assert console.send("PUT", "buckets/files/object?key=a/b", {"body": body, "encoding": "base64"}).status == 200
    found = console.get("buckets/files/object?key=a/b")
    assert (found["encoding"], found["body"], found["size"]) == ("base64", body, 256)
    assert [one["key"] for one in console.get("buckets/files/objects?prefix=a/")["items"]] == ["a/b"]
    assert console.send("PUT", "buckets/files/object?key=../x", {"body": ""}).status == 422
    assert console.send("DELETE", "buckets/files/object?key=a/b").status == 200
    assert console.get("buckets")["items"][0]["count"] == 0


def test_a_secret_is_set_and_never_shown(dev: Dev, console: Console) -> None:
    assert console.send("PUT", "values/api-key", {"value": SECRET}).status == 200
    shown = console.get("values")
    assert shown["items"] == [
        {"name": "api-key", "kind": "secret", "service": "shop", "is_set": True, "masked": "••••••••"}
    ]
    assert console.send("PUT", "values/unknown", {"value": "x"}).status == 404


def test_functions_have_their_grants_and_the_map_its_edges(dev: Dev, console: Console) -> None:
    functions = {one["handler"]: one for one in console.get("functions")["items"]}
    grants = [(one["resource"], one["verb"], one["how"]) for one in functions["order"]["grants"]]
    assert ("table:orders", "put", "exact") in grants
    assert functions["work"]["schema"] is None or functions["work"]["schema"]["type"] == "string"
    edges = {(one["from"], one["to"]) for one in console.get("map")["edges"]}
    assert {("http", "function:order"), ("function:order", "table:orders"), ("task:work", "function:work")} <= edges
    assert "/orders/{user}" in console.get("openapi")["paths"]


def test_the_verbs_show_what_ran(dev: Dev, console: Console) -> None:
    trace = dev.post("/orders/verbs", {"id": "9"}).headers["traceparent"][3:35]
    console.one(f"trace={trace}&kind=task")
    status = portable("status", dev.project, "--json")
    assert status.code == 0
    found = json.loads(status.out)
    assert (found["app"], found["is_running"]) == ("shop", True)
    told = portable("status", dev.project)
    assert f"shop runs at {dev.api}" in told.out
    listed = json.loads(portable("invocations", "--app", dev.project, "--json", "--handler", "work").out)
    assert {one["handler"] for one in listed["items"]} == {"work"}
    assert "task work" in portable("invocations", "--app", dev.project, "--kind", "task").out
    shown = portable("trace", trace, "--app", dev.project)
    assert shown.code == 0, shown.err
    for part in ("POST /orders/{user}", "table:orders put", "task:work", "working on 9"):
        assert part in shown.out, part
    assert json.loads(portable("trace", listed["items"][0]["id"], "--app", dev.project, "--json").out)["spans"]
    lines = portable("logs", "--app", dev.project, "--json", "--search", "working on 9").out.splitlines()
    assert [json.loads(text)["message"] for text in lines] == ["working on 9"]
    assert "working on 9" in portable("logs", "work", "--app", dev.project).out
    missing = portable("trace", "0" * 32, "--app", dev.project)
    assert missing.code == 1
    assert "no invocation has the id" in missing.err


def test_an_item_must_fit_its_tables_model(dev: Dev, console: Console) -> None:
    for wrong, what in (
        ({"id": "a", "price": "dear"}, "price"),
        ({"id": "a"}, "price"),
        ({"price": 1}, "id"),
    ):
        answer = console.send("PUT", "tables/parts/items", {"item": wrong})
        assert answer.status == 422, answer
        assert what in answer.json["detail"]
    assert console.get("tables/parts/items")["items"] == []
    answer = console.send("PUT", "tables/parts/items", {"item": {"id": "a", "price": 5}})
    assert answer.status == 200, answer
    version = answer.json["version"]
    assert (
        console.send("PUT", "tables/parts/items", {"item": {"id": "a", "price": []}, "version": version}).status == 422
    )
    assert [one["item"] for one in console.get("tables/parts/items")["items"]] == [{"id": "a", "price": 5}]
    tables = {one["name"]: one for one in console.get("tables")["items"]}
    assert tables["parts"]["schema"]["properties"]["price"]["type"] == "integer"


def test_logs_are_followed_without_a_line_twice(dev: Dev, console: Console) -> None:
    following = subprocess.Popen(
        [*PORTABLE, "logs", "work", "--app", str(dev.project), "--follow", "--json", "--since", "1s"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    try:
        before = {"n": 0}
        assert following.stdout is not None

        def connected() -> bool:
            # It is connected when one more reader listens: then what is logged is followed.
            before["n"] += 1
            dev.post("/orders/follow", {"id": f"first-{before['n']}"})
            return bool(json.loads(following.stdout.readline())["message"]) if following.stdout else False

        until("it follows", connected)
        dev.post("/orders/follow", {"id": "follow-last"})
        seen: list[str] = []
        while not seen or seen[-1] != "working on follow-last":
            seen.append(json.loads(following.stdout.readline())["message"])
        assert len(seen) == len(set(seen))
    finally:
        following.kill()
        following.wait()
        if following.stdout is not None:
            following.stdout.close()


def test_an_app_and_its_console_are_two_origins_and_neither_serves_the_other(dev: Dev, console: Console) -> None:
    assert urlsplit(dev.api).port != urlsplit(console.url).port
    assert dev.get("/api/v1/status").status == 404
    refused = request(console.url, "GET", "/orders/maya", headers={"authorization": f"Bearer {console.key}"})
    assert refused.status == 404
    page = request(console.url, "GET", "/api/v1/status", headers={"origin": dev.api, "cookie": "portable_console_1=x"})
    assert page.status == 403
    for name in ("sec-fetch-site", "origin"):
        value = "same-site" if name == "sec-fetch-site" else dev.api
        headers = {"authorization": f"Bearer {console.key}", name: value}
        assert request(console.url, "GET", "/api/v1/status", headers=headers).status == 403


def test_the_key_is_in_no_argument_and_no_environment_and_no_log(dev: Dev, console: Console) -> None:
    looked = 0
    for member in dev.family():
        assert console.key not in member.command
        try:
            with open(f"/proc/{member.pid}/environ", encoding="utf-8", errors="replace") as file:
                assert console.key not in file.read()
        except FileNotFoundError:
            continue
        looked += 1
    assert looked >= 3
    assert console.key not in dev.err


def session(url: str, link: str) -> Answer:
    """What a browser asks that came by a link."""
    headers = {"origin": url, "content-type": "application/json", "x-portable-console": "1"}
    body = json.dumps({"key": link.partition("#key=")[2]}).encode()
    return request(url, "POST", "/api/v1/session", body, headers)


def test_a_link_works_once_and_each_status_prints_another(dev: Dev, console: Console) -> None:
    links = {dev.console}
    for _ in range(2):
        links.add(json.loads(portable("status", dev.project, "--json").out)["console"])
    assert len(links) == 3
    shown = re.search(r"^console +(http://\S+)$", portable("status", dev.project).out, re.MULTILINE)
    assert shown is not None
    links.add(shown[1])
    assert len(links) == 4
    for link in links:
        assert link.startswith(f"{console.url}/#key=")
        assert console.key not in link
        assert session(console.url, link).status == 200
        second = session(console.url, link)
        assert (second.status, "set-cookie" in second.headers) == (401, False)
    # Also after the console's process was started anew.
    os.kill(console_process(dev).pid, signal.SIGKILL)
    until("the console answers again", lambda: answers(console))
    assert session(console.url, links.pop()).status == 401
    assert session(console.url, f"{console.url}/#key={console.key}").status == 401


def answers(console: Console) -> bool:
    try:
        return bool(console.get("status")["app"])
    except OSError:
        return False


# Restarts


def test_history_and_the_key_outlive_portable_dev(tmp_path: Path) -> None:
    project = write(tmp_path / "shop", {"app.py": APP})
    with started(project) as dev:
        dev.serves()
        link, before = dev.console, Console(dev)
        dev.get("/orders/before")
        before.one("q=before")
        dev.process.kill()
        dev.wait()
    # Nothing runs: what was recorded is told all the same.
    done = portable("invocations", "--app", project, "--json", "before")
    [found] = json.loads(done.out)["items"]
    status = portable("status", project, "--json")
    assert status.code == 1
    assert json.loads(status.out)["is_running"] is False
    assert json.loads(portable("trace", found["id"], "--app", project, "--json").out)["trace_id"] == found["trace_id"]
    assert portable("logs", "--app", project, "--follow").code == 5
    with started(project) as dev:
        console = Console(dev.serves())
        assert console.key == before.key
        assert dev.console != link
        assert console.get(f"invocations/{found['id']}")["handler"] == "listing"
        assert dev.stop() == 0
    with sqlite3.connect(project / ".portable" / "telemetry.sqlite3") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_without_a_record_the_verbs_say_so(tmp_path: Path) -> None:
    project = write(tmp_path / "fresh", {"app.py": APP})
    for verb in (("invocations", "--app"), ("logs", "--app"), ("status",)):
        done = portable(*verb, project)
        assert done.code == 1
        assert "nothing was recorded" in done.err


def test_what_does_not_import_is_shown_while_the_last_good_version_serves(tmp_path: Path) -> None:
    project = write(tmp_path / "shop", {"app.py": APP})
    with started(project) as dev:
        console = Console(dev.serves())
        said = dev.save("app.py", APP + "\nraise OSError('not today')\n")
        dev.says("the last good version goes on serving", said)

        def error() -> dict[str, Any] | None:
            found: dict[str, Any] | None = console.get("status")["import_error"]
            return found

        found = until("the error", error)
        assert "not today" in found["message"]
        assert "OSError: not today" in found["traceback"]
        dev.save("app.py", APP + "\n# good again\n")
        until("no error", lambda: console.get("status")["import_error"] is None)
        status = console.get("status")
        assert status["last_reload"]["text"] == "app.py"
        kinds = [one["kind"] for one in console.get("overview")["marks"]]
        assert kinds == ["started", "import_failed", "reload"]
        assert status["is_running"] is True


def test_a_named_console_port_is_used_and_must_be_free(tmp_path: Path, dev: Dev) -> None:
    project = write(tmp_path / "shop", {"app.py": APP})
    taken = urlsplit(dev.console).port
    done = portable("dev", project, "--port", 0, "--console-port", taken)
    assert done.code == 1
    assert f"port {taken} is in use" in done.err
    assert "--console-port" in done.err


def test_where_the_app_is_for_others_the_console_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    # This machine alone has it, and yet it is not the address that is for this machine alone.
    others = ("--host", "127.0.0.2")
    project = write(tmp_path / "shop", {"app.py": APP})
    with started(project, *others) as dev:
        dev.serves()
        assert dev.api.startswith("http://127.0.0.2:")
        assert dev.get("/orders/maya").status == 500  # no secret is set
        assert json.loads(dev.ready_file.read_text())["console"] is None
        assert "lets other machines in" in dev.err
        assert "the console is off, and nothing is recorded" in dev.err
        told = portable("status", project)
        assert told.code == 0
        assert dev.api in told.out
        assert "nothing is recorded" in told.out
        assert dev.stop() == 0
    with started(project, *others, "--console-exposed") as dev:
        console = Console(dev.serves())
        assert console.url.startswith("http://127.0.0.1:")
        assert console.get("status")["app"] == "shop"
        assert "lets other machines in" in dev.err
        assert "the console is on" in dev.err
        with pytest.raises(ConnectionRefusedError):
            request(console.url.replace("127.0.0.1", "127.0.0.2"), "GET", "/")
        assert dev.stop() == 0
    refused = portable("dev", project, "--console-exposed")
    assert refused.code == 2
    assert "--host" in refused.err


def test_its_pages_are_served_and_end_with_it(tmp_path: Path) -> None:
    project = write(tmp_path / "shop", {"app.py": APP})
    with started(project) as dev:
        console = Console(dev.serves())
        page = request(console.url, "GET", "/")
        assert page.status == 200
        assert re.match("<!doctype html>", page.text, re.IGNORECASE)
        stream = http.client.HTTPConnection("127.0.0.1", urlsplit(console.url).port, timeout=60)
        stream.request("GET", "/api/v1/events", headers={"authorization": f"Bearer {console.key}"})
        answer = stream.getresponse()
        assert answer.readline() == b"retry: 1000\n"
        own = console_process(dev)
        dev.process.kill()
        dev.wait()
        while answer.readline():
            continue
        until("the end of its process", lambda: process(own.pid) is None)
        answer.close()
        stream.close()
        with pytest.raises(ConnectionRefusedError):
            request(console.url, "GET", "/")
