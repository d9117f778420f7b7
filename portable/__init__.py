"""portable: one Python app on a laptop, AWS, Google Cloud or Azure.

This is the face: everything an app imports. Importing it loads nothing heavy; a test lists what is forbidden.
(PYTEST_DONT_REWRITE: whoever imports it before pytest starts shall not be warned that its asserts stay as they are.)
"""

from typing import TYPE_CHECKING

from .app import App, Service
from .binding import Grant
from .context import Context
from .errors import (
    Conflict,
    DeclarationError,
    HTTPError,
    InvalidArgument,
    LimitExceeded,
    NotBound,
    NotFound,
    PermissionDenied,
    PortableError,
    TaskFailed,
    Throttled,
    Timeout,
    Unavailable,
    Unknown,
    Unsupported,
)
from .http import CORS, Headers, Request, Response, UploadFile

if TYPE_CHECKING:
    from .buckets import Bucket, Object, ObjectEvent
    from .config import Param, Secret
    from .drivers import SignedRequest
    from .idempotency import idempotent
    from .parameters import Body, Cookie, File, Form, Header, Path, Query
    from .tables import Change, Entry, Page, Table, between, eq, ge, gt, le, lt, prefix
    from .tasks import Task, TaskRun
    from .topics import Event, Topic

__version__ = "0.1.0"

__all__ = [
    "CORS",
    "App",
    "Body",
    "Bucket",
    "Change",
    "Conflict",
    "Context",
    "Cookie",
    "DeclarationError",
    "Entry",
    "Event",
    "File",
    "Form",
    "Grant",
    "HTTPError",
    "Header",
    "Headers",
    "InvalidArgument",
    "LimitExceeded",
    "NotBound",
    "NotFound",
    "Object",
    "ObjectEvent",
    "Page",
    "Param",
    "Path",
    "PermissionDenied",
    "PortableError",
    "Query",
    "Request",
    "Response",
    "Secret",
    "Service",
    "SignedRequest",
    "Table",
    "Task",
    "TaskFailed",
    "TaskRun",
    "Throttled",
    "Timeout",
    "Topic",
    "Unavailable",
    "Unknown",
    "Unsupported",
    "UploadFile",
    "between",
    "eq",
    "ge",
    "gt",
    "idempotent",
    "le",
    "lt",
    "prefix",
]

if not TYPE_CHECKING:
    # What not every app uses is imported when it is first asked for (PEP 562).
    _HOMES = {
        "Bucket": "buckets",
        "Object": "buckets",
        "ObjectEvent": "buckets",
        "Param": "config",
        "Secret": "config",
        "SignedRequest": "drivers",
        "idempotent": "idempotency",
        "Body": "parameters",
        "Cookie": "parameters",
        "File": "parameters",
        "Form": "parameters",
        "Header": "parameters",
        "Path": "parameters",
        "Query": "parameters",
        "Change": "tables",
        "Entry": "tables",
        "Page": "tables",
        "Table": "tables",
        "between": "tables",
        "eq": "tables",
        "ge": "tables",
        "gt": "tables",
        "le": "tables",
        "lt": "tables",
        "prefix": "tables",
        "Task": "tasks",
        "TaskRun": "tasks",
        "Event": "topics",
        "Topic": "topics",
    }

    def __getattr__(name):
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
        return value

    def __dir__():
        return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
