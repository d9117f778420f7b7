"""An invocation as a pytest: readable, on empty data into which it puts what the handler had read.

It passes or fails as the invocation did. One that succeeded has to give the recorded answer, but for what is new each
time, of which only the type is asserted. One that failed asserts that it succeeds: so the test fails, by the same
error, until the bug is fixed.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from portable.documents import decode

from .difference import json_of
from .files import Answer, ReplayFile
from .filling import require_filled
from .state import State
from .volatile import is_volatile, known_values

WIDTH = 100
LONGEST_NAME = 60
TYPES: dict[type[Any], str] = {str: "str", int: "int", float: "float"}


class _Writer:
    """Python literals, and the imports that they need."""

    def __init__(self) -> None:
        self.imports: dict[str, set[str]] = {"portable.testing": {"running"}}
        self.modules: set[str] = set()

    def take(self, module: str, name: str) -> str:
        self.imports.setdefault(module, set()).add(name)
        return name

    def literal(self, value: Any, indent: int, room: int = WIDTH) -> str:
        """The value as Python source, on several lines if it is long; `indent` is that of the line it begins in."""
        line = self.flat(value)
        if len(line) + indent <= room or not isinstance(value, dict | list) or not value:
            return line
        inner, end = " " * (indent + 4), " " * indent
        if isinstance(value, dict):
            parts = [
                f"{inner}{quoted(name)}: {self.literal(one, indent + 4)},"
                for name, one in cast("dict[str, Any]", value).items()
            ]
            return "\n".join(["{", *parts, f"{end}}}"])
        parts = [f"{inner}{self.literal(one, indent + 4)}," for one in cast("Sequence[Any]", value)]
        return "\n".join(["[", *parts, f"{end}]"])

    def flat(self, value: Any) -> str:
        if isinstance(value, _Some):
            return f"{self.take('portable.testing', 'some')}({value.name})"
        if isinstance(value, dict):
            pairs = ", ".join(
                f"{quoted(name)}: {self.flat(one)}" for name, one in cast("dict[str, Any]", value).items()
            )
            return f"{{{pairs}}}"
        if isinstance(value, list):
            return f"[{', '.join(self.flat(one) for one in cast('Sequence[Any]', value))}]"
        if isinstance(value, datetime):
            self.take("datetime", "datetime")
            self.take("datetime", "UTC")
            return f"datetime.fromisoformat({quoted(value.astimezone(UTC).isoformat())})"
        if type(value).__name__ == "Decimal":
            return f"{self.take('decimal', 'Decimal')}({quoted(str(value))})"
        return quoted(value) if isinstance(value, str) else repr(value)

    def head(self) -> str:
        lines = [f"import {name}" for name in sorted(self.modules)]
        lines += [
            f"from {module} import {', '.join(sorted(names))}"
            for module, names in sorted(self.imports.items())
            if not module.startswith("portable")
        ]
        if lines:
            lines.append("")
        lines.append(f"from portable.testing import {', '.join(sorted(self.imports['portable.testing']))}")
        return "\n".join(lines)


class _Some:
    """In an expected answer: any value of a type."""

    def __init__(self, name: str) -> None:
        self.name = name


def quoted(text: str) -> str:
    """A text as Python source in double quotes, as formatters have it."""
    if "\\" not in text and '"' not in text and text.isprintable():
        return f'"{text}"'
    plain = repr(text)
    if plain.startswith('"'):
        return plain
    return plain if '"' in text else f'"{plain[1:-1]}"'


def saved_test_name(file: ReplayFile) -> str:
    """`test_create_answers_201_1a2b3c4d`: unique by the invocation's id."""
    observed = file.observed
    if observed.outcome == "succeeded":
        what = f"answers_{observed.status}" if file.invocation.kind == "http" else "succeeds"
    else:
        what = "does_not_fail"
    about = identifier(file.invocation.handler or file.invocation.name)
    return f"test_{about[:LONGEST_NAME]}_{what}_{identifier(file.invocation.id)[-8:]}"


def identifier(text: str) -> str:
    return re.sub(r"[^0-9a-z]+", "_", text.lower()).strip("_") or "it"


def pytest_text(file: ReplayFile, *, module: str = "app", attribute: str = "app") -> str:
    """The source of a test module for the app `module:attribute`. Raises InvalidArgument for what is still redacted."""
    require_filled(file, with_state=True)
    writer = _Writer()
    body = [*preparation(file.state, writer)]
    ending = http_lines(file, writer) if file.invocation.request is not None else delivery_lines(file, writer)
    name = "app" if attribute == "app" else f"{attribute} as app"
    return "\n".join(
        [
            f'"""{summary(file)}\n\n{provenance(file)}\n"""',
            "",
            writer.head(),
            "",
            f"from {module} import {name}",
            "",
            "",
            f"def {saved_test_name(file)}() -> None:",
            "    with running(app) as started:",
            *(f"        {line}" if line else "" for text in body for line in text.splitlines()),
            *ending,
            "",
        ]
    )


def docstring(text: str) -> str:
    """A text that may stand in a docstring, on one line."""
    return " ".join(text.split()).replace("\\", "\\\\").replace('"""', "'''")[:300].rstrip('"')


def summary(file: ReplayFile) -> str:
    observed, name = file.observed, file.invocation.name or file.invocation.handler
    if observed.outcome == "succeeded":
        what = f"answered {observed.status}" if file.invocation.kind == "http" else "succeeded"
        return docstring(f"{name} {what}") + "."
    what = f"failed with {observed.status}" if file.invocation.kind == "http" else f"failed ({observed.outcome})"
    return docstring(f"{name} {what}: {observed.error or 'no error was recorded'}")


def provenance(file: ReplayFile) -> str:
    at = datetime.fromtimestamp(file.invocation.started_at, UTC).isoformat(timespec="seconds")
    text = f"Saved by `portable replay` from what was recorded at {at} ({docstring(file.invocation.id)})."
    if file.observed.outcome != "succeeded":
        text += "\nIt fails by that error until the bug is fixed. Then say what it should answer."
    return text


def preparation(state: State, writer: _Writer) -> list[str]:
    """What is put there before the handler runs; each text is relative to the block."""
    lines: list[str] = []
    tables: dict[str, list[Any]] = {}
    for item in state.items:
        tables.setdefault(item.table, []).append(decode(json.dumps(item.item)))
    if tables:
        lines.append("# What the handler had read:")
    for table, items in tables.items():
        line = f"started.put_items({quoted(table)}, {', '.join(writer.flat(item) for item in items)})"
        if len(line) + 8 <= WIDTH:
            lines.append(line)
        else:
            inner = "\n".join(f"    {writer.literal(item, 4, WIDTH - 8)}," for item in items)
            lines.append(f"started.put_items(\n    {quoted(table)},\n{inner}\n)")
    lines += [f"started.set_param({quoted(name)}, {quoted(value)})" for name, value in state.params.items()]
    if state.secrets:
        lines.append("# Secrets are recorded nowhere; these are the test's own:")
    lines += [f'started.set_secret({quoted(name)}, "a secret of this test")' for name in state.secrets]
    for missing in state.missing:
        key = "" if missing.key is None else f" {missing.key}"
        lines.append(f"# Not restored: {' '.join(f'{missing.resource}{key}, {missing.why}'.split())}")
    return lines


def http_lines(file: ReplayFile, writer: _Writer) -> list[str]:
    request, observed = file.invocation.request, file.observed
    assert request is not None
    arguments = [quoted(request.method), quoted(request.target)]
    if request.headers:
        arguments.append(f"headers={headers_literal(request.headers)}")
    if request.body:
        arguments.append(f"body={bytes_literal(request.body, request.encoding, writer)}")
    if observed.outcome != "succeeded":
        arguments.append("raises=True")
    lines = called("answer = started.send", arguments)
    if observed.outcome != "succeeded":
        return [*lines, "    assert answer.status < 500"]
    return [*lines, f"    assert answer.status == {observed.status}", *answer_lines(file, "answer", writer)]


def delivery_lines(file: ReplayFile, writer: _Writer) -> list[str]:
    invoked, observed = file.invocation, file.observed
    delivery = invoked.delivery
    assert delivery is not None
    arguments = [quoted(invoked.handler), f"body={text_literal(delivery.body)}"]
    arguments.append(f"id={quoted(invoked.id)}")
    if invoked.attempt != 1:
        arguments.append(f"attempt={invoked.attempt}")
    if delivery.attributes:
        arguments.append(f"attributes={writer.flat(dict(delivery.attributes))}")
    if delivery.scheduled_at is not None:
        moment = writer.flat(datetime.fromtimestamp(delivery.scheduled_at, UTC))
        arguments.append(f"scheduled_at={moment}")
    if observed.outcome != "succeeded":
        arguments.append("raises=True")
    lines = called("outcome = started.deliver", arguments)
    lines.append('    assert outcome.status == "succeeded"')
    if observed.outcome == "succeeded" and observed.response is not None:
        lines += result_lines(file, observed.response, writer)
    return lines


def called(function: str, arguments: list[str]) -> list[str]:
    line = f"        {function}({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return [line]
    return [f"        {function}(", *(f"            {argument}," for argument in arguments), "        )"]


def headers_literal(headers: tuple[tuple[str, str], ...]) -> str:
    pairs = [f"({quoted(name)}, {quoted(value)})" for name, value in headers]
    line = f"[{', '.join(pairs)}]"
    if len(line) + 22 <= WIDTH:
        return line
    return "\n".join(["[", *(f"                {pair}," for pair in pairs), "            ]"])


def text_literal(text: str) -> str:
    return repr(text) if '"' in text and "'" not in text else quoted(text)


def bytes_literal(body: str, encoding: str, writer: _Writer) -> str:
    if encoding == "base64":
        writer.modules.add("base64")
        return f"base64.b64decode({quoted(body)})"
    return f"b{text_literal(body)}" if body.isascii() else f"{text_literal(body)}.encode()"


def answer_lines(file: ReplayFile, name: str, writer: _Writer) -> list[str]:
    """The assertions on the body of an answer."""
    answer = file.observed.response
    if answer is None or (not answer.body and answer.size == 0):
        return []
    if answer.is_cut:
        return ["    # Its body was too large to be recorded whole."]
    found = json_of(answer) if "json" in answer.content_type else None
    if found is not None:
        # The second step of the indentation is that of the comparison's own line.
        expected = writer.literal(with_some(file, found[0]), 4, WIDTH - len(f"assert {name}.json() == "))
        return [*noted(expected), f"    assert {name}.json() == {expected}"]
    if answer.encoding == "base64":
        return [f"    assert {name}.body == {bytes_literal(answer.body, answer.encoding, writer)}"]
    return text_lines(file, f"{name}.text", answer)


def result_lines(file: ReplayFile, answer: Answer, writer: _Writer) -> list[str]:
    """The assertions on what a task returned."""
    if answer.is_cut:
        return ["    # Its result was too large to be recorded whole."]
    found = json_of(answer)
    if found is None or found[0] is None:
        return ["    assert outcome.result is None"] if not answer.body or found is not None else []
    writer.modules.add("json")
    expected = writer.literal(with_some(file, found[0]), 4, WIDTH - len("assert json.loads(outcome.result or '') == "))
    return [*noted(expected), f'    assert json.loads(outcome.result or "null") == {expected}']


def text_lines(file: ReplayFile, what: str, answer: Answer) -> list[str]:
    if is_volatile(answer.body, file.invocation.started_at, known_values(file)) or "[redacted]" in answer.body:
        return ["    # Its text has something that is new each time, or secret, in it."]
    return [f"    assert {what} == {text_literal(answer.body)}"]


def noted(expected: str) -> list[str]:
    return (
        ["    # some(type): an id, a moment or a secret, which is another one each time."]
        if "some(" in expected
        else []
    )


def with_some(file: ReplayFile, value: Any) -> Any:
    """Expected JSON, with `some(type)` for what is new each time, or was redacted."""
    known, at = known_values(file), file.invocation.started_at

    def walk(one: Any) -> Any:
        if isinstance(one, dict):
            return {name: walk(inner) for name, inner in cast("dict[str, Any]", one).items()}
        if isinstance(one, list):
            return [walk(inner) for inner in cast("Sequence[Any]", one)]
        if (isinstance(one, str) and "[redacted]" in one) or is_volatile(one, at, known):
            return _Some(TYPES[type(one)])
        return one

    return walk(value)
