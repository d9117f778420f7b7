"""What the OpenAPI documents say: valid by two validators, complete, stable, and true to the code."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from pydantic import BaseModel

from portable import App, Query, Request, Service
from portable.errors import DeclarationError
from portable.openapi import openapi_document
from portable.specs import Route

from .awkward import app as awkward
from .requests import check, operations, resolved

ROOT = Path(__file__).parents[2]


def app_called(name: str) -> App:
    if name == "awkward":
        return awkward
    found: App = importlib.import_module({"notes": "app", "fatfire": "fatfire.app"}[name]).app
    return found


APPS = ("notes", "fatfire", "awkward")


@pytest.fixture(scope="module", params=APPS)
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    return app_called(request.param).openapi()


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return openapi_document(awkward)


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document, cls=OpenAPIV31SpecValidator)
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_every_schema_is_valid_and_every_example_fits_its_own(document: dict[str, Any]) -> None:
    counts = {"schemas": 0, "examples": 0}

    def walk(value: Any) -> None:
        if isinstance(value, list):
            for item in value:
                walk(item)
            return
        if not isinstance(value, dict):
            return
        if isinstance(value.get("schema"), dict):
            counts["schemas"] += 1
            Draft202012Validator.check_schema(value["schema"])
            if "example" in value:
                counts["examples"] += 1
                check(document, value["schema"], value["example"])
        for item in value.values():
            walk(item)

    walk(document)
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert counts["schemas"] >= 10
    assert counts["examples"] >= 10


def test_every_reference_leads_somewhere_and_every_schema_is_used(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text
    for name in document["components"]["responses"]:
        assert name == "OtherMediaType" or name == "TooLarge" or f'"#/components/responses/{name}"' in text


def test_every_route_of_the_manifest_is_described_once_with_an_id_of_its_own(document: dict[str, Any]) -> None:
    manifest = app_called(document["info"]["title"]).manifest()
    routes = [handler.trigger for handler in manifest.handlers if isinstance(handler.trigger, Route)]
    count = sum(len([method for method in route.methods if method != "HEAD"]) for route in routes)
    count += len([route for route in routes if route.methods == ("HEAD",)])
    found = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(found) == len(set(found)) == count > 0


def test_the_same_app_gives_the_same_document_in_another_process() -> None:
    command = "import json; from app import app; print(json.dumps(app.openapi()))"
    texts = [
        subprocess.run(
            [sys.executable, "-c", command],
            cwd=ROOT / "examples/notes",
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    ]
    assert texts[0] == texts[1] != b""


def test_version_description_and_tags_are_the_projects_and_the_modules(document: dict[str, Any]) -> None:
    info = document["info"]
    if info["title"] == "fatfire":
        assert info["version"] == "0.1.0"
        assert info["description"].startswith("fatfire: what a household is worth")
        assert [tag["name"] for tag in document["tags"]] == ["exchange", "core", "integration"]
        assert all(tag["description"] for tag in document["tags"])
    if info["title"] == "awkward":
        assert info["version"] == "0.0.0"
        assert [tag["name"] for tag in document["tags"]] == ["awkward", "shop"]


# Routes


def test_mounts_and_folders_are_left_out_and_named(described: dict[str, Any]) -> None:
    assert not [path for path in described["paths"] if path.startswith(("/old", "/files"))]
    assert "a WSGI application below `/old`" in described["info"]["description"]
    assert "the files below `/files`" in described["info"]["description"]


def test_two_spellings_of_one_path_are_one_path(described: dict[str, Any]) -> None:
    assert "/things/{thing}" not in described["paths"]
    item = described["paths"]["/things/{id}"]
    assert item["get"]["parameters"][0]["name"] == item["put"]["parameters"][0]["name"] == "id"


def test_head_is_listed_only_where_no_get_gives_it(described: dict[str, Any]) -> None:
    assert set(described["paths"]["/many"]) == {"get", "post", "options"}
    assert set(described["paths"]["/only-head"]) == {"head"}
    assert [described["paths"]["/many"][method]["operationId"] for method in ("get", "post")] == [
        "many-get",
        "many-post",
    ]


def test_docstrings_become_summary_and_description(described: dict[str, Any]) -> None:
    paths = described["paths"]
    scalars = next(item["get"] for path, item in paths.items() if path.startswith("/scalars"))
    assert (scalars["summary"], scalars["description"]) == ("Every kind of scalar", "Args: all of them.")
    assert paths["/shop"]["get"]["summary"] == "What the shop is; ends with a full stop"
    assert paths["/shop"]["get"]["tags"] == ["shop"]
    assert paths["/shop"]["get"]["operationId"] == "shop.root"
    assert "description" not in paths["/orders"]["post"]
    assert paths["/answers/nothing-else"]["delete"]["summary"] == "Nothing else"


def test_ids_stay_unique_when_a_handler_has_the_name_that_was_made_up() -> None:
    app = App("ids")

    @app.route("/a", methods=["GET", "POST"])
    def one() -> str:
        return ""

    app.get("/b", name="one-get")(lambda: "")
    found = {path: {m: o["operationId"] for m, o in item.items()} for path, item in app.openapi()["paths"].items()}
    assert found == {"/a": {"get": "one-get", "post": "one-post"}, "/b": {"get": "one-get-2"}}
    validate(app.openapi())


def test_a_method_of_an_object_and_an_object_that_is_called_are_described() -> None:
    class Shop:
        def prices(self, most: int) -> list[int]:
            """What things cost."""
            return [most]

        def __call__(self, name: str) -> str:
            """Who is there."""
            return name

    app = App("objects")
    app.get("/prices", name="prices")(Shop().prices)
    app.get("/who", name="who")(Shop())
    paths = app.openapi()["paths"]
    assert paths["/prices"]["get"]["summary"] == "What things cost"
    assert paths["/who"]["get"]["summary"] == "Who is there"
    assert paths["/who"]["get"]["parameters"][0]["name"] == "name"


def test_a_path_parameter_that_only_the_request_has_is_described() -> None:
    app = App("requests")

    @app.get("/{a}/{b}")
    def one(request: Request, b: int) -> str:
        return request.path

    parameters = app.openapi()["paths"]["/{a}/{b}"]["get"]["parameters"]
    assert {parameter["name"]: parameter["schema"]["type"] for parameter in parameters} == {
        "a": "string",
        "b": "integer",
    }


def test_an_app_without_routes_and_a_route_without_a_name_for_its_parameter() -> None:
    empty = App("empty")
    assert empty.openapi()["paths"] == {}
    validate(empty.openapi())
    broken = App("broken")

    @broken.get("/{id}")
    def one() -> str:
        return ""

    with pytest.raises(DeclarationError, match="no parameter takes it"):
        broken.openapi()


# Parameters


def parameters_of(described: dict[str, Any], path: str, method: str = "get") -> dict[str, dict[str, Any]]:
    return {parameter["name"]: parameter for parameter in described["paths"][path][method]["parameters"]}


def test_constraints_defaults_and_descriptions_of_parameters_are_kept(described: dict[str, Any]) -> None:
    found = parameters_of(described, "/optional")
    assert found["limit"] == {
        "name": "limit",
        "in": "query",
        "description": "At most so many.",
        "schema": {"type": "integer", "exclusiveMinimum": 0, "maximum": 100, "default": 10, "examples": [25]},
        "example": 25,
    }
    assert found["mixed"]["schema"] == {"type": "integer", "minimum": 3}
    assert found["text"]["schema"] == {"type": "string"}
    assert found["old"]["deprecated"] is found["older"]["deprecated"] is True
    assert found["numbers"]["schema"]["default"] == [7, 8]
    assert found["colours"]["schema"]["items"] == {"$ref": "#/components/schemas/Colour"}
    assert not any(parameter.get("required") for parameter in found.values())


def test_what_is_required_is_what_a_request_may_not_leave_out(described: dict[str, Any]) -> None:
    found = parameters_of(described, "/lists")
    # No value of a list is an empty list, which only a constraint refuses.
    assert {name for name, parameter in found.items() if parameter.get("required")} == {"unique"}
    found = parameters_of(described, "/models")
    assert {name for name, parameter in found.items() if parameter.get("required")} == {"x-tenant", "session-id"}
    assert (found["x-tenant"]["in"], found["perPage"]["in"], found["session-id"]["in"]) == ("header", "query", "cookie")
    assert found["page"]["description"] == "Which page."


def test_one_schema_serves_both_ways_and_two_where_they_differ(described: dict[str, Any]) -> None:
    names = set(described["components"]["schemas"])
    assert {"Order-Input", "Order-Output", "Point", "Shown"} <= names
    assert "Point-Input" not in names
    output = described["components"]["schemas"]["Order-Output"]
    assert "count" in output["properties"]
    assert "customerName" in output["properties"]


def test_models_of_one_name_stay_apart_and_leave_ours_its_own(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    theirs = [name for name in schemas if name.endswith("Problem") and name != "Problem"]
    assert sorted(list(schemas[name]["properties"]) for name in theirs) == [["number"], ["text"]]
    assert "request_id" in schemas["Problem"]["properties"]

    class Problem(BaseModel):
        mine: str

    app = App("names")

    @app.post("/")
    def one(problem: Problem) -> Problem:
        return problem

    document = app.openapi()
    schemas = document["components"]["schemas"]
    assert "mine" in schemas["Problem"]["properties"]
    assert "request_id" in schemas["Problem-2"]["properties"]
    reference = document["components"]["responses"]["Invalid"]["content"]["application/problem+json"]["schema"]
    assert reference == {"$ref": "#/components/schemas/Problem-2"}


def test_a_typed_dict_is_one_schema_wherever_it_stands(described: dict[str, Any]) -> None:
    names = [name for name in described["components"]["schemas"] if "Filter" in name]
    assert names == ["Filter"]
    assert described["components"]["schemas"]["Filter"]["description"] == "Which things."


def test_typed_dicts_of_one_name_stay_apart() -> None:
    def one_kind() -> Any:
        class Local(TypedDict):
            value: int

        return Local

    def another() -> Any:
        class Local(TypedDict):
            value: str

        return Local

    first, second = one_kind(), another()
    app = App("locals")

    def one(body: Any) -> Any:
        return body

    one.__annotations__.update(body=first, **{"return": second})
    app.post("/")(one)
    operation = app.openapi()["paths"]["/"]["post"]
    taken = operation["requestBody"]["content"]["application/json"]["example"]
    assert (taken, operation["responses"]["200"]["content"]["application/json"]["example"]) == (
        {"value": 1},
        {"value": "string"},
    )


# Answers


def answers(described: dict[str, Any], path: str, method: str = "get") -> dict[str, Any]:
    """Those that are the handler's own."""
    found = described["paths"][path][method]["responses"]
    return {status: response for status, response in found.items() if "$ref" not in response}


def test_answers_are_those_that_the_return_types_mean(described: dict[str, Any]) -> None:
    assert answers(described, "/answers/nothing") == {"204": {"description": "No Content"}}
    assert answers(described, "/answers/nothing-else", "delete") == {"202": {"description": "Accepted"}}
    either = answers(described, "/answers/either")
    assert set(either) == {"200", "204"}
    assert set(either["200"]["content"]) == {"text/plain", "application/json"}
    assert answers(described, "/answers/gone") == {}
    assert set(answers(described, "/answers/chosen")) == {"2XX"}
    assert set(answers(described, "/several", "post")) == {"202"}
    assert set(answers(described, "/orders", "post")) == {"201"}
    assert answers(described, "/raw", "post")["200"]["content"] == {"application/octet-stream": {}}
    assert answers(described, "/answers/opaque")["200"]["content"] == {"application/json": {}}
    for path in ("/answers/unsaid", "/answers/any"):
        assert "content" not in answers(described, path)["2XX"]


def test_problems_are_those_that_an_operation_can_have(described: dict[str, Any]) -> None:
    def problems(path: str, method: str) -> set[str]:
        listed = described["paths"][path][method]["responses"]
        return {status for status, response in listed.items() if "$ref" in response}

    always = {"400", "414", "500", "default"}
    assert problems("/answers/nothing", "get") == always
    assert problems("/request/{unnamed}/{named}", "get") == always
    assert problems("/optional", "get") == always | {"422"}
    assert problems("/orders", "post") == always | {"413", "415", "422"}
    assert problems("/raw", "post") == always | {"413"}
    for name, response in described["components"]["responses"].items():
        assert set(response["content"]) == {"application/problem+json"}, name


def test_an_example_that_a_validator_refuses_is_not_shown(described: dict[str, Any]) -> None:
    assert "example" not in described["paths"]["/misled"]["post"]["requestBody"]["content"]["application/json"]
    shown = described["paths"]["/shown"]["post"]["requestBody"]["content"]["application/json"]
    assert shown["example"] == {"low": 1, "high": 5}


def test_a_service_in_its_own_module_has_its_docstring_and_one_beside_the_app_none(described: dict[str, Any]) -> None:
    assert described["tags"] == [{"name": "awkward"}, {"name": "shop"}]
    app = App("alone")
    part = Service("part")

    @part.get("/")
    def root(most: Annotated[int, Query()] = 1) -> int:
        return most

    app.include(part, prefix="/part")
    assert app.openapi()["tags"] == [{"name": "part"}]


def test_references_resolve(described: dict[str, Any]) -> None:
    for _, _, operation in operations(described):
        for response in operation["responses"].values():
            assert resolved(described, response)["description"]
