"""The rules of who may speak to the console (C1-C5 of its threat model), each asked of every route by enumeration.

What a browser can be made to send by a page from elsewhere is in the lists below; what it cannot be made to send (a
header of ours, JSON, a right Origin) is what every change needs.
"""

import base64
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from portable.console.access import COOKIE_SECONDS, LINK_SECONDS, PROOF, Access, new_key
from portable.console.files import File, gather
from portable.console.routes import ROOT, Route
from portable.console.site import EVENTS
from portable.http import Request

from .serving import STOPS, Answer, Served

WORDS = {"{id}": "0" * 16, "{handler}": "exchange.refresh", "{name}": "core.assets"}


def target(route: Route) -> str:
    path = route.path
    for parameter, word in WORDS.items():
        path = path.replace(parameter, word)
    return f"{ROOT}/{path}"


@pytest.fixture(scope="module")
def routes(console: Served) -> tuple[Route, ...]:
    found = console.console.api.routes.routes
    assert len(found) > 30
    return found


def everything(console: Served, routes: tuple[Route, ...]) -> Iterator[tuple[str, str]]:
    """Method and target of every route, of the stream, and of what there is not."""
    for route in routes:
        yield route.method, target(route)
    yield "GET", EVENTS
    yield "GET", f"{ROOT}/nothing"
    yield "POST", f"{ROOT}/nothing"


def ask(console: Served, method: str, path: str, **changes: str | None) -> Answer:
    """As the console's own page asks, but for the changes; None leaves a header out."""
    headers: dict[str, str | None] = {"cookie": console.kept_cookie, "sec-fetch-site": "same-origin"}
    body = None
    if method != "GET":
        headers |= {"origin": console.origin, "content-type": "application/json", PROOF: "1"}
        body = b"{}"
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    return console.request(method, path, body, **{name: value for name, value in headers.items() if value is not None})


FOREIGN_HOSTS = [
    "attacker.example",
    "attacker.example:{port}",
    "127.0.0.1",
    "localhost",
    "127.0.0.1:1",
    "localhost:80",
    "127.0.0.1.nip.io:{port}",
    "localhost.attacker.example:{port}",
    "attacker.example.localhost:{port}",
    "localhost.:{port}",
    "0.0.0.0:{port}",
    "0:{port}",
    "127.1:{port}",
    "127.0.0.2:{port}",
    "2130706433:{port}",
    "0x7f000001:{port}",
    "0177.0.0.1:{port}",
    "[::]:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "[0:0:0:0:0:0:0:1]:{port}",
    "127.0.0.1:0{port}",
    "127.0.0.1:{port}.",
    "127.0.0.1:{port}@attacker.example",
    "attacker.example#127.0.0.1:{port}",
    "127.0.0.1:{port}, attacker.example",
    "127.0.0.1%00:{port}",
    "localhost%2eattacker.example:{port}",
    "",
    " ",
    "null",
]


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_host_that_is_not_in_the_list_is_refused(console: Served, host: str) -> None:
    for method, path in (("GET", "/api/v1/status"), ("GET", EVENTS), ("GET", "/"), ("POST", "/api/v1/session")):
        try:
            answer = ask(console, method, path, host=host.format(port=console.port))
        except (ConnectionError, ValueError):
            continue
        assert answer.status in (400, 403), (host, method, path, answer)
        assert "set-cookie" not in answer.headers


def test_every_route_refuses_another_host(console: Served, routes: tuple[Route, ...]) -> None:
    asked = 0
    for method, path in everything(console, routes):
        assert ask(console, method, path, host=f"rebound.example:{console.port}").status == 403, (method, path)
        asked += 1
    assert asked == len(routes) + 3


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_the_hosts_of_the_list_are_let_in(console: Served, name: str) -> None:
    assert console.get("status", host=f"{name}:{console.port}").status == 200


FOREIGN_ORIGINS = [
    "null",
    "",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}.attacker.example",
    "http://127.0.0.1:{port}@attacker.example",
    "http://attacker.example",
    "http://attacker.example:{port}",
    "http://localhost:8000",
    "HTTP://127.0.0.1:{port}",
    "http://127.0.0.1:{port} ",
    "http://127.0.0.1:{port}, http://attacker.example",
    "http://[::1]:1",
    "file://",
    "chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "data:",
    "about:blank",
    "http://localhost:{port}",  # the console, but not the one that is asked
]


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_an_origin_that_is_not_the_consoles_is_refused(console: Served, origin: str) -> None:
    given = origin.format(port=console.port)
    for method, path in (("GET", "/api/v1/status"), ("GET", EVENTS), ("POST", "/api/v1/session"), ("GET", "/")):
        if given.strip() == console.origin:
            continue  # white space around a value is no part of it (RFC 9110, section 5.5)
        answer = ask(console, method, path, origin=given)
        assert answer.status == 403, (given, method, path, answer)


def test_every_route_refuses_another_origin_and_every_change_one_without(
    console: Served, routes: tuple[Route, ...]
) -> None:
    changes = 0
    for method, path in everything(console, routes):
        for origin in ("null", "http://attacker.example", "http://127.0.0.1:8000"):
            assert ask(console, method, path, origin=origin).status == 403, (method, path, origin)
        if method != "GET":
            assert ask(console, method, path, origin=None).status == 403, (method, path)
            changes += 1
    assert changes > 12


def test_every_route_refuses_what_a_browser_says_comes_from_another_page(
    console: Served, routes: tuple[Route, ...]
) -> None:
    for method, path in everything(console, routes):
        for site in ("cross-site", "same-site"):
            assert ask(console, method, path, sec_fetch_site=site).status == 403, (method, path, site)
        if method != "GET":
            assert ask(console, method, path, sec_fetch_site="none").status == 403, (method, path)


def test_no_page_may_be_loaded_by_another_one_but_a_link_may_lead_to_it(console: Served) -> None:
    for mode, status in (("navigate", 200), ("no-cors", 403), ("cors", 403), ("websocket", 403)):
        answer = console.request("GET", "/", sec_fetch_site="cross-site", sec_fetch_mode=mode)
        assert answer.status == status, mode
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"


def test_every_route_but_the_one_that_gives_it_needs_the_cookie_or_the_key(
    console: Served, routes: tuple[Route, ...]
) -> None:
    stale = Access(console.key, console.port, clock=lambda: 1000.0).new_session()
    other = Access(new_key(), console.port).new_session()
    real = console.cookie().partition("=")[2]
    wrong = [
        None,
        "",
        f"portable_console_{console.port}=",
        f"portable_console_{console.port}={stale}",
        f"portable_console_{console.port}={other}",
        f"portable_console_{console.port}={real[:-1]}{'0' if real[-1] != '0' else '1'}",
        f"portable_console_{console.port}={console.key}",
        f"portable_console_1={real}",
    ]
    open_ones = [route for route in routes if route.is_open]
    assert [route.path for route in open_ones] == ["session"]
    for method, path in everything(console, routes):
        if path == f"{ROOT}/session":
            continue
        for cookie in wrong:
            answer = ask(console, method, path, cookie=cookie)
            assert answer.status == 401, (method, path, cookie, answer)


@pytest.mark.parametrize("key", ["", "x", None, 1, ["k"], {"key": 1}, "k" * 5000, "\ud800", "é" * 43])
def test_another_key_gives_no_cookie(console: Served, key: Any) -> None:
    body = json.dumps({"key": key}).encode()
    answer = console.request(
        "POST",
        "/api/v1/session",
        body,
        **{"origin": console.origin, "content-type": "application/json", PROOF: "1"},
    )
    assert answer.status in (400, 401, 422), answer
    assert "set-cookie" not in answer.headers


def swapped(console: Served, code: str) -> Answer:
    return console.request(
        "POST",
        "/api/v1/session",
        json.dumps({"key": code}).encode(),
        **{"origin": console.origin, "content-type": "application/json", PROOF: "1"},
    )


def test_a_code_works_once(console: Served) -> None:
    code = console.console.access.new_code()
    assert swapped(console, code).status == 200
    for _ in range(3):
        answer = swapped(console, code)
        assert answer.status == 401
        assert "set-cookie" not in answer.headers


def test_no_code_but_a_fresh_one_of_this_console_is_taken(console: Served) -> None:
    access = console.console.access
    code = access.new_code()
    text, _, seal = code.rpartition(".")
    old = Access(console.key, console.port, clock=lambda: time.time() - LINK_SECONDS - 5).new_code()
    to_come = Access(console.key, console.port, clock=lambda: time.time() + 3600).new_code()
    other = Access(new_key(), console.port).new_code()
    for wrong in (
        console.key,
        access.new_session(),
        old,
        to_come,
        other,
        text,
        f"{text}.{seal[:-1]}{'0' if seal[-1] != '0' else '1'}",
        f"{text}x.{seal}",
        f".{seal}",
        "..",
    ):
        assert swapped(console, wrong).status == 401, wrong
    assert swapped(console, code).status == 200
    # A code is no session, and no key.
    assert ask(console, "GET", "/api/v1/status", cookie=f"{access.cookie}={access.new_code()}").status == 401
    assert console.request("GET", "/api/v1/status", authorization=f"Bearer {access.new_code()}").status == 401


def test_of_many_that_come_by_one_link_at_once_one_is_let_in(console: Served) -> None:
    code = console.console.access.new_code()
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: swapped(console, code).status, range(16)))
    assert sorted(statuses) == [200] + [401] * 15


def test_the_cookie_is_for_no_script_and_no_other_site_and_is_not_the_key(console: Served) -> None:
    code = console.console.access.new_code()
    answer = swapped(console, code)
    cookie = answer.headers["set-cookie"]
    assert "; HttpOnly" in cookie
    assert "; SameSite=Strict" in cookie
    assert "; Path=/" in cookie
    assert f"; Max-Age={COOKIE_SECONDS}" in cookie
    assert "Domain" not in cookie
    assert console.key not in cookie
    assert code not in cookie
    assert cookie.startswith(f"portable_console_{console.port}=")
    assert console.cookie() != console.cookie()
    assert console.request("GET", "/api/v1/status", cookie=console.cookie()).status == 200


def test_a_key_has_128_bits_and_more() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(base64.urlsafe_b64decode(f"{key}==")) >= 16 for key in keys)
    with pytest.raises(ValueError, match="128 bits"):
        Access("short", 8001)


SIMPLE_TYPES = [
    None,
    "",
    "text/plain",
    "text/plain; application/json",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "application/json, text/plain",
    "application/jsonp",
    "application/json5",
    "application/problem+json",
    "text/json",
    "json",
]


def test_every_change_is_json_and_has_the_header_that_no_form_can_send(
    console: Served, routes: tuple[Route, ...]
) -> None:
    asked = 0
    for method, path in everything(console, routes):
        if method == "GET":
            continue
        for kind in SIMPLE_TYPES:
            assert ask(console, method, path, content_type=kind).status == 415, (method, path, kind)
        for proof in (None, "", "0", "true", "1, 1"):
            assert ask(console, method, path, **{PROOF.replace("-", "_"): proof}).status == 403, (method, path, proof)
        asked += 1
    assert asked > 12


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_json_is_taken(console: Served, kind: str) -> None:
    assert console.send("POST", "queues/exchange.refresh/discard", {"ids": []}, content_type=kind).status == 200


def test_nobody_is_told_that_they_may_and_every_answer_forbids_what_pages_need_not(
    console: Served, routes: tuple[Route, ...]
) -> None:
    answers = [ask(console, method, path) for method, path in everything(console, routes) if path != EVENTS]
    answers += [console.request("GET", path) for path in console.console.site.pages]
    answers += [
        console.request(
            "OPTIONS", "/api/v1/status", origin="http://attacker.example", access_control_request_method="PUT"
        ),
        console.request("OPTIONS", "/api/v1/values/x", origin=console.origin, access_control_request_method="PUT"),
        console.request("GET", "/nothing"),
        ask(console, "GET", EVENTS),
    ]
    assert len(answers) > 40
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")], answer
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["referrer-policy"] == "no-referrer"
    for answer in answers[-4:-2]:
        assert answer.status in (403, 405)


METHODS = ["OPTIONS", "PATCH", "TRACE", "PROPFIND", "HEAD", "CONNECT"]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_is_not_known_does_nothing(console: Served, routes: tuple[Route, ...], method: str) -> None:
    for path in ("/api/v1/status", "/api/v1/values/exchange.rates-url", EVENTS):
        try:
            answer = ask(console, method, path)
        except ConnectionError:
            continue
        assert answer.status in (400, 403, 405, 501), (method, path, answer)


UPGRADES: list[dict[str, str]] = [
    {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-key": "x" * 22 + "==",
        "sec-websocket-version": "13",
    },
    {"upgrade": "websocket", "connection": "keep-alive, Upgrade"},
    {"upgrade": "WebSocket"},
    {"upgrade": "h2c", "connection": "Upgrade, HTTP2-Settings", "http2-settings": "AAMAAABkAAQAAP__"},
    {"upgrade": "\x7f", "connection": "upgrade"},
    {"upgrade": "", "connection": "upgrade"},
    {"connection": "upgrade", "sec-websocket-key": "x", "sec-websocket-version": "999999999999999999"},
    {"sec-websocket-protocol": "portable", "upgrade": "websocket, websocket"},
    {"upgrade": "websocket" * 500, "connection": "upgrade"},
]


@pytest.mark.parametrize("number", range(len(UPGRADES)))
def test_nothing_becomes_a_websocket_and_whatever_asks_for_it_ends_nothing(console: Served, number: int) -> None:
    for origin in (console.origin, "http://attacker.example", "null"):
        for path in ("/api/v1/status", EVENTS, "/", "/api/v1/nothing"):
            try:
                answer = ask(console, "GET", path, origin=origin, **UPGRADES[number])
            except (ConnectionError, ValueError):
                continue
            assert answer.status in (400, 403, 431, 501), (UPGRADES[number], path, answer)
    assert console.get("status").status == 200


RAW = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: \xff\xfe\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://[\r\n\r\n",
    b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://[::1:99999]\r\n\r\n",
    b"GET /api/v1/status HTTP/1.1\r\nHost: [::1\r\n\r\n",
    b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1:99999999999\r\n\r\n",
    b"GET http://attacker.example/api/v1/status HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
    b"GET //attacker.example/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
    b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: portable_console_%d=\xff.\xff.\xff\r\n\r\n",
    b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: portable_console_%d=a.b.c\r\n\r\n",
    b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer \xff\r\n\r\n",
    b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nLast-Event-ID: 99999999999999999999999\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\0" * 100,
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
]


@pytest.mark.parametrize("number", range(len(RAW)))
def test_bytes_that_are_no_request_of_ours_end_nothing(console: Served, number: int) -> None:
    data = RAW[number].replace(b"%d", str(console.port).encode())
    with socket.create_connection(("127.0.0.1", console.port), timeout=STOPS) as wire:
        wire.sendall(data)
        wire.shutdown(socket.SHUT_WR)
        try:
            answer = wire.recv(65536)
        except ConnectionResetError:
            answer = b""
    first = answer.split(b"\r\n", 1)[0]
    assert first == b"" or first.split()[1] in (b"400", b"401", b"403", b"404", b"431", b"501", b"505", b"200"), first
    assert b"Traceback" not in answer
    assert console.get("status").status == 200


PATHS = [
    "/../../../../etc/passwd",
    "/..%2f..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/static/app.js",
    "/static/../store.py",
    "/.//app.js",
    "//app.js",
    "/app.js/",
    "/app.js%00.html",
    "/app.js%20",
    "/APP.JS",
    "/app.js;x",
    "/app%2ejs",
    "/./app.js",
    "/styles/../app.js",
    "/styles/..%2fapp.js",
    "/styles/",
    "/styles",
    "/__init__.py",
    "/store.py",
    "/prices.json",
    "/@fs/etc/passwd",
    "/api/v1/../../app.js",
    "/api/v1/%2e%2e/status",
    "/api/v1//status",
    "/api/v1/status/",
    "/api/v1/status;x",
    "/api/v1/STATUS",
    "/api/v1/stat%75s",
    "/api/v1/tables/%2e%2e/items",
    "/api/v1/tables/..%2f..%2fsecrets/items",
    "/api/v1/tables/%00/items",
    "/api/v1/tables/%ff/items",
    "/api/v1/tables//items",
    "/api/v1/tables/" + "a" * 3000 + "/items",
    "/api/v1/buckets/integration.statements/object?key=../../console.key",
    "/api/v1/buckets/integration.statements/object?key=/etc/passwd",
    "/api/v1/buckets/..%2f/object?key=x",
    "/api/v1/invocations/..%2f..%2fstatus",
    "/api/v2/status",
    "/api",
    "/favicon.ico",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_what_is_not_in_the_list(console: Served, path: str) -> None:
    without = console.request("GET", path)
    assert without.status in (401, 403, 404), (path, without)
    with_key = console.request("GET", path, authorization=f"Bearer {console.key}")
    assert with_key.status in (404, 422), (path, with_key)
    assert b"root:" not in with_key.body
    assert console.key.encode() not in with_key.body


def test_the_list_is_what_is_packaged_and_every_file_of_it_is_served_as_it_is(console: Served) -> None:
    pages = console.console.site.pages
    assert "/" in pages
    assert len(pages) > 5
    for path, page in pages.items():
        answer = console.request("GET", path)
        assert (answer.status, answer.body) == (200, page.content), path
        assert answer.headers["content-type"] == page.content_type
        again = console.request("GET", path, if_none_match=page.etag)
        assert (again.status, again.body) == (304, b"")
        assert (
            console.request(
                "POST", path, b"{}", **{"origin": console.origin, "content-type": "application/json", PROOF: "1"}
            ).status
            == 405
        )


def test_what_is_hidden_or_of_no_known_type_is_not_in_the_list(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    names = ("index.html", "inner/part.js", ".hidden.js", "_notes.js", "page.py", "README.md", "inner/.env", "key")
    for name in names:
        (tmp_path / name).write_text(name)
    found: dict[str, File] = {}
    gather(tmp_path, "/", found)
    assert sorted(found) == ["/index.html", "/inner/part.js"]
    # It is read once: what becomes of the file afterwards changes nothing.
    (tmp_path / "index.html").write_text("changed")
    assert found["/index.html"].content == b"index.html"


def test_the_data_of_the_app_is_never_served_as_what_it_is(console: Served) -> None:
    answer = console.get(f"buckets/integration.statements/object?key={quote('maya/page.html')}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["body"] == "<script>alert(1)</script>"


def test_the_rules_are_those_of_the_page_and_of_the_stream_alike() -> None:
    """One function decides, whatever is asked for."""
    access = Access(new_key(), 8001)
    for path in ("/", EVENTS, f"{ROOT}/status"):
        request = Request("GET", path, headers=[("host", "attacker.example:8001")])
        refused = access.check(request)
        assert refused is not None
        assert refused.status == 403


def test_a_session_ends_after_its_days() -> None:
    now = 1_800_000_000.0
    key = new_key()
    session = Access(key, 8001, clock=lambda: now).new_session()
    assert Access(key, 8001, clock=lambda: now + COOKIE_SECONDS - 5).is_session(session)
    assert not Access(key, 8001, clock=lambda: now + COOKIE_SECONDS + 5).is_session(session)
    assert not Access(key, 8001, clock=lambda: now - 3600).is_session(session)
    assert not Access(new_key(), 8001, clock=lambda: now).is_session(session)


def test_a_member_of_a_body_that_is_not_known_is_refused(console: Served) -> None:
    assert console.send("POST", "queues/exchange.refresh/redrive", {"al": True}).status == 422
    assert console.send("PUT", "values/exchange.rates-url", {"value": "x", "mode": "y"}).status == 422


@pytest.mark.parametrize(
    "body", [b"[]", b"1", b'"x"', b"null", b"{", b"\xff", b"[" * 100_000, b'{"value": NaN}', b'{"value": "\\ud800"}']
)
def test_a_body_that_is_no_json_object_is_refused(console: Served, body: bytes) -> None:
    headers = {
        "authorization": f"Bearer {console.key}",
        "origin": console.origin,
        "content-type": "application/json",
        PROOF: "1",
    }
    assert console.request("PUT", "/api/v1/values/exchange.rates-url", body, **headers).status in (400, 422)
    assert console.backend.set_values == {}
