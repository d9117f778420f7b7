"""Where the local runtime listens: a TCP port for the app, a Unix socket for its own processes."""

import errno
import hashlib
import os
import socket
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from portable.errors import ConfigurationError, ProjectConflict

DEFAULT_PORT = 8000
CONSOLE_PORT = 8001
DEBUG_PORT = 5678
"""debugpy's, which the configurations of editors name."""
DEFAULT_TRIES = 20
PATIENCE = 1.0
"""Seconds for processes of a killed predecessor to let go of a port."""
SOCKET_NAME = "run.sock"
RECORDS_NAME = "records.sock"
LONGEST_SOCKET_PATH = 100
"""sockaddr_un holds 104 bytes on macOS, 108 on Linux, and a final zero."""


class PortTaken(ProjectConflict):
    """Somebody else listens on the port that was asked for."""

    exit_code = 1


def listen(host: str, port: int | None) -> tuple[socket.socket, bool]:
    """A listening socket, and whether the default port was busy. A port that was named must be free.

    Raises PortTaken, ConfigurationError for a host that is not this machine's.
    """
    return listen_at(host, port, DEFAULT_PORT, "choose another with --port, or leave it out to get the next free one")


def listen_for_editors(port: int | None) -> tuple[socket.socket, bool]:
    """As `listen`, where an editor attaches: on this machine alone, since whoever connects runs code."""
    hint = "choose another with --debug PORT, or leave the port out to get the next free one"
    return listen_at("127.0.0.1", port, DEBUG_PORT, hint)


def listen_at(host: str, port: int | None, default: int, hint: str) -> tuple[socket.socket, bool]:
    if port is not None:
        try:
            return patiently(host, port), False
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        raise PortTaken(f"port {port} is in use by another program", hint=hint)
    for number in range(default, default + DEFAULT_TRIES):
        try:
            return bound(host, number), number != default
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return bound(host, 0), True


def listen_for_console(port: int | None) -> tuple[list[socket.socket], bool]:
    """Sockets at one port of 127.0.0.1 and, where there is one, of ::1; whether the default port was busy.

    Both, so that `localhost` is the console whichever of them a browser takes. Raises PortTaken.
    """
    if port:
        try:
            return console_sockets(port, patiently), False
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        raise PortTaken(
            f"port {port} is in use by another program",
            hint="choose another with --console-port, or leave it out to get the next free one",
        )
    default = range(CONSOLE_PORT, CONSOLE_PORT + DEFAULT_TRIES) if port is None else ()
    for number in (*default, *[0] * DEFAULT_TRIES):
        try:
            return console_sockets(number, bound), port is None and number != CONSOLE_PORT
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise PortTaken("no port is free for the console", hint="choose one with --console-port")


def console_sockets(port: int, bind: Callable[[str, int], socket.socket]) -> list[socket.socket]:
    """Raises OSError."""
    first = bind("127.0.0.1", port)
    try:
        return [first, bind("::1", first.getsockname()[1])]
    except ConfigurationError:
        return [first]  # a machine without IPv6
    except OSError as error:
        if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
            return [first]
        first.close()
        raise
    except BaseException:
        first.close()
        raise


def is_loopback(host: str) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")


def patiently(host: str, port: int) -> socket.socket:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return bound(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise
        time.sleep(0.05)


def bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except socket.gaierror as error:
            raise ConfigurationError(
                f"{host} is no address of this machine", hint="127.0.0.1, or leave it out"
            ) from error
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EACCES):
                raise ConfigurationError(f"{host}:{port} cannot be listened on: {error.strerror}") from error
            raise
        listening.listen(1024)
        listening.setblocking(False)
        listening.set_inheritable(True)
    except BaseException:
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def records_path(data: Path) -> str:
    """Where the console's process takes records."""
    return socket_path(data, RECORDS_NAME)


def socket_path(data: Path, name: str = SOCKET_NAME) -> str:
    """Where the owner of a data folder listens: in the folder, or where a long path is not too long, by its hash."""
    near = str(data / name)
    if len(os.fsencode(near)) <= LONGEST_SOCKET_PATH:
        return near
    digest = hashlib.blake2b(os.fsencode(os.path.realpath(data)), digest_size=8).hexdigest()
    folder = os.path.join(tempfile.gettempdir(), f"portable-{os.getuid()}")
    return os.path.join(folder, f"{digest}.{name.replace(SOCKET_NAME, 'sock')}")


def listen_locally(path: str) -> socket.socket:
    """The owner's Unix socket, for this user only. The caller holds the data folder. Raises ConfigurationError."""
    folder = os.path.dirname(path)
    if os.path.basename(folder) == f"portable-{os.getuid()}":
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise ConfigurationError(f"{folder} is not a private folder of this user", hint="remove it")
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(path)
    finally:
        os.umask(before)
    listening.listen(256)
    listening.setblocking(False)
    return listening
