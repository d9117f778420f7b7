"""/openapi.json and /docs of `portable dev`: there unless the app has something in their place, and only ours."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from portable_local.documentation import ASSETS, NAMES, POLICY
from portable_local.http_child import TimedDispatcher

from portable import App, Request, Response
from portable.dispatch import Dispatcher

PAGES = ("/docs", "/docs/", "/openapi.json", *(f"{ASSETS}{name}" for name in (*NAMES, "openapi.json")))
PACKAGED = files("portable_local").joinpath("docs_page")


def hello() -> App:
    app = App("hello")

    @app.get("/hello")
    def hello() -> str:
        return "hello"

    return app


def get(app: App, path: str, method: str = "GET") -> Response:
    return TimedDispatcher(app, dev=True).http(Request(method, path))


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_are_there_with_a_policy_that_lets_in_nothing_foreign(page: str) -> None:
    response = get(hello(), page)
    assert response.status == 200
    assert response.body
    assert response.headers["content-security-policy"] == POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json"}
    assert response.headers["content-type"].partition(";")[0] == kinds.get(Path(page).suffix, "text/html")
    head = get(hello(), page, "HEAD")
    assert (head.status, head.body) == (200, b"")


def test_the_document_is_the_apps() -> None:
    app = hello()
    assert json.loads(get(app, "/openapi.json").body) == app.openapi()


@pytest.mark.parametrize("page", PAGES)
def test_a_deployed_app_has_none_of_them(page: str) -> None:
    assert Dispatcher(hello(), dev=True).http(Request("GET", page)).status == 404


@pytest.mark.parametrize(
    "path", ["/docs/page.js", "/docs/x", f"{ASSETS}x.js", f"{ASSETS}../index.html", ASSETS, "/_portable/docs"]
)
def test_nothing_else_is_there(path: str) -> None:
    assert get(hello(), path).status in (400, 404)


def test_only_reading_is_answered() -> None:
    assert get(hello(), "/docs", "POST").status == 404


def test_routes_folders_and_mounts_of_the_app_win(tmp_path: Path) -> None:
    app = hello()
    app.get("/openapi.json", name="own")(lambda: {"mine": True})
    app.post("/docs", name="write")(lambda: "written")
    assert json.loads(get(app, "/openapi.json").body) == {"mine": True}
    assert get(app, "/docs").status == 405
    assert "hello" in json.loads(get(app, f"{ASSETS}openapi.json").body)["info"]["title"]

    (tmp_path / "docs").write_text("a file")
    folder = hello()
    folder.static("/", str(tmp_path))
    assert get(folder, "/docs").body == b"a file"
    assert get(folder, "/openapi.json").status == 200

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"the old one"]

    mounted = hello()
    mounted.mount("/docs", application)
    dispatcher = TimedDispatcher(mounted, dev=True)
    try:
        assert dispatcher.http(Request("GET", "/docs")).body == b"the old one"
    finally:
        dispatcher.close()


def test_a_type_that_cannot_be_described_is_a_problem_and_not_a_dead_server() -> None:
    class Odd:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            from pydantic_core import core_schema

            return core_schema.any_schema()

        @classmethod
        def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
            raise RuntimeError("no schema today")

    app = hello()

    def odd() -> Any:
        return "odd"

    odd.__annotations__["return"] = Odd
    app.get("/odd")(odd)
    response = get(app, "/openapi.json")
    assert response.status == 500
    assert "no schema today" in json.loads(response.body)["detail"]
    assert get(app, "/odd").body == b"odd"


# What is packaged


def packaged() -> dict[str, str]:
    return {entry.name: entry.read_text(encoding="utf-8") for entry in PACKAGED.iterdir()}


def test_the_page_has_no_inline_script_or_style_and_asks_nobody_else() -> None:
    texts = packaged()
    assert set(texts) == {*NAMES, "index.html"}
    page = texts["index.html"]
    assert re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page) is None
    assert set(re.findall(r'(?:src|href)="([^"#]+)"', page)) == {
        *(f"{ASSETS}{name}" for name in ("page.js", "style.css", "icon.svg", "openapi.json"))
    }
    for name, text in texts.items():
        hosts = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", text)) - {"http://www.w3.org/2000/svg"}
        assert not hosts, (name, hosts)
        assert "@import" not in text
        for imported in re.findall(r'from "([^"]+)"', text):
            assert imported.removeprefix("./") in texts, (name, imported)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".js")])
def test_no_script_makes_markup_or_code_of_a_text(name: str) -> None:
    text = PACKAGED.joinpath(name).read_text(encoding="utf-8")
    forbidden = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "DOMParser",
        "createContextualFragment",
        "srcdoc",
        "eval(",
        "Function(",
        "javascript:",
        ".cssText",
        'setTimeout("',
    )
    assert [word for word in forbidden if word in text] == []
