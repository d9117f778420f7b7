"""What must not reach the disk does not: by name, and by the value of every secret in each of the forms it may take."""

import base64
import html
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from portable_local.values import write_value

from portable.console.redaction import (
    REDACTED,
    SUSPECTS,
    Redaction,
    form,
    forms_of,
    is_secret_name,
    is_suspect,
    members,
)
from portable.records import SpanRecord, payload_of
from portable.telemetry import (
    ERROR_CHARACTERS,
    FIELD_BYTES,
    KEY_CHARACTERS,
    MESSAGE_BYTES,
    PAYLOAD_BYTES,
    TRACEBACK_CHARACTERS,
    CallRecord,
    InvocationRecord,
    LogRecord,
)

from .serving import served

SECRET = 'Kv7/pq+Rä 9"x'
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "reversed": lambda value: value[::-1],
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 behind one byte": lambda value: base64.b64encode(b"u" + value.encode()).decode(),
    "base64 behind a user": lambda value: base64.b64encode(b"user:" + value.encode() + b"!").decode(),
    "base64 of the URL": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "hex": lambda value: value.encode().hex(),
    "HEX": lambda value: value.encode().hex().upper(),
    "quoted": lambda value: quote(value, safe=""),
    "quoted in lower case": lambda value: (
        quote(value, safe="")
        .replace("%2F", "%2f")
        .replace("%2B", "%2b")
        .replace("%C3%A4", "%c3%a4")
        .replace("%22", "%22")
    ),
    "quoted for a path": quote,
    "quoted for a form": quote_plus,
    "JSON": lambda value: json.dumps(value),
    "JSON as it is": lambda value: json.dumps(value, ensure_ascii=False),
    "repr": repr,
    "JSON in JSON": lambda value: json.dumps(json.dumps(value)),
    "JSON in JSON as it is": lambda value: json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False),
    "repr of the bytes": lambda value: repr(value.encode()),
    "HTML": html.escape,
    "HTML of a template": lambda value: html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
}


def leaks(text: str, value: str) -> list[str]:
    """The forms of a value that a text has, looked for on its own terms."""
    return [name for name, make in FORMS.items() if core(name, make(value)) in text]


def core(name: str, made: str) -> str:
    """Of base64 what depends on nothing beside the value."""
    if name.startswith("base64 behind"):
        return made.rstrip("=")[4:-4]
    if name.startswith("JSON in JSON"):
        return made[3:-3]
    if name == "repr of the bytes":
        return made[2:-1]
    return made[1:-1] if name in ("JSON", "JSON as it is", "repr") else made.rstrip("=")


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    "value", [SECRET, "hunter22", "sk_live_51H8x/yz==", "пароль-123", "a<b>&'c'\n\"d\"", "-----BEGIN\nMIIEvQ\n-----END"]
)
def test_each_form_of_a_secret_is_taken_out_wherever_it_stands(name: str, value: str) -> None:
    redaction = Redaction.of([value])
    made = FORMS[name](value)
    for text in (made, f"before {made} after", f"key={made}&x=1", f"[{made}]\n", made * 2):
        found = redaction.text(text)
        assert core(name, made) not in found, (name, text, found)
        assert REDACTED in found


def test_random_secrets_at_random_places_in_random_forms() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    source = random.Random(seed)
    letters = "abcXYZ0189+/=_-%&?äЖ\"'\\ {}:"
    checked = 0
    for _ in range(300):
        value = "".join(source.choice(letters) for _ in range(source.randint(8, 40)))
        redaction = Redaction.of([value, "another-secret"])
        name = source.choice([name for name in FORMS if not name.startswith("repr")])
        made = FORMS[name](value)
        prefix = "".join(source.choice("xyz 123") for _ in range(source.randint(0, 9)))
        found = redaction.text(f"{prefix}{made}{prefix}")
        kept = core(name, made)
        if len(kept) >= 4:
            assert kept not in found, (value, name, found)
            checked += 1
    assert checked > 250


PEM = "-----BEGIN PRIVATE KEY-----\r\nMIIEvwONE+/x\n  TWOkAgEAAo\nab\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("line", ["-----BEGIN PRIVATE KEY-----", "MIIEvwONE+/x", "TWOkAgEAAo"])
def test_each_line_of_a_secret_that_has_several_is_taken_out(line: str) -> None:
    redaction = Redaction.of([PEM])
    for text in (line, f"  {line}", json.dumps(line), quote(line), line[::-1]):
        assert REDACTED in redaction.text(text), text
        assert line not in redaction.text(text)
    assert redaction.text("ab stays: it is a part of many words") == "ab stays: it is a part of many words"


def test_the_quick_look_at_beginnings_overlooks_nothing() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    letters = "aB1%/+\u00dfİΣ\u017fK\n ."
    found = 0
    for _ in range(400):
        secrets = ["".join(chance.choices(letters, k=chance.choice((1, 2, 3, 4, 5, 9, 20)))) for _ in range(3)]
        redaction = Redaction.of(secrets)
        assert redaction.by_value is not None
        for _ in range(10):
            form = chance.choice(sorted(forms_of(chance.choice(secrets))))
            text = "".join(chance.choices(letters, k=5)) + chance.choice(
                (form, form.upper(), form.lower(), form.title())
            )
            expected = redaction.by_value.sub(REDACTED, text)
            assert redaction.by_values(text) == expected, (secrets, text)
            found += expected != text
    assert found > 1000


@pytest.mark.parametrize("offset", range(3))
def test_a_line_of_a_secret_of_several_is_found_as_base64_and_hex(offset: int) -> None:
    lines = [
        "-----BEGIN KEY-----",
        "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF",
        "-----END KEY-----",
    ]
    redaction = Redaction.of(["\n".join(lines), "ab\ncd"])
    for line in lines:
        raw = b"\0" * offset + line.encode() + b"tail"
        encoded = base64.b64encode(raw).decode()
        safe = base64.urlsafe_b64encode(raw).decode()
        inner = base64.b64encode(line.encode()).decode().rstrip("=")[4:-4]
        for text in (f"sent {encoded} to them", f"?key={safe}", f"{raw.hex()}", f"{raw.hex().upper()}"):
            clean = redaction.text(text)
            assert REDACTED in clean, (line, text)
            assert inner not in clean
            assert line.encode().hex() not in clean.lower()
    # What is a few characters of base64 is in many a text.
    assert redaction.text("YWIK Y2Q= 6162 6364") == "YWIK Y2Q= 6162 6364"


def test_an_error_in_one_line_has_no_secret_of_several_lines() -> None:
    assert "one  two" not in Redaction.of(["on\ntw\nth"]).text("E: on tw th")
    assert Redaction.of(["on\ntw\nth"]).text("E: on tw th") == f"E: {REDACTED}"


@pytest.mark.parametrize("kept", [4, 9, 15])
@pytest.mark.parametrize("form", ["plain", "base64", "hex", "HEX"])
def test_a_secret_that_a_cut_went_through_leaves_nothing_of_itself(form: str, kept: int) -> None:
    key = "hunter22-Hunter33"
    part = FORMS[form](key)[:kept]
    redaction = Redaction.of([key])

    def ends(size: int) -> str:
        return "." * (size - len(part)) + part

    def log(message: str, fields: dict[str, Any], traceback: str | None = None) -> LogRecord:
        return LogRecord("", "", "", "", 0.0, "INFO", "", message, fields, "logging", traceback)

    body = payload_of(ends(PAYLOAD_BYTES) + "and more")
    binary = payload_of(b"\xff" * (PAYLOAD_BYTES // 4 * 3 - len(part)) + part.encode() + b"\xff" * 20_000)
    assert (binary.encoding, body.encoding) == ("base64", "text")
    assert body.body.endswith(part)
    found = redaction.log(log(ends(MESSAGE_BYTES), {"f": ends(FIELD_BYTES)}))
    call = CallRecord("", "", "", "table:x", "get", ends(KEY_CHARACTERS), 0.0, 0.0, ends(ERROR_CHARACTERS))
    redacted = [redaction.payload(body), redaction.payload(binary)]
    texts: list[Any] = [found.message, found.fields["f"], redaction.record(call).key, redaction.record(call).error]  # type: ignore[union-attr]
    texts += [one.body for one in redacted if one is not None and one.encoding == "text"]
    texts += [
        base64.b64decode(one.body).decode("latin-1") for one in redacted if one is not None and one.encoding != "text"
    ]
    assert len(texts) == 6
    for text in texts:
        assert str(text).endswith(REDACTED), str(text)[-60:]
        assert part not in str(text)
    # What is no longer than it may be was not cut: it ends as it ends.
    assert redaction.log(log(f"it is {part}", {})).message == f"it is {part}"


def test_a_secret_that_the_beginning_of_a_long_traceback_went_through_leaves_nothing_of_itself() -> None:
    record = LogRecord("", "", "", "", 0.0, "INFO", "", "", {}, "logging", "Hunter33".ljust(TRACEBACK_CHARACTERS, "."))
    found = Redaction.of(["hunter22-Hunter33"]).log(record).traceback
    assert found is not None
    assert found.startswith(f"{REDACTED}...")


def test_the_names_of_loggers_of_fields_and_of_types_have_no_secret() -> None:
    redaction = Redaction.of(["hunter22-hunter22"])
    log = LogRecord("", "", "", "", 0.0, "INFO", "app.hunter22-hunter22", "", {"hunter22-hunter22": 1}, "logging", None)
    payload = payload_of("", "text/hunter22-hunter22", [("x-hunter22-hunter22", "1")])
    assert "hunter22" not in repr((redaction.log(log), redaction.payload(payload)))


def test_a_short_secret_is_taken_out_only_where_it_stands_alone() -> None:
    redaction = Redaction.of(["ab1", ""])
    assert redaction.text("code ab1, cab123 and ab1.") == f"code {REDACTED}, cab123 and {REDACTED}."


def test_without_secrets_a_text_stays_as_it_is() -> None:
    assert Redaction.of(()).text("nothing here; not even %20 or \\u0041") == "nothing here; not even %20 or \\u0041"


NAMES = [
    "Authorization",
    "authorization",
    "Cookie",
    "Set-Cookie",
    "X-Api-Key",
    "x_api_key",
    "password",
    "userPassword",
    "new-password",
    "client_secret",
    "clientSecret",
    "access_token",
    "refreshToken",
    "csrf-token",
    "private_key",
    "AWS_SECRET_ACCESS_KEY",
    "passphrase",
    "session_id",
    "card_number",
    "X-Amz-Signature",
]
OTHERS = [
    "tokens_used",
    "author",
    "passed",
    "secretary",
    "key",
    "content-type",
    "cookies",
    "user",
    "signatures",
    "keyboard",
]


@pytest.mark.parametrize("name", NAMES)
def test_what_has_such_a_name_is_taken_out_of_headers_json_forms_queries_and_fields(name: str) -> None:
    assert is_secret_name(name)
    redaction = Redaction.of(())
    body = json.dumps({"a": [{name: "hush-hush"}], "b": 1.50})
    payload = payload_of(
        body, "application/json", [(name, "hush-hush"), ("accept", "x")], f"GET /x?{name}=hush-hush&y=1"
    )
    found = redaction.payload(payload)
    assert found is not None
    assert "hush-hush" not in repr(found)
    assert found.headers == ((name, REDACTED), ("accept", "x"))
    assert found.target == f"GET /x?{name}={REDACTED}&y=1"
    assert json.loads(found.body) == {"a": [{name: REDACTED}], "b": 1.5}
    sent = redaction.payload(payload_of(f"y=1&{quote(name)}=hush-hush", "application/x-www-form-urlencoded"))
    assert sent is not None
    assert sent.body == f"y=1&{quote(name)}={REDACTED}"
    part = f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nhush-hush\r\n--b--\r\n'
    form_ = redaction.payload(payload_of(part, "multipart/form-data; boundary=b"))
    assert form_ is not None
    assert "hush-hush" not in form_.body
    log = LogRecord("", "", "", "", 0.0, "INFO", "", "line", {name: "hush-hush", "n": 1}, "logging", None)
    assert redaction.log(log).fields == {name: REDACTED, "n": 1}


@pytest.mark.parametrize("between", ["", "-", "_", " "])
def test_each_name_that_is_looked_for_is_found_however_it_is_written(between: str) -> None:
    """Its hint is looked for first: one that no hint is in would never be found."""
    for name in SUSPECTS.pattern.split("|"):
        word = name.replace(".?", between)
        for written in (word, word.upper(), word.title(), f"my{word}s"):
            assert is_suspect(f'{{"{written}": "hush-hush"}}'), written
    assert not is_suspect("nothing of that")


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_resembles_such_a_name_stays(name: str) -> None:
    assert not is_secret_name(name)
    text = json.dumps({name: "kept"}, indent=3)
    assert Redaction.of(()).body(text, "application/json") == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('{"password": "hush", "x": 1', "hush"),
        ('{"x": 1, "password": "hus', "hus"),
        ('{"a": {"password": "hu\\"sh"', "hu"),
        ('{"password": ["hush", "hush"', "hush"),
        ('{"password": {"v": "hush"}, "y": "z", ', "hush"),
        ('[{"x": [{"token": "hush", "n"', "hush"),
        ('{"pass\\u0077ord": "hush", ', "hush"),
        ('{"password": 12345, ', "12345"),
    ],
)
def test_json_that_was_cut_is_redacted_too(text: str, hidden: str) -> None:
    assert hidden not in members(text)
    assert REDACTED in members(text)


def test_an_escaped_name_is_the_name() -> None:
    assert "hush" not in Redaction.of(()).body('{"pass\\u0077ord": "hush"}', "application/json")
    assert form("pass%77ord=hush") == f"pass%77ord={REDACTED}"


def test_a_secret_in_bytes_is_taken_out_of_them() -> None:
    raw = bytes(range(200, 256)) + b"hunter22-hunter22" + bytes(range(128, 200))
    payload = payload_of(raw, "application/octet-stream")
    assert payload.encoding == "base64"
    found = Redaction.of(["hunter22-hunter22"]).payload(payload)
    assert found is not None
    assert b"hunter22" not in base64.b64decode(found.body)


def test_what_follows_bearer_or_basic_is_no_text_for_the_disk() -> None:
    found = Redaction.of(()).text("sent Authorization: Bearer abcdef.123456 and basic dXNlcjpwYXNz")
    assert "abcdef" not in found
    assert "dXNlcjpwYXNz" not in found


def records(value: str) -> list[Any]:
    body = json.dumps({"note": f"it is {value}", "coded": base64.b64encode(value.encode()).decode()})
    request = payload_of(body, "application/json", [("x-note", value)], f"POST /x?q={quote(value)}")
    answer = payload_of(body.encode(), "application/json")
    trace, span = "a" * 32, "b" * 16
    return [
        SpanRecord(trace, "e" * 16, "", value, value, "client", 1.8e9, 0.1, value, {value: f"/?{value}"}),
        CallRecord(trace, "c" * 16, span, "table:x", "get", f"('{value}',)", 1.8e9, 0.1, f"E: {value}", f'"{value}"'),
        LogRecord(trace, span, "i", "h", 1.8e9, "INFO", "l", value[::-1], {"f": value, "n": 1}, "stdout", f"T {value}"),
        InvocationRecord(
            trace, span, "", "http", "h", "i", 1, 1.8e9, 0.1, f"GET /{value}", "failed", 500, f"E: {value}",
            f"T {value}", ("a.py", 1, "f"), request, answer, 0.0, False, 1,
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["hunter22-hunter22", "0123456789"])
def test_no_byte_of_the_database_has_a_secret_of_the_app_nor_one_that_it_had(tmp_path: Path, value: str) -> None:
    """Of plain letters and digits, so that every form of it would be found in the files as it is."""
    with served(tmp_path) as console:
        write_value(tmp_path, "secret", "api-key", value)
        console.record(*records(value))
        write_value(tmp_path, "secret", "api-key", "another-one-now")
        console.record(*records("another-one-now"))
        # A process that was started before holds the old one for some time.
        console.record(*[record._replace(span_id="d" * 16) for record in records(value)])
        looked = {path: path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("telemetry")}
        shown = json.dumps(console.get(f"invocations/{'b' * 16}").json) + json.dumps(console.get("logs").json)
        streamed = console.console.hub.read(0).text
    looked |= {path: path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("telemetry")}
    assert len(looked) >= 1
    for hidden in (value, "another-one-now"):
        for path, data in looked.items():
            assert leaks(data.decode("utf-8", "replace"), hidden) == [], path
        assert leaks(shown, hidden) == []
        assert leaks(streamed, hidden) == []
    assert REDACTED in shown


def test_a_file_of_secrets_that_cannot_be_read_takes_none_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(tmp_path) as console:
        write_value(tmp_path, "secret", "api-key", "hunter22-hunter22")
        console.record(*records("hunter22-hunter22"))
        (tmp_path / "secrets.json").write_text("{broken")
        console.record(*[record._replace(span_id="d" * 16) for record in records("hunter22-hunter22")])
        assert "hunter22" not in json.dumps(console.get(f"invocations/{'d' * 16}").json)
    assert "cannot be redacted" in caplog.text
