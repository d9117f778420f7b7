"""Remembers every call of AWS that a deployed function really made: what a role was used for is what it must allow.

Calls that have no role of a function (the tests' own, LocalStack's own) are left out.
"""

import json
from collections import deque
from typing import Any

MOST_CALLS = 20_000
"""Remembered of each account; what is older goes."""
CALLS: dict[str, deque[dict[str, Any]]] = {}


def install() -> None:
    from localstack.aws import handlers
    from localstack.utils.aws.request_context import extract_access_key_id_from_auth_header

    roles: dict[str, str | None] = {}

    def record(chain: Any, context: Any, response: Any) -> None:
        if context.operation is None or context.is_internal_call:
            return
        key = extract_access_key_id_from_auth_header(context.request.headers)
        # The keys of tests are numbers of accounts.
        if key is None or key.isdecimal():
            return
        if key not in roles:
            roles[key] = role_of(key)
        role = roles[key]
        if role is not None:
            call = {
                "role": role,
                "service": context.service.service_name,
                "operation": context.operation.name,
                # What was not given is None there.
                "parameters": {key: value for key, value in context.service_request.items() if value is not None},
                "status": response.status_code,
            }
            account = role.split(":")[4]
            CALLS.setdefault(account, deque(maxlen=MOST_CALLS)).append(json.loads(json.dumps(call, default=str)))

    handlers.run_custom_response_handlers.append(record)


def calls(account: str) -> dict[str, Any]:
    """What the functions of an account have called so far."""
    return {"calls": list(CALLS.get(account, ()))}


def role_of(key: str) -> str | None:
    """The role that a temporary access key was made for."""
    from moto.sts.models import sts_backends

    for account in list(sts_backends.values()):
        for backend in account.values():
            for assumed in backend.assumed_roles:
                if assumed.access_key_id == key:
                    return str(assumed.role_arn)
    return None
