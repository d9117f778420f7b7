"""What only a developer's machine records: requests, answers, and what servers with a loop answer.

Apart from recording.py, so that a deployed function does not carry it.
"""

from functools import partial
from time import perf_counter, time
from typing import TYPE_CHECKING, cast

from .context import Context
from .dispatch import Endpoint, Run
from .http import Request, Response
from .identifiers import NOBODY
from .invocation import Invocation, Outcome
from .recording import join
from .records import payload_of
from .telemetry import Payload

if TYPE_CHECKING:
    from .recording import Recording

BEGINS = f"00-{'0' * 32}-{NOBODY}-01"
"""In the place of what a request came with that came with nothing."""
JSON_TYPE = "application/json"


async def answered(recording: "Recording", request: Request, run: Run, header_bytes: int) -> Response | None:
    """As Dispatcher.answered, recorded; the same as Recording.http for who waits."""
    dispatcher = recording.dispatcher
    begun, started_at = perf_counter(), recording.now()
    given, found, context = BEGINS if header_bytes >= 0 else "", None, None
    try:
        found = dispatcher._admit(request, header_bytes)
        if not given:
            given = join(request)
        if type(found) is Endpoint:
            context = found.context(request.id, time() + found.timeout, request.traceparent)
            context._calls = 0
            # No function within this one: it would make each name that both have slower.
            fail = partial(failed, recording, request, found, context, given, started_at, begun)
            response = await run(found, context, fail)
            if response is None:
                return None
        else:
            response = cast("Response", found)
        response = dispatcher._finished(request, response)
    except Exception as error:
        return failed(recording, request, found, context, given or join(request), started_at, begun, error)
    seconds = perf_counter() - begun
    if not recording.skips(response, context, started_at, seconds):
        recording.keep(request, response, found, context, given, started_at, seconds, None)
    return response


def failed(
    recording: "Recording",
    request: Request,
    found: Endpoint | Response | None,
    context: Context | None,
    given: str,
    started_at: float,
    begun: float,
    error: Exception,
) -> Response:
    """The answer to a failure, which is recorded."""
    response = recording.failed(context, request, error)
    seconds = perf_counter() - begun
    if not recording.skips(response, context, started_at, seconds):
        recording.keep(request, response, found, context, given, started_at, seconds, error)
    return response


def request_payload(request: Request) -> Payload:
    items = request.headers.items()
    query = request.query_string
    target = f"{request.method} {request.path}?{query}" if query else f"{request.method} {request.path}"
    return payload_of(request.body, content_type(items), items, target)


def response_payload(response: Response) -> Payload:
    items = response.headers.items()
    return payload_of(response.body, content_type(items), items)


def delivery_payload(invocation: Invocation) -> Payload:
    """What was delivered; a topic's attributes are its headers."""
    return payload_of(invocation.body, JSON_TYPE, invocation.attributes.items())


def result_payload(outcome: Outcome) -> Payload | None:
    return None if outcome.result is None else payload_of(outcome.result, JSON_TYPE)


def content_type(items: list[tuple[str, str]]) -> str:
    for name, value in items:
        if name == "content-type":
            return value
    return ""
