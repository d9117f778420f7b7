"""What `portable dev` tells the person at the terminal: the addresses on stdout, the rest on stderr."""

import json
import os
import sys
from typing import Any

from portable.adapter import ServeOptions
from portable.cli.project import AppFailure, Fault
from portable.cli.render import Output, escape, paint
from portable.errors import Location

from .loop import Loop
from .recording import SWITCH


def app_failure(answer: dict[str, Any]) -> AppFailure:
    """What the loading process found, as the error that the command line prints."""
    faults = [
        Fault(
            fault["code"],
            fault["message"],
            fault["hint"],
            Location(fault["location"]["file"], fault["location"]["line"]) if fault["location"] else None,
        )
        for fault in answer["faults"]
    ]
    return AppFailure(faults, answer["trace"])


class Speech:
    """One `portable dev`."""

    def __init__(self, options: ServeOptions) -> None:
        self.options = options
        self.has_served = False
        self.failure: AppFailure | None = None
        self.debug_port: int | None = None
        self.console: str | None = None
        """A link to it, which works once."""

    def say(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def starting(self, *, has_moved: bool) -> None:
        if has_moved:
            self.say("port 8000 is in use, so another one is taken")
        switch = os.environ.get(SWITCH, "").lower()
        if switch == "off":
            self.say(f"nothing is recorded, as {SWITCH}=off says")
        elif switch not in ("", "on"):
            self.say(f"{SWITCH}={escape(switch)} is not known, only `off` is: what runs is recorded")
        if self.options.host not in ("127.0.0.1", "::1", "localhost"):
            self.say(f"warning: {self.options.host} lets other machines in; nothing here is protected")
            if self.options.console_exposed:
                self.say("the console is on, for this machine alone: who is let in by its link can do what you can do")

    def console_moved(self, url: str | None) -> None:
        """It is elsewhere than where people look for it, or (None) nowhere."""
        if url is None:
            self.say("the console is off, and nothing is recorded, as others are let in; --console-exposed has both")
        else:
            self.say("port 8001 is in use, so another one is taken for the console")

    def debugging(self, port: int, *, has_moved: bool) -> None:
        self.debug_port = port
        if has_moved:
            self.say("port 5678 is in use, so another one is taken for the debugger")

    def serving(self, url: str, manifest: dict[str, Any]) -> None:
        self.has_served = True
        if self.options.as_json:
            document = {
                "app": manifest["app"]["name"],
                "api": url,
                "console": self.console,
                "pid": os.getpid(),
                "data": str(self.options.data),
            }
            if self.debug_port is not None:
                document["debug"] = self.debug_port
            sys.stdout.write(json.dumps(document) + "\n")
            sys.stdout.flush()
            return
        handlers = manifest["handlers"]
        routes = sum(handler["trigger"]["type"] == "route" for handler in handlers)
        data = os.path.relpath(self.options.data)
        data = data if not data.startswith("..") else str(self.options.data)
        watched = "reloads on save" if self.options.reload else "does not reload"
        name = manifest["app"]["name"]
        parts = f"{count(routes, 'route')}, {count(len(handlers) - routes, 'background handler')}"
        sys.stdout.write(
            f"  {paint(name, 'bold', sys.stdout)} {paint(url, 'cyan', sys.stdout)}\n"
            f"  {parts}; data in {escape(data)}; {watched}; Ctrl-C ends it\n"
        )
        if self.console is not None:
            sys.stdout.write(f"  console {paint(self.console, 'cyan', sys.stdout)}\n")
        if self.debug_port is not None:
            sys.stdout.write(f"  the debugger listens on 127.0.0.1:{self.debug_port}; no time limits\n")
        sys.stdout.flush()

    def debugger_ended(self, how: str, *, starts_again: bool) -> None:
        if starts_again:
            self.say(f"the debugger ended: {how}; it is started again: attach once more after the restart")
        else:
            self.say(f"the debugger ended: {how}; the app runs on without it until `portable dev` is started again")

    def reloaded(self, edited: list[str], seconds: float) -> None:
        if not edited:
            self.say("restarted")
            return
        shown = shorter(edited[0])
        more = f" and {len(edited) - 1} more" if len(edited) > 1 else ""
        self.say(f"{paint('reloaded', 'green', sys.stderr)} {shown}{more} in {seconds * 1000:.0f} ms")

    def failed(self, answer: dict[str, Any], *, keeps_serving: bool) -> None:
        Output().fault(app_failure(answer))
        if keeps_serving:
            self.say("the last good version goes on serving; waiting for the next save")
        else:
            self.say("nothing is served yet; waiting for the next save")
            if self.console is not None:
                self.say(f"  console {paint(self.console, 'cyan', sys.stderr)}")

    def raise_failure(self, answer: dict[str, Any], loop: Loop) -> None:
        """Ends the loop with an error that the command line prints."""
        self.failure = app_failure(answer)
        loop.done = True

    def worker_ended(self, how: str) -> None:
        self.say(f"a worker process ended: {how}")

    def run_failed(self, delivery: dict[str, Any], outcome: dict[str, Any], is_last: bool) -> None:
        """An attempt of a background handler: the user's traceback, then what becomes of it."""
        trace = outcome.get("traceback")
        if trace:
            self.say(escape(trace.rstrip()))
        wait = outcome.get("retry_after") or 0.0
        then = "that was the last, it is kept as a dead letter" if is_last else f"the next one in {wait:.1f} s"
        what = f"{delivery['kind']} {delivery['handler']}, attempt {delivery['attempt']}"
        failed = paint("failed", "red", sys.stderr)
        self.say(f"{failed} {escape(what)}: {escape(outcome.get('error') or 'it does not say why')}; {then}")

    def server_ended(self, how: str) -> None:
        self.say(f"the process that serves HTTP ended: {how}; it is started again")

    def stopping(self, busy: int) -> None:
        self.say(f"stopping, after {count(busy, 'background run')}" if busy else "stopping")

    def gave_up(self, busy: int) -> None:
        if busy:
            self.say(f"{count(busy, 'background run')} did not end in time; tried again at the next start")


def count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def shorter(path: str) -> str:
    near = os.path.relpath(path)
    return escape(near if not near.startswith("..") else path)
