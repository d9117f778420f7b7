"""Every call that a handler really makes is allowed by the roles of its grants, and every role is used.

An app whose handlers use every verb runs on the test stack; what it asks of Google is recorded below the drivers, with
the handler on whose behalf it was, and judged by tests/gcp_stack/rights.py (our own: Google has no simulator) against
the policies that a deploy would write for that handler alone. What Google's services do in a function's name (calling
it, bringing it events) is listed instead.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest
from portable_gcp.clients import Clients
from portable_gcp.deliveries import Deliveries
from portable_gcp.grouping import groups_of
from portable_gcp.names import Names
from portable_gcp.rest import Call, Rest
from portable_gcp.roles import INVOKE, OBJECT_USER, OBJECT_VIEWER, RECEIVE, USER, VIEWER
from portable_gcp.running import running
from portable_gcp.translate import Stage, access, translate

from portable.deploy.functions import FunctionGroup
from tests.every_verb import app_of_every_verb
from tests.gcp_stack.rights import Asked, Need, allowed_by, needs, permissions_of
from tests.gcp_stack.services import ACCOUNT
from tests.gcp_stack.session import GcpStack, gcp_stack

__all__ = ["gcp_stack"]

BY_GOOGLE = {INVOKE, RECEIVE}
"""What Google's own services do in an account's name, and no code of ours."""
NARROWER = {USER: VIEWER, OBJECT_USER: OBJECT_VIEWER}
ROUTES = ("put", "read", "change", "objects", "send", "values")


class Made(NamedTuple):
    subject: str
    call: Asked


class Recorded:
    """Calls, with the handler on whose behalf each was; those on nobody's are the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[Made] = []
        self.now: list[str] = []
        self._services: dict[int, str] = {}
        service, send, deliver = Clients.service, Rest._send, Deliveries._deliver

        def named(clients: Clients, name: str) -> Rest:
            found = service(clients, name)
            self._services[id(found)] = name
            return found

        def sent(rest: Rest, call: Call, token: Any) -> Any:
            self._note(rest, call)
            return send(rest, call, token)

        def delivered(deliveries: Deliveries, arrival: Any, listener: Any, body: bytes) -> bool:
            with self.on_behalf_of(listener.name):
                return deliver(deliveries, arrival, listener, body)

        monkeypatch.setattr(Clients, "service", named)
        monkeypatch.setattr(Rest, "_send", sent)
        monkeypatch.setattr(Deliveries, "_deliver", delivered)

    @contextmanager
    def on_behalf_of(self, subject: str) -> Generator[None]:
        self.now.append(subject)
        try:
            yield
        finally:
            self.now.pop()

    def _note(self, rest: Rest, call: Call) -> None:
        if self.now:
            path, _, query = call.target.removeprefix(rest.endpoint.prefix).partition("?")
            asked = Asked(self._services[id(rest)], call.method, path, dict(parse_qsl(query)), call.body or b"")
            self.calls.append(Made(self.now[-1], asked))


class Given(NamedTuple):
    """What one handler alone would be given: its account, and policies by the resource's name."""

    account: str
    policies: Mapping[str, Any]

    def allowing(self, need: Need) -> tuple[str, str] | None:
        """The role that allows it, and what that was given on."""
        if need.resource.endswith(f"/{ACCOUNT}"):
            # In this process all code runs as one account.
            need = need._replace(resource=f"projects/{project_of(self.account)}/serviceAccounts/{self.account}")
        project = "/".join(need.resource.split("/")[:2])
        for name in (need.resource, project):
            role = allowed_by(need, self.account, [self.policies.get(name, {})])
            if role is not None:
                return role, name
        return None


def project_of(account: str) -> str:
    return account.partition("@")[2].partition(".")[0]


def given_to(app: Any, names: Names) -> dict[str, Given]:
    """By handler: a route is judged by itself, though all routes are one function."""
    manifest = app.manifest().to_dict()
    groups = groups_of(manifest)
    desired = translate(manifest, Stage(names.stage), names, {one.id: "k.zip" for one in groups})
    there = desired.by_id()

    def given(group: FunctionGroup) -> Given:
        account = there[f"function:{group.id}"].body["serviceConfig"]["serviceAccountEmail"]
        return Given(account, {one.name: one.body for one in access(manifest, [group], there, names)})

    return {handler: given(one._replace(handlers=(handler,))) for one in groups for handler in one.handlers}


def test_every_call_of_a_handler_is_allowed_and_every_role_is_used(
    gcp_stack: GcpStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Recorded(monkeypatch)
    app = app_of_every_verb("gcp")
    with running(app) as started:
        names = started._names
        started.set_value("secret", "key", "value")
        started.set_value("param", "limit", "7")

        def post(name: str) -> None:
            with recorded.on_behalf_of(name):
                answer = started.request("POST", f"/{name}")
            assert answer.status in (200, 204), (name, answer.body)

        for name in ROUTES:
            post(name)
        started.fire("sweep")
        for _ in range(3):
            # The first attempts, those after their waits, and what follows from them.
            started.drain()
            started.advance(10)
        post("letters")
        for _ in range(3):
            started.drain()
            started.advance(10)
        for name in ("discard", "heard", "runs"):
            post(name)
    given = given_to(app, names)
    assert {made.subject for made in recorded.calls} == set(given)
    probes = sorted({(made.subject, need) for made in recorded.calls for need in needs(made.call)})
    refused = [(subject, need) for subject, need in probes if given[subject].allowing(need) is None]
    assert refused == []

    used: dict[tuple[str, str, str], set[str]] = {}
    for subject, need in probes:
        role, on = given[subject].allowing(need) or ("", "")
        used.setdefault((subject, role, on), set()).add(need.permission)
    roles = [
        (subject, binding["role"], name)
        for subject, one in given.items()
        for name, policy in one.policies.items()
        for binding in policy["bindings"]
        if f"serviceAccount:{one.account}" in binding["members"] and binding["role"] not in BY_GOOGLE
    ]
    unused = sorted(
        (subject, role, kind_of(name)) for subject, role, name in roles if (subject, role, name) not in used
    )
    assert unused == sorted(UNUSED)
    wider = sorted(
        (subject, role, kind_of(name))
        for (subject, role, name), permissions in used.items()
        if role in NARROWER and permissions <= permissions_of(NARROWER[role])
    )
    assert wider == []


UNUSED: dict[tuple[str, str, str], str] = {}
"""Roles that no call of this app used, and when they are."""


def kind_of(name: str) -> str:
    """Of a resource: `topics`, `queues`, and "project" for the project itself."""
    parts = name.split("/")
    return parts[-2] if len(parts) > 2 else "project"
