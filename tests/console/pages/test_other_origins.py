"""Pages of other origins in the browser that is signed in to the console: they read nothing and change nothing.

The server of those pages answers under several names, so that each is another origin, another port of the same site
included. What is tried is what a browser lets a page do without being asked.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.console.sample_process import Sample
from tests.e2e.browser import Browser, browser
from tests.e2e.dev import request

from .console_page import KEY, ConsolePage

NAMES = ("127.0.0.1", "localhost", "attacker.localhost")
"""`localhost` with another port is the same site, of which SameSite cookies are sent."""
READS = """(async ([url, paths]) => {
    const found = [];
    for (const path of paths) for (const options of [
        {}, { credentials: "include" }, { mode: "no-cors", credentials: "include" },
        { credentials: "include", headers: { "x-portable-console": "1" } }, { mode: "no-cors", cache: "force-cache" },
    ]) {
        found.push(await fetch(url + path, options).then(
            async (answer) => [answer.type, answer.status, await answer.text().catch(() => "")],
            () => ["refused"]));
    }
    return found;
})"""
WRITES = """(async ([url, changes]) => {
    const found = [];
    for (const [method, path, body] of changes) for (const options of [
        { headers: { "content-type": "application/json", "x-portable-console": "1" } },
        { headers: { "content-type": "application/json" } },
        { headers: { "content-type": "text/plain" } },
        { mode: "no-cors", headers: { "content-type": "text/plain" } },
        { mode: "no-cors" },
    ]) {
        found.push(await fetch(url + path, { method, body, credentials: "include", ...options }).then(
            (answer) => answer.type, () => "refused"));
    }
    for (const [, path, body] of changes) {
        navigator.sendBeacon(url + path, body);
        const frame = document.body.appendChild(Object.assign(document.createElement("iframe"), { name: "target" }));
        const form = document.body.appendChild(document.createElement("form"));
        Object.assign(form, { method: "post", action: url + path, target: "target", enctype: "text/plain" });
        const [name, value] = [body.slice(0, -1) + ',"x":"', '"}'];
        form.appendChild(Object.assign(document.createElement("input"), { name, value }));
        form.submit();
        await new Promise((resolve) => setTimeout(resolve, 400));
        frame.remove();
        form.remove();
    }
    return found;
})"""
EMBEDS = """(async ([url]) => {
    const waited = (element, attributes) => new Promise((resolve) => {
        element.addEventListener("load", () => resolve("load"), { once: true });
        element.addEventListener("error", () => resolve("error"), { once: true });
        Object.assign(element, attributes);
        document.body.append(element);
        setTimeout(() => resolve("nothing"), 3000);
    });
    const make = (name) => document.createElement(name);
    const found = {
        image: await waited(make("img"), { src: url + "/icon.svg" }),
        script: await waited(make("script"), { src: url + "/app.js" }),
        module: await waited(make("script"), { type: "module", src: url + "/library/api.js" }),
        style: await waited(make("link"), { rel: "stylesheet", href: url + "/styles/base.css" }),
        answer: await waited(make("script"), { src: url + "/api/v1/status" }),
        socket: await new Promise((resolve) => {
            const socket = new WebSocket(url.replace("http", "ws") + "/api/v1/events");
            socket.onopen = () => resolve("open");
            socket.onerror = () => resolve("error");
        }),
        events: await new Promise((resolve) => {
            const events = new EventSource(url + "/api/v1/events", { withCredentials: true });
            events.onopen = () => resolve("open");
            events.onerror = () => (events.close(), resolve("error"));
        }),
    };
    const frame = make("iframe");
    await waited(frame, { src: url + "/" });
    try { found.frame = frame.contentWindow.document.title; } catch { found.frame = "another origin"; }
    try { found.frames = String(frame.contentWindow.length) + String(frame.contentWindow.document?.body?.innerText); }
    catch { found.frames = "another origin"; }
    return found;
})"""


class Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><body>")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    # A browser opens connections ahead, which nobody has to wait for.
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def console() -> Iterator[tuple[str, Browser]]:
    """A console of its own, and a browser that has its cookie."""
    sample = Sample(KEY, "--count", "40")
    try:
        with browser() as tab:
            ConsolePage(tab, sample.url).enters()
            yield sample.url, tab
    finally:
        sample.end()


def goes(tab: Browser, host: str, port: int) -> None:
    tab.go(f"http://{host}:{port}/", "document.title === 'elsewhere'")


def told(url: str, path: str) -> Any:
    """What a program is told that has the key."""
    answer = request(url, "GET", f"/api/v1/{path}", headers={"authorization": f"Bearer {KEY}"})
    assert answer.status == 200, answer
    return answer.json


def is_signed_in(tab: Browser, url: str) -> None:
    """The browser has the console's cookie."""
    tab.go(f"{url}/#/values", "document.querySelector('nav .app-name b') !== null")
    assert tab.run("fetch('/api/v1/status').then((answer) => answer.status)") == 200


@pytest.mark.parametrize("host", NAMES)
def test_nothing_is_read_by_another_page(console: tuple[str, Browser], elsewhere: int, host: str) -> None:
    url, tab = console
    is_signed_in(tab, url)
    goes(tab, host, elsewhere)
    paths = [
        "/",
        "/app.js",
        "/api/v1/status",
        "/api/v1/invocations",
        "/api/v1/values",
        "/api/v1/events",
        "/api/v1/schema",
    ]
    found = tab.run(f"{READS}({json.dumps([url, paths])})")
    assert len(found) == len(paths) * 5
    for answer in found:
        assert answer[0] in ("refused", "opaque"), answer
        assert answer[0] == "refused" or answer[1:] == [0, ""], answer
    embedded = tab.run(f"{EMBEDS}({json.dumps([url])})")
    assert embedded.pop("frame") in ("another origin", "")
    assert "fatfire" not in embedded.pop("frames")
    assert set(embedded.values()) == {"error"}, embedded


@pytest.mark.parametrize("host", NAMES)
def test_nothing_is_changed_by_another_page(console: tuple[str, Browser], elsewhere: int, host: str) -> None:
    url, tab = console
    is_signed_in(tab, url)
    before = {path: told(url, path) for path in ("values", "schedules", "queues", "tables/core.users/items")}
    assert all(one["items"] for one in before.values())
    goes(tab, host, elsewhere)
    changes = [
        ["PUT", "/api/v1/values/exchange.rates-url", '{"value":"http://attacker.example"}'],
        ["POST", "/api/v1/schedules/exchange.after_publication/pause", "{}"],
        ["POST", "/api/v1/queues/exchange.refresh/redrive", '{"all":true}'],
        ["POST", "/api/v1/session", '{"key":"x"}'],
        ["DELETE", "/api/v1/tables/core.users/items", '{"pk":"maya"}'],
    ]
    found = tab.run(f"{WRITES}({json.dumps([url, changes])})")
    assert len(found) == len(changes) * 5
    assert set(found) <= {"refused", "opaque"}
    after = {path: told(url, path) for path in before}
    # Moments of the next runs go on.
    for one in (*before["schedules"]["items"], *after["schedules"]["items"]):
        one.pop("next")
    assert after == before


def test_a_link_from_another_page_opens_it_and_neither_has_hold_of_the_other(
    console: tuple[str, Browser], elsewhere: int
) -> None:
    url, tab = console
    goes(tab, "attacker.localhost", elsewhere)
    found = tab.run(
        f"(async () => {{ const other = open({url + '/'!r}); await new Promise((resolve) => setTimeout(resolve, 1500));"
        " if (other === null) return 'no window';"
        " try { return other.closed ? 'let go of' : other.document.title; } catch { return 'another origin'; } })()"
    )
    assert found in ("let go of", "another origin", "no window")
