"""The manifest: what is in it, that it is stable, and which declarations do not fit together."""

import json
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from portable import CORS, App, Change, DeclarationError, ObjectEvent, Service
from portable.errors import Location
from portable.manifest import Manifest, build_manifest, declaration_errors
from portable.manifest_json import relative, type_schema


class Item(BaseModel):
    id: str
    shelf: str


def shop() -> App:
    app = App("shop", cors=CORS(("https://example.org",)), targets=("aws", "gcp"), functions="handler")
    stock = Service("stock")
    items = stock.table("items", Item, key="id", indexes={"by_shelf": ("shelf", "id")})
    files = app.bucket("files")
    stock.secret("token")
    stock.param("limit", "10")

    @stock.get("/items/{id}", uses=[items.can("get", "require")])
    def read(id: str) -> Item:
        return items.require(id)

    @stock.route("/", methods=["GET", "POST"], status=202)
    def root() -> None: ...

    @items.on_change
    def changed(change: Change[Item]) -> None: ...

    @files.on_deleted(prefix="in/")
    def gone(event: ObjectEvent) -> None: ...

    app.include(stock, prefix="/stock")
    return app


def test_everything_has_its_qualified_name_and_its_full_path() -> None:
    manifest = shop().manifest()
    assert [handler.name for handler in manifest.handlers] == ["gone", "stock.changed", "stock.read", "stock.root"]
    assert [table.name for table in manifest.tables] == ["stock.items"]
    assert [secret.name for secret in manifest.secrets] == ["stock.token"]
    assert [service.name for service in manifest.services] == ["shop", "stock"]
    paths = {h["name"]: h["trigger"].get("path") for h in manifest.to_dict()["handlers"]}
    assert paths["stock.read"] == "/stock/items/{id}"
    assert paths["stock.root"] == "/stock"


def test_its_json_is_json_and_fits_the_schema() -> None:
    found = shop().manifest().to_dict()
    assert json.loads(json.dumps(found)) == found
    jsonschema.Draft202012Validator(Manifest.schema()).validate(found)


def test_triggers_say_their_type_and_grants_are_an_object() -> None:
    handlers = {handler["name"]: handler for handler in shop().manifest().to_dict()["handlers"]}
    assert {name: handler["trigger"]["type"] for name, handler in handlers.items()} == {
        "gone": "bucket",
        "stock.changed": "table",
        "stock.read": "route",
        "stock.root": "route",
    }
    assert handlers["stock.read"]["uses"] == {"table:stock.items": ["get", "require"]}
    assert handlers["stock.root"]["uses"] is None


def test_the_models_of_data_are_in_it_as_json_schema() -> None:
    manifest = shop().manifest().to_dict()
    name = manifest["tables"][0]["model"]
    assert manifest["models"][name]["properties"]["shelf"]["type"] == "string"


def test_two_builds_are_equal() -> None:
    app = shop()
    assert app.manifest() == app.manifest()
    assert json.dumps(shop().manifest().to_dict()) == json.dumps(shop().manifest().to_dict())


def load(folder: Path, text: str) -> Any:
    """Runs source text as the module `app` of a project in `folder`."""
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text("")
    file = folder / "app.py"
    file.write_text(textwrap.dedent(text))
    module = ModuleType("app")
    exec(compile(file.read_text(), str(file), "exec"), vars(module))
    return module


SOURCE = """
    from portable import App

    app = App("one")
    items = app.table("items")


    @app.get("/a")
    def a() -> str:
        return "a"
"""


def test_the_same_app_in_two_folders_has_one_text(tmp_path: Path) -> None:
    first = load(tmp_path / "here", SOURCE).app.manifest().to_dict()
    second = load(tmp_path / "over/there", SOURCE).app.manifest().to_dict()
    assert json.dumps(first) == json.dumps(second)
    assert first["tables"][0]["location"] == {"file": "app.py", "line": 5}
    assert str(tmp_path) not in json.dumps(first)


def test_files_outside_the_project_are_relative_to_where_python_found_them() -> None:
    assert relative(json.__file__, "/nowhere") == "json/__init__.py"
    assert relative("/some/place/else.py", "/nowhere") == "else.py"
    assert relative("<string>", "/nowhere") == "<string>"
    assert relative("/a/bc/d.py", "/a/b") == "d.py"


def test_an_annotation_that_the_rules_do_not_cover_is_refused() -> None:
    with pytest.raises(TypeError, match="no place in the manifest"):
        type_schema(set[str], {})


# What does not fit together


def errors(app: App) -> list[str]:
    found = declaration_errors(app)
    assert all(error.location is not None and error.location.file == __file__ for error in found)
    if found:
        with pytest.raises(DeclarationError):
            build_manifest(app)
    return [error.message for error in found]


def test_an_app_that_fits_has_no_errors() -> None:
    assert errors(shop()) == []


def test_two_parts_may_not_answer_one_route() -> None:
    app, part = App("one"), Service("part")

    @app.get("/part/{id}")
    def first(id: str) -> str:
        return id

    @part.get("/{name}")
    def second(name: str) -> str:
        return name

    app.include(part, prefix="/part")
    assert len(errors(app)) == 1
    assert "GET /part/{name}" in errors(app)[0]


def test_a_trailing_slash_is_the_same_route() -> None:
    app, part = App("one"), Service("part")

    @app.get("/part")
    def first() -> None: ...

    @part.get("/")
    def second() -> None: ...

    app.include(part, prefix="/part")
    assert len(errors(app)) == 1


def test_a_prefix_with_a_parameter_needs_it_in_every_handler() -> None:
    app, part = App("one"), Service("part")

    @part.get("/x")
    def read() -> None: ...

    app.include(part, prefix="/users/{user}")
    assert "{user}" in errors(app)[0]


def test_signatures_that_nothing_fills_are_all_found() -> None:
    app = App("one")
    items = app.table("items")

    @app.get("/a/{id}")
    def first() -> None: ...

    @app.post("/b")
    def second(anything) -> None:  # type: ignore[no-untyped-def]
        ...

    @items.on_change
    def third(change: Change[Any], more: dict[str, Any]) -> None: ...

    assert len(errors(app)) == 3


def test_a_trigger_of_a_service_that_is_not_included_is_found() -> None:
    app, other = App("one"), Service("other")
    items = other.table("items")
    files = other.bucket("files")

    @items.on_change(service=app)
    def changed(change: Change[Any]) -> None: ...

    @files.on_created(service=app)
    def created(event: ObjectEvent) -> None: ...

    messages = errors(app)
    assert len(messages) == 2
    assert "table 'other.items'" in messages[0]
    assert declaration_errors(app)[0].hint == "app.include(other), the service that declares it"
    app.include(other)
    assert errors(app) == []


def test_a_static_file_that_is_too_large_for_a_target_is_found_with_whose_limit_that_is(tmp_path: Path) -> None:
    app = App("one")
    app.static("/", str(tmp_path))
    (tmp_path / "film.bin").write_bytes(bytes(4 * 1024 * 1024))
    assert errors(app) == []
    (tmp_path / "film.bin").write_bytes(bytes(4 * 1024 * 1024 + 1))
    [message] = errors(app)
    assert message.endswith("over the limit of 4,194,304 (http_response_bytes, from aws)")


def test_a_grant_on_what_is_not_in_the_app_is_found_with_the_nearest_name() -> None:
    app, other = App("one"), Service("other")
    items = other.table("items")
    app.table("item")

    @app.get("/a", uses=[items.can("get")])
    def first() -> None: ...

    assert "table:other.items" in errors(app)[0]
    app.include(other)
    assert errors(app) == []


def test_two_mounts_or_two_folders_in_one_place_are_found(tmp_path: Path) -> None:
    app, part = App("one"), Service("part")
    app.static("/x", str(tmp_path))
    part.static("/", str(tmp_path))
    app.include(part, prefix="/x")
    assert "/x is taken by two of app.static" in errors(app)[0]


def test_locations_are_pairs_of_file_and_line() -> None:
    assert shop().manifest().app.location == Location(__file__, shop().location.line)
