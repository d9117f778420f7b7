"""`portable secret` and `portable config`: kept on this machine, checked, and secrets shown nowhere."""

import base64
import io
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Write = Callable[..., Path]
APP = """
    from portable import App, Service

    app = App("shop")
    app.param("greeting", "hello")
    app.param("limit")
    app.secret("token")
    part = Service("part")
    part.secret("token")
    app.include(part)
"""
VALUE = "s3cr3t-vàlue-0123456789"


@pytest.fixture
def shop(write: Write) -> Path:
    return write({"app.py": APP})


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What stdin holds."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_param_is_its_default_until_it_is_set_and_after_it_is_removed(command: Command, shop: Path) -> None:
    assert command("config", "get", "greeting", "--app", shop).out == "hello\n"
    assert command("config", "set", "greeting", "welcome", "--app", shop).code == 0
    found = command("config", "get", "greeting", "--app", shop, "--json").json
    assert found == {"param": "greeting", "value": "welcome", "is_default": False}
    assert command("config", "remove", "greeting", "--app", shop).code == 0
    assert command("config", "get", "greeting", "--app", shop, "--json").json["is_default"] is True


def test_a_param_without_value_and_default_is_not_found(command: Command, shop: Path) -> None:
    done = command("config", "get", "limit", "--app", shop, "--json")
    assert done.code == 1
    assert done.json["error"]["hint"] == "portable config set limit VALUE"
    assert command("config", "remove", "limit", "--app", shop).code == 1


def test_params_are_listed_with_where_their_values_are_from(command: Command, shop: Path) -> None:
    command("config", "set", "limit", "10", "--app", shop)
    assert command("config", "list", "--app", shop, "--json").json["params"] == [
        {"name": "greeting", "declared": True, "set": False, "value": None, "default": "hello"},
        {"name": "limit", "declared": True, "set": True, "value": "10", "default": None},
    ]
    lines = command("config", "list", "--app", shop).out.splitlines()
    assert [line.split() for line in lines] == [
        ["NAME", "VALUE", "FROM"],
        ["greeting", "hello", "default"],
        ["limit", "10", "set"],
    ]


@pytest.mark.parametrize("value", ["", " spaces ", "line\nbreak", "ünï😀", "-dash", "x" * 4096])
def test_a_param_is_kept_as_it_was_given(command: Command, shop: Path, value: str) -> None:
    assert command("config", "set", "--app", shop, "--", "limit", value).code == 0
    assert command("config", "get", "limit", "--app", shop, "--json").json["value"] == value


def test_a_param_over_its_limit_is_refused_with_the_limits_name(command: Command, shop: Path) -> None:
    done = command("config", "set", "limit", "x" * 4097, "--app", shop, "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "P1005"
    assert "param_bytes" in done.json["error"]["message"]


@pytest.mark.parametrize("verb", ["config", "secret"])
def test_a_name_that_the_app_does_not_declare_is_refused_with_the_nearest(
    command: Command, shop: Path, typed: Callable[[str], None], verb: str
) -> None:
    typed("x")
    arguments = ["config", "set", "limt", "3"] if verb == "config" else ["secret", "set", "tokn", "--from-stdin"]
    done = command(*arguments, "--app", shop, "--json")
    assert done.code == 2
    assert "did you mean" in done.json["error"]["hint"]


def test_an_app_that_does_not_load_does_not_stop_a_secret_from_being_set(
    command: Command, write: Write, typed: Callable[[str], None]
) -> None:
    folder = write({"app.py": "1 / 0\n"})
    typed(VALUE)
    done = command("secret", "set", "token", "--from-stdin", "--app", folder)
    assert done.code == 0
    assert "does not load" in done.err
    assert command("secret", "list", "--app", folder, "--json").json["secrets"] == [
        {"name": "token", "declared": None, "set": True}
    ]


def test_a_secret_is_set_listed_and_removed_and_never_printed(
    command: Command, shop: Path, typed: Callable[[str], None]
) -> None:
    typed(VALUE + "\n")
    printed = [command("secret", "set", "token", "--from-stdin", "--app", shop)]
    printed.append(command("secret", "list", "--app", shop, "--json"))
    assert printed[-1].json["secrets"] == [
        {"name": "part.token", "declared": True, "set": False},
        {"name": "token", "declared": True, "set": True},
    ]
    printed.append(command("secret", "list", "--app", shop))
    printed.append(command("inspect", shop, "--json"))
    printed.append(command("doctor", shop, "--json"))
    printed.append(command("secret", "remove", "token", "--app", shop))
    assert [done.code for done in printed[:-2] + printed[-1:]] == [0] * 5
    assert command("secret", "remove", "token", "--app", shop).code == 1
    forms = [VALUE, VALUE[::-1], base64.b64encode(VALUE.encode()).decode(), VALUE.encode().hex()]
    assert not [form for form in forms for done in printed if form in done.out + done.err]


def test_a_secret_of_a_service_has_a_qualified_name_of_its_own(
    command: Command, shop: Path, typed: Callable[[str], None]
) -> None:
    typed(VALUE)
    assert command("secret", "set", "part.token", "--from-stdin", "--app", shop).code == 0
    listed = command("secret", "list", "--app", shop, "--json").json["secrets"]
    assert {entry["name"]: entry["set"] for entry in listed} == {"part.token": True, "token": False}


def test_files_that_hold_a_secret_are_readable_by_their_owner_only(
    command: Command, shop: Path, typed: Callable[[str], None]
) -> None:
    typed(VALUE)
    command("secret", "set", "token", "--from-stdin", "--app", shop)
    for file in (shop / ".portable").rglob("*"):
        if file.is_file() and VALUE.encode() in file.read_bytes():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert not [file for file in shop.glob("*") if file.is_file() and VALUE.encode() in file.read_bytes()]


def test_a_secret_that_is_too_large_or_no_text_is_refused_without_showing_it(
    command: Command, shop: Path, typed: Callable[[str], None]
) -> None:
    typed(VALUE * 2000)
    done = command("secret", "set", "token", "--from-stdin", "--app", shop)
    assert done.code == 1
    assert VALUE not in done.err
    typed(VALUE + "\ud800")
    done = command("secret", "set", "token", "--from-stdin", "--app", shop)
    assert done.code == 1
    assert VALUE not in done.err


def test_an_empty_stdin_and_a_missing_terminal_are_said(
    command: Command, shop: Path, typed: Callable[[str], None]
) -> None:
    typed("")
    assert command("secret", "set", "token", "--from-stdin", "--app", shop).code == 2
    typed(VALUE)
    done = command("secret", "set", "token", "--app", shop)
    assert done.code == 2
    assert "--from-stdin" in done.err


def test_a_secret_is_no_argument(command: Command, shop: Path) -> None:
    assert command("secret", "set", "token", VALUE, "--app", shop).code == 2
