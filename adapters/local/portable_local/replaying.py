"""One recorded invocation, run again in a process of its own that has the terminal, and maybe a debugger.

Against the data of the project: by this process's own store when nobody holds the folder, else as the processes of
`portable dev` do it, which holds it. Or against empty data into which goes what the invocation had read (`isolated`),
beside the project's params and secrets.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from portable.adapter import Project, ReplayOptions
from portable.errors import ConfigurationError, LoadError, Location, ProjectConflict

from .debug_adapter import DEBUGPY, HOST
from .processes import describe_exit


def replay(project: Project, data: Path, options: ReplayOptions) -> dict[str, Any]:
    """The invocation that came of it, as portable.replay.invocation_json has it.

    Raises LoadError for an app that does not load, ConfigurationError if its process ends before it has answered.
    """
    with ExitStack() as stack:
        request: dict[str, Any] = {
            "root": str(project.root),
            "module": project.module,
            "attribute": project.attribute,
            "data": str(data),
            "invocation": options.invocation,
            "state": options.state,
            "socket": None,
            "base_url": "http://localhost",
            "debugger": None,
        }
        if options.state is None:
            enter_data(stack, data, request)
        if options.debug:
            from .debugger import Debugger

            debugger = Debugger(options.debug_port)
            stack.callback(debugger.close)
            request["debugger"] = debugger.place
            options.say(f"the debugger listens on {HOST}:{debugger.port}; attach an editor, and it goes on")
        return run(project, request, debug=options.debug)


def enter_data(stack: ExitStack, data: Path, request: dict[str, Any]) -> None:
    """Takes the folder, or finds who has it."""
    from .store.owner import hold_folder

    try:
        stack.enter_context(hold_folder(data, "portable replay"))
    except ProjectConflict:
        from .invoke import channel_to_owner
        from .listening import socket_path

        channel = channel_to_owner(data)
        try:
            request["base_url"] = channel.call(["status"])["api"]
        finally:
            channel.close()
        request["socket"] = str(socket_path(data))


def run(project: Project, request: dict[str, Any], *, debug: bool) -> dict[str, Any]:
    python = DEBUGPY if debug else (sys.executable, "-P", "-m")
    asked, asking = os.pipe()
    answers, answering = os.pipe()
    try:
        process = subprocess.Popen(
            [*python, "portable_local.replaying", str(asked), str(answering)],
            # The terminal is its own, for `breakpoint()`; what it prints is talk.
            stdout=sys.stderr.fileno(),
            cwd=project.root,
            pass_fds=(asked, answering),
        )
    except BaseException:
        os.close(asking)
        os.close(answers)
        raise
    finally:
        os.close(asked)
        os.close(answering)
    try:
        with os.fdopen(asking, "wb") as questions:
            questions.write(json.dumps(request).encode("utf-8", "surrogatepass"))
        with os.fdopen(answers, "rb") as stream:
            text = stream.read()
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if not text:
        how = describe_exit(-code if code < 0 else code << 8)
        raise ConfigurationError(f"the replay's process ended before it had answered: {how}")
    answer = json.loads(text)
    if "fault" in answer:
        fault = answer["fault"]
        where = Location(**fault["location"]) if fault["location"] else None
        raise LoadError(fault["message"], hint=fault["hint"], location=where)
    return cast("dict[str, Any]", answer["invocation"])


# In the process of its own


class Collecting:
    """A Recorder that keeps what it is told."""

    payloads = True
    spans = True

    def __init__(self) -> None:
        self.invocations: list[Any] = []
        self.calls: list[Any] = []

    def skips(self, *_: object) -> bool:
        return False

    def invocation(self, record: Any, /) -> None:
        self.invocations.append(record)

    def call(self, record: Any, /) -> None:
        self.calls.append(record)

    def log(self, record: Any, /) -> None:
        """Logs are seen in the terminal."""


def answer_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """`{"invocation": ...}` or `{"fault": ...}`."""
    if request["debugger"] is not None:
        from .breakpoints import EditorHook, connect

        connect(request["debugger"])
        sys.breakpointhook = EditorHook(request["debugger"]["port"])
    elif not (sys.stdin.isatty() and sys.stdout.isatty()) and not os.environ.get("PYTHONBREAKPOINT"):
        sys.breakpointhook = no_terminal
    from portable.cli.loading import load

    loaded = load(request["root"], request["module"], request["attribute"], "wiring")
    if "faults" in loaded:
        return {"fault": loaded["faults"][0]}
    app: Any = getattr(sys.modules[request["module"]], request["attribute"])
    with ExitStack() as stack:
        store = open_store(stack, request, loaded["manifest"])
        return {"invocation": invoke(app, store, loaded["manifest"], request)}


def no_terminal(*_: Any, **__: Any) -> None:
    from .breakpoints import say_once

    say_once(sys._getframe(1), "there is no terminal here to ask in; --debug stops an attached editor")


def open_store(stack: ExitStack, request: Mapping[str, Any], manifest: Mapping[str, Any]) -> Any:
    """Where the app's data is."""
    from .store.access import LocalStore
    from .store.engine import Engine
    from .translate import translate

    data = Path(request["data"])
    if request["socket"] is not None:
        from .remote import RemoteStore

        remote = RemoteStore(data, request["socket"], request["base_url"])
        stack.callback(remote.close)
        return remote
    engine = Engine(data if request["state"] is None else None)
    stack.callback(engine.close)
    store = LocalStore(engine)
    stack.callback(store.close)
    store.call("bind", {"wiring": translate(cast("dict[str, Any]", manifest))})
    if request["state"] is not None:
        copy_values(data, store.folder, request["state"]["params"])
    return store


def copy_values(data: Path, folder: Path, params: Mapping[str, str]) -> None:
    """The project's secrets and params go along; params as they were when it was recorded."""
    from .values import read_values, write_value

    for name, value in read_values(data, "secret").items():
        write_value(folder, "secret", name, value)
    for name, value in {**read_values(data, "param"), **params}.items():
        write_value(folder, "param", name, value)


def invoke(app: Any, store: Any, manifest: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Runs it, with a Recorder, without any limit of time."""
    from portable.dispatch import Dispatcher
    from portable.replay import invocation_json

    from .runtime import bind

    recorder = Collecting()
    binding = bind(app, store, recorder=recorder)
    if request["state"] is not None:
        put_back(app, store, request["state"]["items"])
        recorder.calls.clear()
    dispatcher = Dispatcher(app, binding, dev=True)
    came = request["invocation"]
    try:
        if request["debugger"] is not None:
            stop_in(app, came["handler"])
        if came["kind"] == "http":
            dispatcher.http(request_of(came))
        else:
            dispatcher.invoke(invocation_of(came, manifest, time.time()))
    finally:
        dispatcher.close()
    record = recorder.invocations[-1]
    return invocation_json(record, [call for call in recorder.calls if call.parent_id == record.span_id])


def put_back(app: Any, store: Any, items: list[dict[str, Any]]) -> None:
    """What had been read, into empty tables; no index lags behind it."""
    from portable.documents import decode
    from portable.drivers import StoredItem

    tables = {
        resource.id: resource
        for part in app.parts()
        for (kind, _), resource in part.resources.items()
        if kind == "table"
    }
    for item in items:
        table = tables.get(f"table:{item['table']}")
        if table is None:
            raise ConfigurationError(
                f"the replay file has items of a table {item['table']!r}, which the app does not have",
                hint=f"it has: {', '.join(sorted(tables)) or 'none'}",
            )
        document = decode(json.dumps(item["item"]))
        table.put(table._items.load(StoredItem(item["pk"], item["sk"], "", document, None)))
    store.call("settle", {})


def request_of(came: Mapping[str, Any]) -> Any:
    """The HTTP request."""
    import base64

    from portable.http import Request

    sent = came["request"]
    path, _, query = sent["target"].partition("?")
    body = sent["body"].encode("utf-8", "surrogatepass")
    return Request(
        sent["method"],
        path,
        query_string=query,
        headers=[(name, value) for name, value in sent["headers"]],
        body=base64.b64decode(sent["body"]) if sent["encoding"] == "base64" else body,
        client="127.0.0.1",
        id=came["id"],
    )


def invocation_of(came: Mapping[str, Any], manifest: Mapping[str, Any], now: float) -> Any:
    """The delivery, which has its time anew."""
    from portable.invocation import Invocation

    delivery = came["delivery"]
    timeout = next((entry["timeout"] for entry in manifest["handlers"] if entry["name"] == came["handler"]), 60)
    return Invocation(
        id=came["id"],
        kind=came["kind"],
        handler=came["handler"],
        body=delivery["body"],
        attempt=came["attempt"],
        enqueued_at=delivery["enqueued_at"],
        deadline=now + timeout,
        traceparent="",
        attributes=delivery["attributes"],
        scheduled_at=delivery["scheduled_at"],
    )


def stop_in(app: Any, handler: str) -> None:
    """Waits for an editor, and sets a breakpoint at the handler's first line; the editor's own are there already."""
    import importlib

    debugpy: Any = importlib.import_module("debugpy")
    debugpy.wait_for_client()
    found = app.all_handlers().get(handler)
    if found is None:
        return
    place = first_line(found.function)
    api: Any = importlib.import_module("_pydevd_bundle.pydevd_api")
    pydevd: Any = importlib.import_module("pydevd")
    api.PyDevdAPI().add_breakpoint(
        pydevd.get_global_debugger(),
        place[0],
        "python-line",
        OWN_BREAKPOINT,
        place[1],
        None,
        "None",
        None,
        "NONE",
        None,
        False,
    )


OWN_BREAKPOINT = 1_000_000_007
"""Its number; the editor's count from 0."""


def first_line(function: Any) -> tuple[str, int]:
    """File and line of the first statement of a function that is not its docstring."""
    import inspect

    code = inspect.unwrap(function).__code__
    lines = sorted({line for _, _, line in code.co_lines() if line is not None and line > code.co_firstlineno})
    return code.co_filename, lines[0] if lines else code.co_firstlineno


def main() -> None:
    """The process of its own: the request on one descriptor, the answer on another."""
    import logging

    from .child import LOG_FORMAT, UserFormatter
    from .processes import die_with_parent

    asked, answering = (int(number) for number in sys.argv[1:3])
    die_with_parent(os.getppid())
    with os.fdopen(asked, "rb") as questions:
        request = json.loads(questions.read().decode("utf-8", "surrogatepass"))
    sys.argv = [request["module"]]
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stderr)
    logging.getLogger().handlers[0].setFormatter(UserFormatter(LOG_FORMAT))
    answer = answer_of(request)
    sys.stdout.flush()
    with os.fdopen(answering, "wb") as answers:
        answers.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
