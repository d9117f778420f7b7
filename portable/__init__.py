"""portable: one Python app on a laptop, AWS, Google Cloud or Azure.

This is the face: everything an app imports. Importing it loads nothing heavy; a test lists what is forbidden.
"""

from .app import App, Service
from .binding import Grant
from .buckets import Bucket, Object, ObjectEvent
from .config import Param, Secret
from .context import Context
from .drivers import SignedRequest
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
