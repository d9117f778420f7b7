"""Runs one background handler of a deployed stage, through Lambda's Invoke; the function's side is direct.py."""

import json
import time
from datetime import UTC, datetime
from typing import Any, cast

from portable.direct import event_of
from portable.errors import DeployFailed, NotFound
from portable.invocation import Outcome

from .errors import ABSENT, error_code
from .logs import function_of


def invoke(clients: Any, manifest: dict[str, Any], stage: str, handler: str, payload: str) -> Outcome:
    """What became of it. Raises NotFound for a handler that there is not, or is not deployed."""
    found = next((one for one in manifest["handlers"] if one["name"] == handler), None)
    if found is None or found["trigger"]["type"] == "route":
        raise NotFound(f"there is no background handler {handler!r}")
    trigger = found["trigger"]
    kind = trigger["kind"] if trigger["type"] == "delivery" else trigger["type"]
    now = time.time()
    body = json.dumps({"scheduled_at": datetime.fromtimestamp(now, UTC).isoformat()}) if kind == "schedule" else payload
    function = function_of(manifest, stage, handler)
    try:
        answer = clients.lambda_.invoke(
            FunctionName=function, Payload=json.dumps(event_of(kind, handler, body, now)).encode()
        )
    except Exception as error:
        if error_code(error) in ABSENT:
            hint = f"portable deploy --target aws --stage {stage}"
            raise NotFound(f"{handler} is not deployed in {stage}", hint=hint) from error
        raise
    value: Any = json.loads(answer["Payload"].read() or b"null")
    if answer.get("FunctionError"):
        # The function itself failed: it could not be imported, or its time was up.
        text = cast("dict[str, Any]", value).get("errorMessage") if isinstance(value, dict) else value
        hint = f"portable logs {handler} --target aws --stage {stage}"
        raise DeployFailed(f"{function} failed: {text}", hint=hint)
    return Outcome(**value)
