"""Runs one background handler of a deployed stage, by a request to its function, whose side is deliveries.py."""

import json
import time
from datetime import UTC, datetime
from typing import Any

from portable.direct import event_of
from portable.errors import DeployFailed, NotFound, PermissionDenied
from portable.invocation import Outcome

from .deploy_clients import DeployClients
from .google_errors import is_absent, switched_off
from .grouping import function_by_handler
from .names import Names
from .roles import kind_of

PATH = "/invoke"
LONGEST_INVOCATION = 910.0
"""Seconds: a handler has 900 at most."""


def invoke(clients: DeployClients, names: Names, manifest: dict[str, Any], handler: str, payload: str) -> Outcome:
    """What became of it. Raises NotFound for a handler that there is not, or is not deployed."""
    found = next((one for one in manifest["handlers"] if one["name"] == handler), None)
    if found is None or found["trigger"]["type"] == "route":
        raise NotFound(f"there is no background handler {handler!r}")
    function = function_by_handler(manifest, names)[handler]
    kind, now = kind_of(found), time.time()
    body = json.dumps({"scheduled_at": datetime.fromtimestamp(now, UTC).isoformat()}) if kind == "schedule" else payload
    url = address(clients, names, function, handler)
    with clients.function_session(url) as session:
        answer = session.post(url + PATH, json=event_of(kind, handler, body, now), timeout=LONGEST_INVOCATION)
    if answer.status_code in (401, 403):
        raise PermissionDenied(
            f"{function} does not let you in: {answer.status_code}",
            hint="it takes roles/run.invoker on the function; `portable doctor --target gcp --policy` has it",
        )
    if answer.status_code != 200:
        # The function itself failed: it could not be imported, or its time was up.
        hint = f"portable logs {handler} --target gcp --stage {names.stage}"
        raise DeployFailed(f"{function} failed: {answer.status_code} {answer.text[:500]}", hint=hint)
    return Outcome(**answer.json())


def address(clients: DeployClients, names: Names, function: str, handler: str) -> str:
    """Where Google says that the function answers."""
    try:
        found = clients.library("cloudfunctions").get_function(name=names.in_location(f"functions/{function}"))
    except Exception as error:
        # A project without the interface of functions has no functions.
        if not is_absent(error) and switched_off(error) is None:
            raise
        hint = f"portable deploy --target gcp --stage {names.stage}"
        raise NotFound(f"{handler} is not deployed in {names.stage}", hint=hint) from error
    return str(found.service_config.uri).rstrip("/")
