"""Errors of Google's own libraries by what they mean, without importing the libraries."""

import importlib
from typing import Any

ABSENT, CONFLICT, UNMET = 404, 409, 412


def code_of(error: BaseException) -> int:
    """The status of HTTP that an answer had; 0 of what is no answer of Google's."""
    code = getattr(error, "code", None)
    return int(code) if code is not None and type(error).__module__.startswith("google.") else 0


def is_absent(error: BaseException) -> bool:
    return code_of(error) == ABSENT


def is_refused(error: BaseException) -> bool:
    """Whether something is there already, or was changed by somebody else meanwhile."""
    return code_of(error) in (CONFLICT, UNMET)


def library(name: str) -> Any:
    """A module of Google's libraries, which are imported when they are first needed: some take half a second."""
    return importlib.import_module(name)


def exceptions() -> Any:
    return library("google.api_core.exceptions")
