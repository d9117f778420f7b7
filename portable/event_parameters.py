"""What a handler of changes or of bucket events says that it is given, against what it is given.

Deliveries of these are made by us and not by the annotation: a wrong one is found by no validation, and the handler
fails, or worse, on whatever it does with it.
"""

from typing import Annotated, Any, cast, get_args, get_origin

from .binding import Handler
from .bucket_records import ObjectEventCodec
from .changes import ChangeCodec
from .errors import DeclarationError
from .signatures import ABSENT, payload_annotation


def check_event_parameter(name: str, handler: Handler) -> None:
    """Raises DeclarationError if the handler's payload is annotated as something else than what it is called with."""
    codec: Any = handler.decode
    if not isinstance(codec, ChangeCodec | ObjectEventCodec):
        return
    location = handler.spec.location
    annotation = payload_annotation(handler.function, location)
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    given: type[Any] = codec.annotation
    if annotation is ABSENT or _fits(annotation, given):
        item: Any = codec.item if isinstance(codec, ChangeCodec) else ABSENT
        said = get_args(annotation)[0] if get_origin(annotation) is given and item is not ABSENT else Any
        if _fits(said, item):
            return
        fitting = f"{given.__name__}[{_shown(item)}]"
        raise DeclarationError(
            f"{name} takes {given.__name__}[{_shown(said)}], and is called with {fitting}",
            hint=f"what the table holds: {fitting}",
            location=location,
        )
    raise DeclarationError(
        f"{name} takes {_shown(annotation)}, and is called with {given.__name__}",
        hint=f"from portable import {given.__name__}",
        location=location,
    )


def _fits(annotation: Any, given: Any) -> bool:
    """Whether a value of the class `given` may be called that; where it is not certain that it may not, it may."""
    wanted = get_origin(annotation) or annotation
    if wanted is Any or not isinstance(wanted, type) or not isinstance(given, type):
        return True
    if getattr(wanted, "_is_protocol", False) or getattr(wanted, "__total__", None) is not None:
        return True
    return issubclass(given, cast("type[Any]", wanted))


def _shown(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
