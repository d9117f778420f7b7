"""A2: what a middleware guards stays guarded, however the path, the method or a header is written."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from portable import App, Request, Response, Service

from .serving import place
from .wire import answers_in, talk

PRIZE = b"the crown jewels"
GUARDED = (
    "/admin",
    "/admin/users/7",
    "/files/private/plan.txt",
    "/asgi/admin/panel",
    "/wsgi/admin/panel",
    "/vault/gold",
)
WIDE_A = "\uff41"
METHODS = (
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"PATCH",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"PROPFIND",
    b"CONNECT",
    b"QUERY",
)


def escaped(text: str, which: Callable[[int], bool], form: str = "%{:02X}") -> str:
    return "".join(
        form.format(ord(letter)) if which(at) and letter != "/" else letter for at, letter in enumerate(text)
    )


def tricks(path: str) -> Iterator[str]:
    """Other ways to write a path: some are the same resource, some are none; none may reveal anything."""
    head, _, tail = path.lstrip("/").partition("/")
    rest = f"/{tail}" if tail else ""
    yield from (
        path,
        path + "/",
        path + "//",
        "/" + path,
        "//" + path,
        path.replace("/", "//"),
        path + "?",
        path + "?a=/",
    )
    yield from (f"/.{path}", f"/x/..{path}", f"/%2e{path}", f"/x/%2e%2e{path}", f"/x/.%2e{path}", f"/x/%2E.{path}")
    yield from (
        f"/x%2f..{path}",
        f"/x%2f%2e%2e{path}",
        f"/x%5c..{path}",
        f"/..{path}",
        f"/../..{path}",
        f"{path}/.",
        f"{path}/..",
    )
    yield from (
        f"{path}/../{head}{rest}",
        f"{path}/x/..",
        f"{path}/%2e",
        f"{path}/%2e%2e{path}",
        f"/{head}/.{rest}",
        f"/{head}/x/..{rest}",
    )
    yield from (
        f"/{head}%2f{tail}",
        f"/{head}%2F{tail}",
        f"/{head}/%2f{tail}",
        f"%2f{path}",
        f"/%2f{path}",
        f"{path}%2f",
        f"{path}%2f..",
    )
    yield from (
        f"/{head}%252f{tail}",
        f"/{head}%5c{tail}",
        f"/{head}\\{tail}",
        path.replace("/", "\\"),
        f"/{head}%c0%af{tail}",
    )
    yield from (
        f"{path};",
        f"{path};a=b",
        f"/{head};a=b{rest}",
        f"/;{path}",
        f"{path}%3b",
        f"/{head}%3ba{rest}",
        f"{path}.json",
        f"{path}.",
    )
    yield from (f"/{head}//{tail}", f"/{head}/./{tail}", f"/{head}/%2e/{tail}", f"/{head}/x%2f..%2f{tail}")
    yield from (
        path.upper(),
        path.title(),
        path.swapcase(),
        f"{path}%00",
        f"{path}%00.txt",
        f"{path}%20",
        f"{path}%09",
        f"{path}%0a",
        f"{path}%0d%0a",
    )
    yield from (
        f"{path}#",
        f"{path}#x",
        f"/x#{path}",
        f"{path}%23",
        f"{path}%3f",
        f"/{head}%00{rest}",
        f"{path}~",
        f"{path}%",
        f"{path}%2",
        f"{path}%zz",
    )
    for form in ("%{:02X}", "%{:02x}"):
        yield f"/{head}/{escaped(tail, lambda at: at == 0, form)}"
        yield f"/{head}/{escaped(tail, lambda at: True, form)}"
        yield from (escaped(path, lambda at: True, form), escaped(path, lambda at: at == 1, form))
        yield from (escaped(path, lambda at: at % 2 == 1, form), escaped(path, lambda at: at == len(path) - 1, form))
    yield from (escaped(path, lambda at: True).replace("%", "%25"), quote(path, safe=""), path.replace("a", "%u0061"))
    yield from (
        path.replace("a", WIDE_A).encode().decode("latin-1"),
        quote(path.replace("a", WIDE_A)),
        quote(path.replace("i", "\u0131")),
    )
    yield from (
        f"http://localhost{path}",
        f"http://localhost/{path}",
        f"HTTP://LOCALHOST{path}",
        f"http://localhost/x/..{path}",
    )
    yield from (
        f"http://localhost{escaped(path, lambda at: at == 1)}",
        "*",
        path.lstrip("/"),
        f"?{path}",
        f"/?{path}",
        "",
    )


ELSEWHERE = ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-Path", "X-Script-Name", "Referer")
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
HEADERS = [
    *(f"{name}: {value}" for value in ("/", "/public", "/admin") for name in ELSEWHERE),
    *(f"{name}: {method}" for name in OVERRIDES for method in ("GET", "DELETE")),
    "X-Forwarded-For: 127.0.0.1",
    "X-Real-IP: 127.0.0.1",
    "Forwarded: for=127.0.0.1;proto=https",
    "X-Forwarded-Host: localhost",
    "X-Portable-Middleware: skip",
    "X-Portable-Internal: 1",
    "X-Portable-Trigger: task",
    "X-Middleware-Subrequest: middleware",
    "X-User: root",
    "X_User: root",
    "Role: admin",
    "Connection: close, X-Guard",
    "X_Guard: open",
]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A mounted application that takes paths apart generously, as those do that serve files."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    parts = [part for part in scope["path"].split("/") if part not in ("", ".")]
    found = PRIZE if parts[-2:] == ["admin", "panel"] else b"public"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": found})


def wsgi(environ: dict[str, Any], start: Any) -> list[bytes]:
    """The same, and it trusts a name that only a middleware may give."""
    parts = [part for part in environ["PATH_INFO"].split("/") if part not in ("", ".")]
    start("200 OK", [])
    return [PRIZE if parts[-2:] == ["admin", "panel"] or "root" in environ.get("HTTP_X_USER", "") else b"public"]


def guard(request: Request) -> Generator[None, Response, Response | None]:
    """What people write: by the beginning of the path."""
    for prefix in ("/admin", "/files/private", "/asgi/admin", "/wsgi/admin"):
        if request.path == prefix or request.path.startswith(f"{prefix}/"):
            return Response("denied", 401)
    if "x-user" in request.headers:
        del request.headers["x-user"]
    response = yield
    return response


def deny(request: Request) -> Generator[None, Response, Response | None]:
    """Around a service: whatever the path."""
    if request.method:
        return Response("denied", 401)
    response = yield
    return response


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder: Path = tmp_path_factory.mktemp("files")
    (folder / "private").mkdir()
    (folder / "private" / "plan.txt").write_bytes(PRIZE)
    (folder / "index.html").write_bytes(b"public")
    app = App("guarded")
    app.middleware(guard)

    @app.route("/admin", methods=["GET", "POST", "DELETE"])
    def admin() -> bytes:
        return PRIZE

    @app.route("/admin/users/{id}", methods=["GET", "PUT"])
    def user(id: str) -> bytes:
        return PRIZE

    @app.get("/")
    def root() -> bytes:
        return b"public"

    app.static("/files", str(folder))
    app.mount("/asgi", asgi)
    app.mount("/wsgi", wsgi)
    vault = Service("vault")
    vault.middleware(deny)

    @vault.route("/gold", methods=["GET", "POST"])
    def gold() -> bytes:
        return PRIZE

    app.include(vault, prefix="/vault")
    with place(app) as here:
        here.serve(idle_time=5.0)
        yield here.port
        assert here.log.faults == []


def sent(port: int, method: bytes, target: str, *headers: str) -> tuple[int, bytes]:
    """The status, and all that came, of a request that asks to be the last."""
    lines = [method + b" " + target.encode("latin-1") + b" HTTP/1.1", b"Host: localhost", b"Connection: close"]
    data = talk(port, b"\r\n".join((*lines, *(header.encode("latin-1") for header in headers), b"", b"")))
    return int(data[9:12]), data


@pytest.mark.parametrize("path", GUARDED)
def test_no_way_to_write_a_path_passes_a_middleware(port: int, path: str) -> None:
    seen: dict[int, int] = {}
    for target in tricks(path):
        for method in (b"GET", b"POST", b"HEAD"):
            status, data = sent(port, method, target)
            assert PRIZE not in data, (method, target)
            head_length = f"content-length: {len(PRIZE)}\r\n".encode()
            assert head_length not in data, (method, target, "HEAD tells how long it is")
            seen[status] = seen.get(status, 0) + 1
    assert sum(seen.values()) >= 250
    # Some of them are the same path, and meet the guard; most are none.
    assert seen.get(401, 0) >= 10, seen
    assert seen.get(400, 0) >= 50, seen


@pytest.mark.parametrize("path", GUARDED)
def test_no_method_and_no_header_passes_a_middleware(port: int, path: str) -> None:
    for method in METHODS:
        for header in ("X-Nothing: 1", *HEADERS):
            status, data = sent(port, method, path, header)
            assert PRIZE not in data, (method, header)
            assert status in (200, 204, 400, 401, 404, 405), (method, header, status)
            if status in (200, 204):
                assert method == b"OPTIONS", (method, header, data)


def test_what_is_not_guarded_is_answered(port: int) -> None:
    for target in ("/", "/files/", "/files/index.html", "/asgi/x", "/wsgi/x", "/wsgi/a%20b/"):
        status, data = sent(port, b"GET", target)
        assert status == 200, target
        assert answers_in(data)[0].body == b"public"


def test_a_header_with_an_underscore_is_not_taken_for_one_that_a_middleware_removes(port: int) -> None:
    for header in ("X_User: root", "x-user: root", "X_USER: root"):
        status, data = sent(port, b"GET", "/wsgi/x", header)
        assert status == 200
        assert PRIZE not in data, header
