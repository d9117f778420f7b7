"""Running one background handler by hand, inside the `portable dev` that holds the data folder."""

import time
from pathlib import Path
from typing import Any

from portable.adapter import Project
from portable.errors import ProjectConflict, Unavailable
from portable.invocation import Outcome

from .listening import socket_path
from .store.owner import folder_owner
from .transport import Channel

STARTING_SECONDS = 10.0
POLL_SECONDS = 0.05


def invoke(project: Project, data: Path, handler: str, payload: str) -> Outcome:  # noqa: ARG001 - the owner has its app
    """Runs `handler` once, now, beside the queue.

    Raises ProjectConflict if something else than `portable dev` holds the folder, Unavailable if it ends meanwhile.
    """
    channel = channel_to_owner(data)
    try:
        answer: dict[str, Any] = channel.call(["invoke", handler, payload])
    finally:
        channel.close()
    return Outcome(**answer)


def channel_to_owner(data: Path) -> Channel:
    """Connects to the owner of the folder, once it serves."""
    until = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < until:
        try:
            channel = Channel.connect(socket_path(data))
        except OSError:
            # It may be about to listen, or about to end.
            time.sleep(POLL_SECONDS)
            continue
        if channel.call(["status"])["ready"]:
            return channel
        channel.close()
        time.sleep(POLL_SECONDS)
    owner = folder_owner(data)
    if owner is None:
        raise Unavailable("`portable dev` has ended", hint="run the command again")
    raise ProjectConflict(
        f"process {owner.get('pid', '?')} ({owner.get('what', 'portable')}) holds {data} and serves nothing",
        hint="wait until it serves, or stop it",
    )
