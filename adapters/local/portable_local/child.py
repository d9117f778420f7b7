"""A process that runs user code: imports the app, binds it, then serves HTTP or works off deliveries.

It says hello to the supervisor on a channel of its own. `["hello", number, role]`, then `["ready", {...}]` or
`["failed", {...}]`; the answer to "ready" is "go" or "stop".
"""

import asyncio
import atexit
import concurrent.futures
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from portable.app import App
from portable.binding import Binding
from portable.capabilities import profile_for
from portable.dispatch import Dispatcher
from portable.errors import PortableError

from . import breakpoints
from .modules import installed_modules, sources_first
from .processes import die_with_parent
from .transport import Channel

if TYPE_CHECKING:
    from .remote import RemoteStore

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class UserFormatter(logging.Formatter):
    """Shows tracebacks as far as they are the user's: neither portable's frames nor those that lead from it to them."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        from portable.cli.loading import user_trace

        folders = {os.path.dirname(module.__file__ or "") + os.sep for module in (asyncio, concurrent.futures)}
        error: BaseException | None = ei[1]
        return super().formatException(ei) if error is None else user_trace(error, tuple(folders)).rstrip()


class Loaded(NamedTuple):
    """An app that is ready to be called."""

    store: "RemoteStore"
    dispatcher: Dispatcher
    manifest: dict[str, Any]


class Failed(Exception):
    """The app cannot be loaded; `answer` is what `portable.cli.loading.load` says about it."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__("the app cannot be loaded")
        self.answer = answer


def live(settings: dict[str, Any]) -> None:
    """The whole life of a child; ends the process."""
    code = 1
    try:
        code = run(settings)
    except (BrokenPipeError, ConnectionError):
        code = 1  # the supervisor is gone, and whoever ended it has said so
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        logging.getLogger("portable.local").exception("a process of the local runtime failed")
    # Threads that still run a handler must not hold the process up; what the app registered runs.
    try:
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                code = code or 1
        os._exit(code)


def run(settings: dict[str, Any]) -> int:
    sources = prepare(settings)
    known = set(sys.modules)
    channel = Channel.connect(settings["socket"])
    channel.send(["hello", settings["child"], settings["role"]])
    breakpoints.prepare(settings, channel)
    started = time.monotonic()
    try:
        loaded = load(settings)
    except Failed as failure:
        channel.call(["failed", failure.answer])
        return 3
    imported = time.monotonic() - started
    if settings["role"] == "http":
        from .http_child import serve

        described = {
            "manifest": loaded.manifest,
            "modules": installed_modules(known),
            "folders": foreign_folders(settings["root"], known),
            "sources": sources,
            "seconds": imported,
        }
        return serve(settings, channel, loaded, described)
    from .worker import work

    channel.send(["ready", {}])
    answer, pool = channel.receive_handed()
    if answer != "go" or pool is None:
        return 0
    return work(channel, loaded.dispatcher, pool)


def prepare(settings: dict[str, Any]) -> dict[str, str]:
    """Makes this process what a program of the user expects; the record of those of its modules that are imported."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.argv = [settings["module"]]
    # What a handler prints is seen at once, and survives a kill.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stderr)
    logging.getLogger().handlers[0].setFormatter(UserFormatter(LOG_FORMAT))
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    return sources_first(settings["root"], settings["cache"], settings["sources"])


def load(settings: dict[str, Any]) -> Loaded:
    """Imports and binds the app. Raises Failed with all that is wrong."""
    from portable.cli.loading import failed, load, user_trace
    from portable.cli.project import portable_error_fault

    answer = load(settings["root"], settings["module"], settings["attribute"], "wiring")
    # `load` puts the folder first once more.
    sys.path.remove(settings["root"])
    if "faults" in answer:
        raise Failed(answer)
    app: App = getattr(sys.modules[settings["module"]], settings["attribute"])
    try:
        store, binding = bind(app, settings)
        if settings["role"] == "http":
            from .http_child import TimedDispatcher

            return Loaded(store, TimedDispatcher(app, binding, dev=True), answer["manifest"])
        return Loaded(store, Dispatcher(app, binding, dev=True), answer["manifest"])
    except PortableError as error:
        raise Failed(failed([portable_error_fault(error)], user_trace(error))) from error


def bind(app: App, settings: dict[str, Any]) -> "tuple[RemoteStore, Binding]":
    """Attaches the app to the store of the data folder."""
    from .recording import recorder_of
    from .remote import RemoteStore
    from .runtime import bind as bind_to

    store = RemoteStore(Path(settings["data"]), settings["socket"], settings["base_url"])
    profile = profile_for(settings["profile"], app.targets, settings["limits"])
    return store, bind_to(app, store, profile, recorder=recorder_of(settings))


def foreign_folders(root: str, known: set[str]) -> list[str]:
    """Folders outside the project whose modules the app imports though they are not installed: watched too.

    `known` are the modules that were there before the app: installed ones, and ours.
    """
    from .modules import OURS, is_installed

    home = os.path.realpath(root) + os.sep
    found: set[str] = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name in known or not isinstance(file, str) or name.partition(".")[0] in OURS:
            continue
        real = os.path.realpath(file)
        if not real.startswith(home) and not is_installed(real):
            found.add(os.path.dirname(real))
    return sorted(found)


def main() -> None:
    settings = json.loads(sys.argv[1])
    die_with_parent(os.getppid())
    live(settings)


if __name__ == "__main__":
    main()
