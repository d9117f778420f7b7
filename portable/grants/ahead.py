"""Deriving grants before somebody waits for them: on a thread of its own, which lets the others go first.

The local runtime asks for the grants of an app when a handler first uses something, which after each reload would be
paid by the first request. A process that serves and has nothing to do derives them meanwhile.
"""

import logging
import threading
import time

from portable.app import App

from . import derive

__all__ = ["derive_ahead"]


def derive_ahead(app: App) -> threading.Thread:
    """Starts a thread that derives the grants of `app`, which are then kept for whoever asks; it never raises.

    It has no context variables: no handler is running in it. It does not hold the process up when that ends.
    """
    thread = threading.Thread(target=_derive, args=(app,), name="grants", daemon=True)
    thread.start()
    return thread


def _derive(app: App) -> None:
    try:
        # Between any two steps whoever has something to do gets the interpreter: a request waits for one step at most.
        derive(app, between=yield_to_others)
    except Exception:
        # Whoever needs them derives them by itself, and then says what is wrong.
        logging.getLogger("portable.grants").exception("deriving the grants of %r ahead failed", app.name)


def yield_to_others() -> None:
    time.sleep(0)
