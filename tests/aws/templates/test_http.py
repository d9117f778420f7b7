"""Each request reaches the function that has the rights for it: the gateway's choice against the Router's."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from portable_aws.stacks import Template
from portable_aws.template_http import default_group, places, route_keys
from portable_aws.translate import Stage

from portable import App, Service
from portable.deploy.functions import group
from portable.errors import DeclarationError, Location
from portable.manifest import build_manifest
from portable.routing import Router

Make = Callable[[str, Stage], Template]
Key = tuple[str, str]
HERE = Location("app.py", 1)
METHODS = ("GET", "PUT", "POST")


def chosen(keys: Sequence[Key], default: str, method: str, path: str) -> str:
    """The group of the route that an HTTP API takes.

    A full match of path and method goes before a greedy one, and that before `$default`; the more specific before the
    less: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
    """
    wanted = path.split("/")[1:]
    best: tuple[tuple[Any, ...], str] | None = None
    for key, target in keys:
        verb, _, template = key.partition(" ")
        if verb not in (method, "ANY"):
            continue
        parts = template.split("/")[1:]
        greedy = parts[-1].endswith("+}")
        if greedy:
            parts = parts[:-1]
            if len(wanted) <= len(parts) or wanted[len(parts)] == "":
                continue
        elif len(parts) != len(wanted):
            continue
        if not all(
            part == text or (part.startswith("{") and text != "")
            for part, text in zip(parts, wanted[: len(parts)], strict=True)
        ):
            continue
        literal = tuple(not part.startswith("{") for part in parts)
        rank = (not greedy, len(parts), literal, verb != "ANY")
        if best is None or rank > best[0]:
            best = (rank, target)
    return default if best is None else best[1]


def answer_nothing(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """An application to mount."""
    raise NotImplementedError


def app_of(chance: random.Random) -> App | None:
    """Routes of several services, some below one prefix; None for what no app may declare."""
    app = App("shop", functions=chance.choice(["service", "service", "handler"]), targets=("aws",))
    parts: list[App | Service] = [app]
    parts += [Service(name) for name in ("one", "two", "three")[: chance.randrange(1, 4)]]
    prefixes = ["", "/api", "/api/v1", "/api/{tenant}"]
    words = ("a", "b", "{x}", "{y}", "c")
    made = 0
    for part in parts:
        for _ in range(chance.randrange(1, 6)):
            made += 1

            def handler() -> None: ...

            handler.__name__ = f"handler_{made}"
            segments = [chance.choice(words) for _ in range(chance.randrange(1, 4))]
            if len({one for one in segments if one.startswith("{")}) != sum(one.startswith("{") for one in segments):
                continue
            path = "/" + "/".join(segments)
            names = [one[1:-1] for one in segments if one.startswith("{")]
            scope: dict[str, Any] = {}
            exec(f"def {handler.__name__}({', '.join(f'{name}: str' for name in names)}) -> None: ...", scope)
            function = scope[handler.__name__]
            function.__module__ = __name__
            method = chance.choice(METHODS)
            try:
                getattr(part, method.lower())(path)(function)
            except DeclarationError:
                continue
        if chance.random() < 0.3:
            part.mount("/" + "/".join(chance.sample(("a", "b"), chance.randrange(3))), answer_nothing)
    try:
        for part in parts[1:]:
            assert isinstance(part, Service)
            app.include(part, prefix=chance.choice(prefixes[:3]))
        build_manifest(app, with_grants=False)
    except DeclarationError:
        return None
    return app


def test_the_gateway_takes_every_request_to_the_function_that_the_router_means() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    apps = found = mounted = 0
    for _ in range(200):
        app = app_of(chance)
        if app is None:
            continue
        manifest = build_manifest(app, with_grants=False).to_dict()
        groups = group(manifest)
        default = default_group(groups, "shop")
        if default is None:
            continue
        apps += 1
        of_handler = {handler: one.id for one in groups for handler in one.handlers}
        of_mount = {prefix.rstrip("/"): one.id for one in groups for prefix in one.mounts}
        router: Router[str] = Router()
        for one in manifest["handlers"]:
            for method in one["trigger"]["methods"]:
                router.add(method, one["trigger"]["path"], one["name"], HERE)
        keys = route_keys(places(manifest, groups), default.id)
        for _ in range(40):
            path = "/" + "/".join(
                chance.choice(("a", "b", "c", "api", "v1", "z")) for _ in range(chance.randrange(1, 6))
            )
            path += chance.choice(["", "", "", "/"])
            for method in (*METHODS, "HEAD"):
                meant = router.match("GET" if method == "HEAD" else method, path)
                if meant.entry is not None:
                    wanted = of_handler[meant.entry]
                else:
                    prefix = max((one for one in of_mount if f"{path}/".startswith(f"{one}/")), key=len, default=None)
                    if prefix is None:
                        continue
                    wanted = of_mount[prefix]
                    mounted += 1
                found += 1
                target = chosen(keys, default.id, method, path)
                assert target == wanted, (method, path, keys, of_mount, manifest["handlers"])
    assert apps > 50
    assert found > 1000
    assert mounted > 200


def test_one_function_needs_no_route_but_the_default(template: Make) -> None:
    routes = [
        value["Properties"]["RouteKey"]
        for value in template("notes", Stage("dev")).root["Resources"].values()
        if value["Type"] == "AWS::ApiGatewayV2::Route"
    ]
    assert routes == ["$default"]


def test_many_routes_of_one_function_need_none_but_the_default_whatever_their_parameters() -> None:
    def read(id: str) -> None: ...

    app = App("shop", targets=("aws",))
    for number in range(400):
        app.get(f"/{{id}}/{number}" if number % 2 else f"/r{number}/{{id}}", name=f"handler_{number}")(read)
    manifest = build_manifest(app, with_grants=False).to_dict()
    assert route_keys(places(manifest, group(manifest)), "http:shop") == []


def test_a_service_with_a_prefix_of_its_own_needs_one_route(manifests: Callable[[str], dict[str, Any]]) -> None:
    manifest = manifests("everything:service")
    groups = group(manifest)
    found = route_keys(places(manifest, groups), "http:everything")
    assert found == [("ANY /admin/{proxy+}", "http:admin-tools"), ("ANY /shop/{proxy+}", "http:shop")]


@pytest.mark.parametrize("app", ["notes", "fatfire", "everything:service", "everything:handler", "everything:app"])
def test_only_the_api_may_call_a_function_that_answers_http(app: str, template: Make) -> None:
    resources = template(app, Stage("dev")).root["Resources"]
    integrations = {id.removesuffix("Integration") for id in resources if id.endswith("Integration")}
    permissions = {id.removesuffix("Permission") for id in resources if id.endswith("Permission")}
    assert integrations
    assert integrations == permissions
    for base in permissions:
        properties = resources[f"{base}Permission"]["Properties"]
        assert properties["Principal"] == "apigateway.amazonaws.com"
        source, given = properties["SourceArn"]["Fn::Sub"]
        assert source.endswith(":${Id}/*")
        assert given == {"Id": {"Ref": "Api"}}
        integration = resources[f"{base}Integration"]["Properties"]
        assert integration["PayloadFormatVersion"] == "2.0"
        assert integration["IntegrationUri"] == properties["FunctionName"]


def test_a_background_function_of_its_own_is_not_called_by_the_api(template: Make) -> None:
    resources = template("notes", Stage("dev")).root["Resources"]
    assert "HandlerIndexPermission" not in resources


def test_an_app_without_http_has_no_api(manifests: Callable[[str], dict[str, Any]]) -> None:
    from portable_aws.translate import Bundle, translate

    manifest = manifests("notes")
    manifest["handlers"] = [one for one in manifest["handlers"] if one["trigger"]["type"] != "route"]
    made = translate(manifest, Stage("dev"), Bundle({one.id: "k.zip" for one in group(manifest)}))
    assert not [value for value in made.root["Resources"].values() if "ApiGateway" in value["Type"]]
    assert "ApiUrl" not in made.root["Outputs"]
