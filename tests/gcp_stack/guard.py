"""Who may do what: each call of a function is judged by the policies that were deployed, and refused as IAM refuses.

The judge is ours (rights.py). A function's token says whose it is, since its metadata server is its own; a signed URL
says who signed it. `judged` is what was asked and by which role that was allowed: for tests.
"""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from . import gcs_signatures
from .front import error
from .identity import account_of
from .rights import DOCUMENTS, Asked, Need, Unjudged, allowed_by, needs
from .server import Reply, Request, Stand

Answer = Callable[[Request], Reply]
FindPolicy = Callable[[str], Mapping[str, Any]]


class Judged(NamedTuple):
    """`role` None: it was refused."""

    account: str
    need: Need
    role: str | None


class Guard:
    """In front of the services that functions call; `services` answer what is allowed.

    `policy_of` gives the policy of a resource, by its full name; {} where it has none.
    """

    def __init__(self, services: Mapping[str, Answer], policy_of: FindPolicy) -> None:
        self._services = services
        self._policy_of = policy_of
        self._lock = threading.Lock()
        self._judged: set[Judged] = set()
        self._stands = {name: Stand(self._answering(name), f"guard-{name}") for name in DOCUMENTS}
        self.endpoints = {name: one.endpoint for name, one in self._stands.items()}

    def close(self) -> None:
        for one in self._stands.values():
            one.close()

    def judged(self, project: str) -> set[Judged]:
        """What the functions of a project asked for, each once."""
        with self._lock:
            return {one for one in self._judged if project_of(one.account) == project}

    def forget(self, project: str) -> None:
        with self._lock:
            self._judged = {one for one in self._judged if project_of(one.account) != project}

    def _answering(self, service: str) -> Answer:
        return lambda request: self._answer(service, request)

    def _answer(self, service: str, request: Request) -> Reply:
        account = caller_of(request)
        if account is None:
            return error("UNAUTHENTICATED", "Request is missing required authentication credential.")
        try:
            wanted = needs(Asked(service, request.verb, request.path, dict(request.query), request.body))
        except Unjudged as fault:
            return error("UNIMPLEMENTED", str(fault))
        judged = [Judged(account, one, self._role(account, one)) for one in wanted]
        with self._lock:
            self._judged.update(judged)
        for one in judged:
            if one.role is None:
                return refused(service, one)
        return self._services[service](request)

    def _role(self, account: str, need: Need) -> str | None:
        places = [need.resource]
        if not need.resource.startswith("projects/_/"):
            places.append("/".join(need.resource.split("/")[:2]))
        return allowed_by(need, account, (self._policy_of(one) for one in places))


def caller_of(request: Request) -> str | None:
    """By the token; else by a URL that was signed, whose signature Cloud Storage checks."""
    token = account_of(request.headers.get("authorization", ""))
    if token is None and gcs_signatures.is_signed(request):
        return dict(request.query).get("X-Goog-Credential", "").partition("/")[0] or None
    return token


def refused(service: str, judged: Judged) -> Reply:
    """https://cloud.google.com/storage/docs/json_api/v1/status-codes#403-forbidden, and https://google.aip.dev/211"""
    about = f"{judged.account} does not have {judged.need.permission} access to {judged.need.resource}."
    if service != "storage":
        return error("PERMISSION_DENIED", f"Permission denied (or it may not exist): {about}")
    inner = {"code": 403, "message": about, "errors": [{"message": about, "domain": "global", "reason": "forbidden"}]}
    return Reply(403, json.dumps({"error": inner}).encode(), (("Content-Type", "application/json"),))


def project_of(account: str) -> str:
    return account.partition("@")[2].partition(".")[0]
