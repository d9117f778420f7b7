"""Errors of Google's own libraries by what they mean, without importing the libraries."""

import importlib
import re
from typing import Any

FORBIDDEN, ABSENT, CONFLICT, UNMET = 403, 404, 409, 412
HOST = re.compile(r"[a-z][a-z0-9-]*\.googleapis\.com", re.ASCII)


def code_of(error: BaseException) -> int:
    """The status of HTTP that an answer had; 0 of what is no answer of Google's."""
    code = getattr(error, "code", None)
    return int(code) if code is not None and type(error).__module__.startswith("google.") else 0


def is_absent(error: BaseException) -> bool:
    return code_of(error) == ABSENT


def is_refused(error: BaseException) -> bool:
    """Whether something is there already, or was changed by somebody else meanwhile."""
    return code_of(error) in (CONFLICT, UNMET)


def switched_off(error: BaseException) -> str | None:
    """The interface that a project has not enabled, by its host, if that is why something was refused.

    https://cloud.google.com/apis/docs/troubleshooting#service_disabled
    """
    said = str(error)
    if code_of(error) != FORBIDDEN or not ("SERVICE_DISABLED" in said or "has not been used in project" in said):
        return None
    named = HOST.search(said)
    return named[0] if named is not None else "serviceusage.googleapis.com"


def library(name: str) -> Any:
    """A module of Google's libraries, which are imported when they are first needed: some take half a second."""
    return importlib.import_module(name)


def exceptions() -> Any:
    return library("google.api_core.exceptions")
