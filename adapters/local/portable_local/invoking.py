"""One handler, run now by a command, while no `portable dev` holds the data folder."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portable.adapter import Project
from portable.errors import ConfigurationError, LoadError, Location, NotFound
from portable.invocation import Invocation, InvocationKind, Outcome

KINDS: dict[str, Any] = {"delivery": "", "schedule": "schedule", "bucket": "bucket", "table": "table"}


def invoke_alone(project: Project, data: Path, handler: str, payload: str) -> Outcome:
    """Runs the handler in a process of its own, so that the app's modules and output stay out of this one.

    The caller holds the folder's lock. Raises LoadError for an app that does not load.
    """
    request = json.dumps([str(project.root), project.module, project.attribute, str(data), handler, payload])
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "portable_local.invoking", str(writing)],
            stdin=subprocess.PIPE,
            stdout=sys.stderr.fileno(),
            cwd=project.root,
            pass_fds=(writing,),
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as answers, process:
        assert process.stdin is not None
        process.stdin.write(request.encode("utf-8", "surrogatepass"))
        process.stdin.close()
        text = answers.read()
        code = process.wait()
    if not text:
        raise ConfigurationError(f"{handler} ended its process with exit code {code} before it had answered")
    answer = json.loads(text)
    if "fault" in answer:
        fault = answer["fault"]
        where = Location(**fault["location"]) if fault["location"] else None
        raise LoadError(fault["message"], hint=fault["hint"], location=where)
    return Outcome(**answer["outcome"])


def invocation_of(manifest: dict[str, Any], handler: str, payload: str, now: float) -> Invocation:
    """What `payload` means for the handler. Raises NotFound for a handler that there is not."""
    found = next((entry for entry in manifest["handlers"] if entry["name"] == handler), None)
    if found is None or found["trigger"]["type"] == "route":
        raise NotFound(f"there is no background handler {handler!r}")
    trigger = found["trigger"]
    kind: InvocationKind = KINDS[trigger["type"]] or trigger["kind"]
    is_scheduled = kind == "schedule"
    return Invocation(
        id=os.urandom(16).hex(),
        kind=kind,
        handler=handler,
        body=json.dumps({"scheduled_at": datetime.fromtimestamp(now, UTC).isoformat()}) if is_scheduled else payload,
        attempt=1,
        enqueued_at=now,
        deadline=now + found["timeout"],
        traceparent="",
        attributes={},
        scheduled_at=now if is_scheduled else None,
    )


def answer_of(request: list[str]) -> dict[str, Any]:
    """In the process of its own: `{"outcome": ...}` or `{"fault": ...}`."""
    root, module, attribute, folder, handler, payload = request
    from portable.cli.loading import load

    loaded = load(root, module, attribute, "wiring")
    if "faults" in loaded:
        return {"fault": loaded["faults"][0]}
    from portable.dispatch import Dispatcher

    from .runtime import bind
    from .store.access import LocalStore
    from .store.engine import Engine
    from .translate import translate

    app = getattr(sys.modules[module], attribute)
    engine = Engine(Path(folder))
    store = LocalStore(engine)
    try:
        store.call("bind", {"wiring": translate(loaded["manifest"])})
        dispatcher = Dispatcher(app, bind(app, store), dev=True)
        try:
            invocation = invocation_of(loaded["manifest"], handler, payload, store.clock.now())
            return {"outcome": dispatcher.invoke(invocation)._asdict()}
        finally:
            dispatcher.close()
    finally:
        store.close()
        engine.close()


def main() -> None:
    """The process of its own: the request on stdin, the answer on the descriptor that is named."""
    writing = int(sys.argv[1])
    request = json.loads(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"))
    answer = answer_of(request)
    with os.fdopen(writing, "wb") as answers:
        answers.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
