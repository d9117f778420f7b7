"""What an editor attaches to under `portable dev --debug`, and stays attached to while processes come and go.

`python -P -m portable_local.debug_adapter`, started by the supervisor: debugpy's adapter, kept in a process that lives
as long as `portable dev`, and below it the root session: a process that is debugged and runs no code of the user. An
editor attaches to the root; each process of user code connects to the adapter as one of the root's subprocesses, which
the editor is told of, and follows by itself. While it sets its breakpoints there, that process waits.

stdin: {"ports": [...], "token": "..."}, and its end is the end of this process. stdout, one line:
{"port": editors', "server": processes', "root": pid} or {"error": "..."}. `debugpy.listen` would do nearly the same,
but its adapter cuts itself loose, so that nobody could end it in time.
"""

import errno
import importlib
import json
import os
import socket
import subprocess
import sys
import threading
from typing import Any

from .processes import die_with_parent

HOST = "127.0.0.1"
ROOT_SECONDS = 60.0
"""For the root session's process to start, on a busy machine."""
UNSENT = -1
"""The number of a message that nobody got."""
DEBUGPY = (sys.executable, "-P", "-X", "frozen_modules=off", "-m")
"""Frozen modules have no lines to stop at, and debugpy warns of them."""


def listen(clients: Any, ports: list[int]) -> int:
    """Lets editors connect to the first port that is free; 0 is any. Raises OSError if none is."""
    for port in ports:
        try:
            # debugpy shouts when a port is taken, so it is asked for those only that are not.
            with socket.create_server((HOST, port)):
                pass
            return accept(clients, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or port == ports[-1]:
                raise
    raise AssertionError("at least one port is given")


def accept(clients: Any, port: int) -> int:
    """Lets editors connect to `port`, as `clients.serve` does, whose thread ends with the first that cannot be served.

    One that connects in the moment in which another's connection is lost is such a one.
    """
    sockets: Any = importlib.import_module("debugpy.common.sockets")
    log: Any = importlib.import_module("debugpy.common.log")

    def connected(connection: socket.socket) -> None:
        try:
            clients.Client(connection)
        except Exception:
            log.swallow_exception("an editor's connection:", level="info")

    clients.listener = sockets.serve("Client", connected, HOST, port)
    return int(sockets.get_address(clients.listener)[1])


def outlive_editors() -> None:
    """Drops an answer that nobody waits for any more, at which debugpy's adapter ends itself.

    An editor is gone before its answer when it crashes, or when it closes as soon as it hears `terminated`.
    """
    messaging: Any = importlib.import_module("debugpy.common.messaging")
    log: Any = importlib.import_module("debugpy.common.log")
    respond = messaging.Request.respond

    def answer(request: Any, body: Any) -> None:
        if request.response is not None and request.response.seq == UNSENT:
            # The handler failed at the lost answer, and this tells of that.
            return
        try:
            respond(request, body)
        except messaging.JsonIOError:
            log.swallow_exception("an answer came too late:", level="info")
            request.response = messaging.Response(request.channel, UNSENT, request, {} if body is None else body)

    messaging.Request.respond = answer


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
    outlive_editors()
    _, server = servers.serve(HOST, 0)
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
    try:
        port = listen(clients, settings["ports"])
    except OSError as error:
        root.kill()
        return {"error": error.strerror or str(error), "busy": error.errno == errno.EADDRINUSE}
    threading.Thread(target=end_with, args=(root,), daemon=True).start()
    return {"port": port, "server": server, "root": root.pid}


def end_with(root: "subprocess.Popen[bytes]") -> None:
    """Without the root nothing can be attached to; the supervisor says so."""
    root.wait()
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
