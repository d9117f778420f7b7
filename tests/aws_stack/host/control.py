"""What tests may tell LocalStack beyond AWS's interfaces, below /_portable of its own port."""

import json
from typing import Any

from . import clocks, recorder, schedules
from .in_flight import IN_FLIGHT


def install() -> None:
    from localstack.services.edge import ROUTER

    actions = {"clock": set_clock, "settle": settle, "forget": forget, "calls": recorder.calls}
    for name, action in actions.items():
        ROUTER.add(f"/_portable/{name}", as_endpoint(action), methods=["POST"])


def as_endpoint(action: Any) -> Any:
    from localstack.http import Response

    def endpoint(request: Any, **_: Any) -> Any:
        answer = action(**json.loads(request.get_data() or b"{}"))
        return Response(json.dumps(answer), mimetype="application/json")

    return endpoint


def set_clock(account: str, now: float) -> dict[str, Any]:
    """Moves an account's clock on to `now`: what is due is visible, the schedules on the way have fired."""
    before = clocks.CLOCKS.known(account)
    fired = 0 if before is None else schedules.fire_between(account, before, now)
    clocks.CLOCKS.set(account, now)
    clocks.update_queues(account)
    return {"fired": fired}


def settle() -> dict[str, Any]:
    """Answers when everything that was accepted has arrived."""
    return {"settled": IN_FLIGHT.wait()}


def forget(account: str) -> dict[str, Any]:
    """The account goes by the machine's clock again."""
    clocks.CLOCKS.forget(account)
    return {}
