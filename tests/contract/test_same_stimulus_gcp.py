"""One stimulus, two platforms: what Google's services tell and the local event give equal Invocations and Requests.

A stimulus is said once, as a user's code or a client says it. Locally it is done to the running app; for Google it is
done to an app on the test stack, whose services tell of it in their documented forms. Left out of the comparison, and
nothing else: ids of deliveries, traces, and times and versions that a platform makes.
"""

from typing import Any

import pytest
from portable_gcp.http_front import environ_of
from portable_gcp.http_requests import request_of

from portable.adapter import find_adapter
from portable.http import Request
from portable.invocation import Invocation
from tests.aws.lambdas import Called, an_app
from tests.contract.test_same_stimulus import REQUESTS, STIMULI, comparable, local_invocation
from tests.gcp_stack.session import GcpStack, gcp_stack

__all__ = ["gcp_stack"]


def google_invocation(stimulus: str) -> Invocation:
    """What the gateway makes of what Google's services send."""
    app = an_app(Called(), ("gcp",))
    seen: list[Invocation] = []
    with find_adapter("gcp").running(app) as running:
        if stimulus == "deleted":
            STIMULI["changed"](app, running)
            running.drain()
        dispatcher: Any = running.dispatcher  # type: ignore[attr-defined]
        original = dispatcher.invoke

        def invoke(invocation: Invocation) -> Any:
            seen.append(invocation)
            return original(invocation)

        dispatcher.invoke = invoke
        STIMULI[stimulus](app, running)
        running.drain()
    assert len(seen) == 1
    return seen[0]


@pytest.mark.parametrize("stimulus", STIMULI)
def test_what_google_tells_and_the_local_event_are_equal_invocations(gcp_stack: GcpStack, stimulus: str) -> None:
    local, google = local_invocation(stimulus), google_invocation(stimulus)
    assert comparable(google) == comparable(local)
    if stimulus in ("work", "heard"):
        assert google.body == local.body


ADDED = {"host", "x-forwarded-for", "x-forwarded-proto", "content-length"}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_request_of_cloud_run_and_the_local_one_are_equal(name: str) -> None:
    method, target, headers, body = REQUESTS[name]
    path, _, query = target.partition("?")
    local = Request(method, path, query_string=query, headers=headers, body=body, client="127.0.0.1")
    google, _ = request_of(environ_of(method, target, headers, body, "app-1.europe-west1.run.app"), 10_000)
    for field in ("method", "path", "query_string", "body", "client", "query", "cookies"):
        assert getattr(google, field) == getattr(local, field), field
    added = [item for item in google.headers.items() if item not in local.headers.items()]
    assert {key for key, _ in added} <= ADDED
