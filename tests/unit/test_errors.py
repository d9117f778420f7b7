"""The error tree: codes, statuses and exit codes are a published contract."""

import portable.errors as errors
from portable.errors import Location, PortableError

TREE = {
    "InvalidArgument": ("P1001", 422, 1),
    "NotFound": ("P1002", 404, 1),
    "Conflict": ("P1003", 409, 1),
    "PermissionDenied": ("P1004", 403, 4),
    "LimitExceeded": ("P1005", 413, 1),
    "Throttled": ("P1006", 429, 5),
    "Timeout": ("P1007", 504, 5),
    "Unavailable": ("P1008", 503, 5),
    "Unknown": ("P1009", 502, 5),
    "Unsupported": ("P1010", 501, 1),
    "NotBound": ("P1011", 500, 1),
    "HTTPError": ("P1012", 500, 1),
    "TaskFailed": ("P1013", 500, 1),
    "DeclarationError": ("P2001", 500, 3),
    "LoadError": ("P2002", 500, 3),
    "ConfigurationError": ("P2003", 500, 3),
    "ProjectConflict": ("P2004", 409, 6),
    "DeployFailed": ("P2005", 500, 1),
    "DataAtRisk": ("P2006", 409, 6),
}


def test_every_error_has_its_published_code_status_and_exit_code() -> None:
    found = {
        name: (kind.code, kind.status, kind.exit_code)
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, PortableError) and kind is not PortableError
    }
    assert found == TREE


def test_an_error_carries_what_where_and_what_to_try() -> None:
    error = errors.NotFound("no such note", hint="put it first", location=Location("app.py", 3), resource="table:notes")
    assert str(error) == "no such note"
    assert error.hint == "put it first"
    assert str(error.location) == "app.py:3"
    assert error.resource == "table:notes"


def test_the_module_docstring_draws_the_tree_as_it_is() -> None:
    assert errors.__doc__ is not None
    for name, (code, status, _) in TREE.items():
        row = next(line for line in errors.__doc__.splitlines() if f" {name} " in line)
        assert code in row
        assert str(status) in row or name == "HTTPError"
