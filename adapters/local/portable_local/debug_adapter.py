"""What an editor attaches to under `portable dev --debug`, and stays attached to while processes come and go.

`python -P -m portable_local.debug_adapter`, started by the supervisor: debugpy's adapter, kept in a process that lives
as long as `portable dev`, and below it the root session: a process that is debugged and runs no code of the user. An
editor attaches to the root; each process of user code connects to the adapter as one of the root's subprocesses, which
the editor is told of, and follows by itself. While it sets its breakpoints there, that process waits.

stdin: {"listener": descriptor, "token": "..."}, and its end is the end of this process. stdout, one line:
{"server": processes' port, "root": pid} or {"error": "..."}. The listener, which editors connect to, is the
supervisor's: one that connects while the adapter is started again waits. `debugpy.listen` would do nearly the same, but
its adapter cuts itself loose, so that nobody could end it in time.
"""

import importlib
import json
import os
import socket
import subprocess
import sys
import threading
from typing import Any

from .debug_connections import accept, editors, outlive, processes
from .processes import die_with_parent

HOST = "127.0.0.1"
ROOT_SECONDS = 60.0
"""For the root session's process to start, on a busy machine."""
DEBUGPY = (sys.executable, "-P", "-X", "frozen_modules=off", "-m")
"""Frozen modules have no lines to stop at, and debugpy warns of them."""


def serve(settings: dict[str, Any]) -> dict[str, Any]:
    """Starts the adapter and the root session; what the supervisor wants to know of them."""
    adapter: Any = importlib.import_module("debugpy.adapter")
    clients: Any = importlib.import_module("debugpy.adapter.clients")
    servers: Any = importlib.import_module("debugpy.adapter.servers")
    # Where DEBUGPY_LOG_DIR says, as debugpy's own adapter does.
    log: Any = importlib.import_module("debugpy.common.log")
    log.to_file(prefix="debugpy.adapter")
    # Whoever does not know it is not let in as a process to debug.
    adapter.access_token = settings["token"]
    outlive()
    servers.listener = socket.create_server((HOST, 0))
    accept(servers.listener, processes())
    server: int = servers.listener.getsockname()[1]
    told = json.dumps({"server": server, "token": settings["token"]}).encode()
    root = subprocess.Popen([*DEBUGPY, "portable_local.debug_adapter", "root"], stdin=subprocess.PIPE)
    assert root.stdin is not None
    root.stdin.write(told + b"\n")
    root.stdin.flush()

    def is_root(connection: Any) -> bool:
        return bool(connection.pid == root.pid)

    # It must be the first: an editor that names no process gets the oldest.
    found = servers.wait_for_connection("portable dev", is_root, ROOT_SECONDS)
    if found is None:
        root.kill()
        return {"error": f"debugpy did not start within {ROOT_SECONDS:.0f} seconds"}
    threading.Thread(target=end_with, args=(found,), daemon=True).start()
    clients.listener = socket.socket(fileno=settings["listener"])
    accept(clients.listener, editors())
    return {"server": server, "root": root.pid}


def end_with(root: Any) -> None:
    """Without the root nothing can be attached to, or the wrong process; the supervisor says so."""
    # Its connection, not its process: pydevd leaves when it does not understand what an editor asks.
    root.channel._parser_thread.join()
    os._exit(1)


def be_root(settings: dict[str, Any]) -> None:
    """Is debugged, and does nothing else."""
    threading.Thread(target=end_at_eof, daemon=True).start()
    debugpy: Any = importlib.import_module("debugpy")
    debugpy.configure(subProcess=False)
    debugpy.connect((HOST, settings["server"]), access_token=settings["token"])
    threading.Event().wait()


def end_at_eof() -> None:
    while os.read(0, 4096):
        continue
    os._exit(0)


def main() -> None:
    die_with_parent(os.getppid())
    settings = json.loads(sys.stdin.buffer.readline())
    if sys.argv[1:] == ["root"]:
        be_root(settings)
        return
    answer = serve(settings)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    if "error" not in answer:
        end_at_eof()
    os._exit(1)


if __name__ == "__main__":
    main()
