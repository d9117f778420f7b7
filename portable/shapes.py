"""Looking into JSON that others send: what is there in the expected form, or an error that says what is not."""

from typing import Any, cast


class MalformedEvent(ValueError):
    """An event that is not what its sender sends; it says what is wrong."""


def object_in(value: object, name: str) -> dict[str, Any]:
    """The object under `name` of an object; an empty one if there is none."""
    found = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def text_in(value: dict[str, Any], name: str, what: str) -> str:
    """The text, not an empty one, under `name`. Raises MalformedEvent."""
    found = value.get(name)
    if not isinstance(found, str) or not found:
        raise MalformedEvent(f"{what} has no {name}" if found is None else f"{what} has a {name} that is no text")
    return found


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: one that was read from JSON may hold half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def a_document(text: str | bytes) -> dict[str, Any]:
    """The JSON object that a text is. Raises MalformedEvent."""
    # Here, since a request over HTTP may need none of it.
    import json

    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(f"the message is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise MalformedEvent("the message is no JSON object")
    return cast("dict[str, Any]", found)
