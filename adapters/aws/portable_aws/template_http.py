"""The HTTP API: one for the whole app, which hands each request to the function that has the rights for it.

An app whose HTTP is answered by one function has the route `$default` alone. With several functions there are routes
by path besides, as few as will do; `$default` answers the rest (404, 405, OPTIONS), since every function knows all
routes of the app. Names of path parameters are by position: we read the path ourselves.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from portable.deploy.functions import FunctionGroup

from .template_functions import base_id, function_link
from .template_parts import PARTITION, Link, Naming, Part, Resource, resource

API = "Api"
SECONDS = 30
"""The longest an HTTP API waits."""
MOST_ROUTES = 300
"""Unless AWS is asked for more: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
PARAMETER = "{}"


class Place(NamedTuple):
    """Something that answers HTTP, and by which function: methods on a template; or a folder or mounted application,
    all that is below a path and that no route takes.
    """

    kind: Literal["route", "static", "mount"]
    methods: tuple[str, ...]
    segments: tuple[str, ...]
    group: str


class Node:
    """A position in the tree of paths."""

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.parameter: Node | None = None
        self.methods: dict[str, str] = {}
        """Group by method."""
        self.tree: str | None = None
        """The group of the folder or application that is here."""
        self.is_mounted = False

    def children(self) -> list[tuple[str, "Node"]]:
        found = sorted(self.literals.items())
        return [*found, (PARAMETER, self.parameter)] if self.parameter is not None else found

    def groups(self) -> set[str]:
        own = {*self.methods.values(), *({self.tree} if self.tree is not None else ())}
        return own.union(*(child.groups() for _, child in self.children()))


def places(manifest: Mapping[str, Any], groups: Sequence[FunctionGroup]) -> list[Place]:
    of_handler = {handler: group.id for group in groups for handler in group.handlers}
    found = [
        Place(
            "route",
            tuple(handler["trigger"]["methods"]),
            segments(handler["trigger"]["path"]),
            of_handler[handler["name"]],
        )
        for handler in manifest["handlers"]
        if handler["trigger"]["type"] == "route"
    ]
    found += [Place("static", (), segments(path), group.id) for group in groups for path in group.statics]
    found += [Place("mount", (), segments(path), group.id) for group in groups for path in group.mounts]
    return found


def segments(path: str) -> tuple[str, ...]:
    """Of a template, without the names of its parameters."""
    return tuple(PARAMETER if part.startswith("{") else part for part in path.split("/") if part)


def default_group(groups: Sequence[FunctionGroup], app: str) -> FunctionGroup | None:
    """What answers the rest: the app's own function if there is one, else the first."""
    answering = [group for group in groups if group.answers_http]
    return next((group for group in answering if group.service == app), answering[0] if answering else None)


def route_keys(found: Sequence[Place], default: str) -> list[tuple[str, str]]:
    """(route key, group) of all routes but `$default`, sorted; none where one function answers all."""
    root = Node()
    for place in found:
        node = root
        for segment in place.segments:
            if segment == PARAMETER:
                node.parameter = node.parameter or Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, Node())
        if place.kind != "route":
            node.tree = place.group
            node.is_mounted = place.kind == "mount"
        for method in place.methods:
            node.methods[method] = place.group
    exact = list(walk(root, root, (), default, alone=True))
    # API Gateway takes a trailing slash for another path, and the framework does not.
    slashed = [(f"{key}/", group) for key, group in exact if not key.endswith(("+}", "/"))]
    return sorted([*exact, *slashed])


def walk(root: Node, node: Node, path: tuple[str, ...], rest: str, *, alone: bool) -> Iterator[tuple[str, str]]:
    """Routes for a node and what is below it; `rest` answers there unless said otherwise.

    `alone`: no other branch of the tree answers paths below this one, so that one route may stand for all of them.
    """
    groups = node.groups()
    if alone and node.tree is None and len(groups) == 1 and path:
        [group] = groups
        if group != rest:
            if node.methods:
                yield f"ANY {shown(path)}", group
            if node.children():
                yield f"ANY {shown((*path, '{proxy+}'))}", group
        return
    if node.tree is not None:
        # What is mounted answers all that no route below it takes, with its own rights. A file needs none: any function
        # has it.
        alone = alone and (not node.is_mounted or groups == {node.tree})
        if node.tree != rest:
            rest = node.tree
            yield f"ANY {shown(path)}", rest
            yield f"ANY {shown((*path, '{proxy+}'))}", rest
    methods = node.methods if node.tree is None else answered(root, path)
    owners = set(methods.values())
    if alone and len(owners) == 1:
        if owners != {rest}:
            yield f"ANY {shown(path)}", owners.pop()
    else:
        # A method that is not answered here may be by another branch: `POST /{id}` beside `GET /latest`.
        for method, group in sorted(methods.items()):
            yield f"{method} {shown(path)}", group
            if method == "GET" and "HEAD" not in methods:
                yield f"HEAD {shown(path)}", group
    children = node.children()
    # A parameter's branch answers paths below the names beside it too. That matters where it is another function's.
    below = {group for _, child in children for group in child.groups()}
    are_rivals = node.parameter is not None and len(children) > 1 and len(below) > 1
    for segment, child in children:
        yield from walk(root, child, (*path, segment), rest, alone=alone and not are_rivals)


def answered(root: Node, path: Sequence[str]) -> dict[str, str]:
    """Group by method of all routes that take a path: those with parameters in the place of its names too."""
    nodes = [root]
    for segment in path:
        nodes = [child for node in nodes for child in (node.literals.get(segment), node.parameter) if child is not None]
    found: dict[str, str] = {}
    for node in nodes:
        for method, group in node.methods.items():
            found.setdefault(method, group)
    return found


def shown(path: Sequence[str]) -> str:
    """A path as API Gateway writes it."""
    return "/" + "/".join(f"{{p{index}}}" if part == PARAMETER else part for index, part in enumerate(path, 1))


def http_parts(manifest: Mapping[str, Any], groups: Sequence[FunctionGroup], name: Naming) -> list[Part]:
    """The API with its stage, integrations and routes, and each function's permission to be called by it."""
    default = default_group(groups, name.app)
    if default is None:
        return []
    by_id = {group.id: group for group in groups}
    keys = [
        ("$default", default.id),
        *((key, group) for key, group in route_keys(places(manifest, groups), default.id)),
    ]
    resources: dict[str, Resource] = {
        API: resource(
            "AWS::ApiGatewayV2::Api",
            {
                "Name": name.names.stack(),
                "ProtocolType": "HTTP",
                "Description": f"HTTP of {name.app} in {name.stage}",
                "Tags": name.tags(name.app),
            },
        ),
        f"{API}Stage": resource(
            "AWS::ApiGatewayV2::Stage",
            {"ApiId": {"Ref": API}, "StageName": "$default", "AutoDeploy": True, "Tags": name.tags(name.app)},
        ),
    }
    for id in dict.fromkeys(group for _, group in keys):
        base = base_id(by_id[id], name.app)
        resources[f"{base}Integration"] = resource(
            "AWS::ApiGatewayV2::Integration",
            {
                "ApiId": {"Ref": API},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": function_link(by_id[id], name),
                "PayloadFormatVersion": "2.0",
                "TimeoutInMillis": SECONDS * 1000,
            },
        )
    for key, id in keys:
        resources[route_id(key)] = resource(
            "AWS::ApiGatewayV2::Route",
            {
                "ApiId": {"Ref": API},
                "RouteKey": key,
                "Target": {"Fn::Sub": f"integrations/${{{base_id(by_id[id], name.app)}Integration}}"},
            },
        )
    found = [Part("http", name.app, resources, always_root=True)]
    return [*found, *(permission(by_id[id], name) for id in dict.fromkeys(group for _, group in keys))]


def permission(group: FunctionGroup, name: Naming) -> Part:
    """Only this API may call the function."""
    source = f"arn:{PARTITION}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Id}}/*"
    return Part(
        f"function:{group.id}",
        group.service,
        {
            f"{base_id(group, name.app)}Permission": resource(
                "AWS::Lambda::Permission",
                {
                    "FunctionName": function_link(group, name),
                    "Action": "lambda:InvokeFunction",
                    "Principal": "apigateway.amazonaws.com",
                    "SourceArn": {"Fn::Sub": [source, {"Id": Link(API)}]},
                },
            )
        },
    )


def route_id(key: str) -> str:
    """The logical id of a route: readable, and told apart by a hash where it is not only words."""
    if key == "$default":
        return f"{API}RouteDefault"
    return f"{API}Route{hashlib.sha256(key.encode()).hexdigest()[:12]}"
