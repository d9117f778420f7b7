"""What may name and describe an object: keys, prefixes, metadata, content types, versions, ranges. No I/O."""

import re

from .capabilities import Profile
from .errors import InvalidArgument
from .patterns import Pattern

KEY = Pattern(r"[A-Za-z0-9._=+@!~,()-]*[A-Za-z0-9_=+@!~,()-](?:/[A-Za-z0-9._=+@!~,()-]*[A-Za-z0-9_=+@!~,()-])*")
SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._=+@!~,()-")
KEY_HINT = "segments of ASCII letters, digits and ._=+@!~,()- joined by '/'"
RESERVED = ".well-known/acme-challenge/"
"""Google Cloud Storage keeps these keys to itself: https://cloud.google.com/storage/docs/objects#naming."""

PAST = "\x7f"
"""Sorts after every character that a key may have: a common prefix with it comes after all that is below the prefix."""

METADATA_NAME = Pattern(r"[a-z][a-z0-9_]*", re.ASCII)
WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
CONTENT_TYPE = Pattern(rf"{WORD}/{WORD}(?:[ ]?;[ ]?{WORD}=(?:{WORD}|\"[ !#-\[\]-~]*\"))*", re.ASCII)
"""RFC 9110, section 8.3.1, in printable ASCII and without escapes."""
CONTENT_TYPE_CHARACTERS = 255
DEFAULT_TYPE = "application/octet-stream"

DATA_TYPES = {
    ".avro": "application/avro",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".gz": "application/gzip",
    ".heic": "image/heic",
    ".ics": "text/calendar; charset=utf-8",
    ".jsonl": "application/jsonl",
    ".log": "text/plain; charset=utf-8",
    ".m4a": "audio/mp4",
    ".mov": "video/quicktime",
    ".ndjson": "application/x-ndjson",
    ".ofx": "application/x-ofx",
    ".ogg": "audio/ogg",
    ".parquet": "application/vnd.apache.parquet",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".qfx": "application/x-ofx",
    ".tar": "application/x-tar",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".toml": "application/toml",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".wav": "audio/wav",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}
"""What buckets hold besides what a web site serves (static.CONTENT_TYPES)."""


def check_key(key: object, profile: Profile, resource: str) -> str:
    """A key as every provider takes it. Raises InvalidArgument, saying what is wrong, or LimitExceeded."""
    # Nearly every key is short enough for each limit, and a regular expression tells the rest.
    if type(key) is str and len(key) < 128 and KEY.fullmatch(key) is not None and not key.startswith(RESERVED):
        return key
    if not isinstance(key, str):
        raise InvalidArgument(f"a key is a str, not {type(key).__name__}", hint=KEY_HINT, resource=resource)
    fault = _key_fault(key)
    if fault is not None:
        raise InvalidArgument(f"key {shown(key)}: {fault}", hint=KEY_HINT, resource=resource, key=key)
    profile.check("object_key_bytes", len(key), f"key {shown(key)}", resource=resource, key=key)
    profile.check("object_key_segments", key.count("/") + 1, f"key {shown(key)}", resource=resource, key=key)
    return str.__str__(key)


def check_prefix(prefix: object, profile: Profile, resource: str) -> str:
    """A text that some legal key starts with; empty is one. Raises InvalidArgument or LimitExceeded."""
    if not isinstance(prefix, str):
        raise InvalidArgument(f"a prefix is a str, not {type(prefix).__name__}", hint=KEY_HINT, resource=resource)
    head, slash, _ = prefix.rpartition("/")
    fault = _characters_fault(prefix)
    if fault is None and slash:
        fault = _key_fault(head)
    if fault is None and prefix.startswith(RESERVED):
        fault = f"{RESERVED} is reserved by Google Cloud Storage"
    if fault is not None:
        raise InvalidArgument(
            f"prefix {shown(prefix)}: {fault}; no key can start so",
            hint=KEY_HINT,
            resource=resource,
            key=prefix,
        )
    profile.check("object_key_bytes", len(prefix), f"prefix {shown(prefix)}", resource=resource, key=prefix)
    profile.check(
        "object_key_segments", prefix.count("/") + 1, f"prefix {shown(prefix)}", resource=resource, key=prefix
    )
    return str.__str__(prefix)


def check_delimiter(delimiter: object, resource: str) -> str | None:
    """None or one character that keys may have, `/` as a rule. Raises InvalidArgument."""
    if delimiter is None:
        return None
    if isinstance(delimiter, str) and len(delimiter) == 1 and (delimiter == "/" or delimiter in SAFE):
        return str.__str__(delimiter)
    raise InvalidArgument(
        f"delimiter {delimiter!r} is not one character of keys", hint='delimiter="/"', resource=resource
    )


def _characters_fault(text: str) -> str | None:
    for position, character in enumerate(text):
        if character != "/" and character not in SAFE:
            return f"{character!a} at position {position} is not allowed"
    return None


def _key_fault(key: str) -> str | None:
    if not key:
        return "it is empty"
    fault = _characters_fault(key)
    if fault is not None:
        return fault
    if key.startswith("/") or key.endswith("/"):
        return f"it {'starts' if key.startswith('/') else 'ends'} with '/'"
    for segment in key.split("/"):
        if not segment:
            return "it has an empty segment ('//')"
        if segment in (".", ".."):
            return f"it has a segment {segment!r}"
        if segment.endswith("."):
            return f"the segment {shown(segment)} ends with a dot"
    if key.startswith(RESERVED):
        return f"{RESERVED} is reserved by Google Cloud Storage"
    return None


def shown(text: str) -> str:
    """A key as an error may show it: quoted, ASCII, not without end."""
    return ascii(text) if len(text) <= 100 else f"{text[:97]!a}... ({len(text):,} characters)"


def check_metadata(metadata: object, profile: Profile, resource: str, key: str) -> dict[str, str]:
    """Names `[a-z][a-z0-9_]*`, values printable ASCII, names and values together within the limit."""
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise InvalidArgument(f"metadata is a dict of str, not {type(metadata).__name__}", resource=resource, key=key)
    found: dict[str, str] = {}
    items: list[tuple[object, object]] = list(metadata.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    for name, value in items:
        if not isinstance(name, str) or METADATA_NAME.fullmatch(name) is None:
            raise InvalidArgument(
                f"metadata name {shown(name) if isinstance(name, str) else repr(name)} is not [a-z][a-z0-9_]*",
                hint="lower-case letters, digits and underscores, a letter first",
                resource=resource,
                key=key,
            )
        if not isinstance(value, str):
            raise InvalidArgument(
                f"metadata {name!r} is a {type(value).__name__}, not a str", resource=resource, key=key
            )
        if not (value.isascii() and value.isprintable()) or value != value.strip(" "):
            raise InvalidArgument(
                f"metadata {name!r}: {shown(value)} is not printable ASCII without spaces around it",
                hint="it travels as an HTTP header; encode other text, for instance by urllib.parse.quote",
                resource=resource,
                key=key,
            )
        found[str.__str__(name)] = str.__str__(value)
    size = sum(len(name) + len(value) for name, value in found.items())
    profile.check("object_metadata_bytes", size, f"metadata of {shown(key)}", resource=resource, key=key)
    return found


def check_content_type(content_type: object, resource: str, key: str) -> str:
    """A media type with parameters, as it may stand in a header. Raises InvalidArgument."""
    if (
        isinstance(content_type, str)
        and len(content_type) <= CONTENT_TYPE_CHARACTERS
        and CONTENT_TYPE.fullmatch(content_type) is not None
    ):
        return str.__str__(content_type)
    text = shown(content_type) if isinstance(content_type, str) else repr(content_type)
    raise InvalidArgument(
        f"content type {text} is no media type of at most {CONTENT_TYPE_CHARACTERS} characters",
        hint='for instance "text/csv; charset=utf-8"',
        resource=resource,
        key=key,
    )


def guess_content_type(key: str, default: str = DEFAULT_TYPE) -> str:
    """By the extension of `key`, the same on every machine."""
    name = key.rpartition("/")[2]
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        return default
    from .static import CONTENT_TYPES

    extension = f".{extension.lower()}"
    return CONTENT_TYPES.get(extension) or DATA_TYPES.get(extension, default)


def check_version(version: object, resource: str, key: str) -> str | None:
    """None or a version token as a driver gave it. Raises InvalidArgument."""
    if version is None or (type(version) is str and version):
        return version
    raise InvalidArgument(
        f"if_version={version!r} is no version", hint="take it from put or head", resource=resource, key=key
    )


def check_range(start: object, end: object, resource: str, key: str) -> None:
    """Bytes `start` (from 0) to `end` (exclusive, or None). Raises InvalidArgument."""
    if type(start) is not int or start < 0:
        raise InvalidArgument(f"start={start!r} is not a position from 0", resource=resource, key=key)
    if end is not None and (type(end) is not int or end < start):
        raise InvalidArgument(
            f"end={end!r} is not a position from start={start}",
            hint="end is exclusive; None reads to the end",
            resource=resource,
            key=key,
        )
