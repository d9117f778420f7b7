"""What is said of something that was raised: one line, the frames of the user's, and which line of theirs failed."""

import os
from typing import TYPE_CHECKING

from .errors import PortableError, text_of

if TYPE_CHECKING:
    from .telemetry import Frame

ERROR_CHARACTERS = 1000
TRACEBACK_CHARACTERS = 20_000


def one_line(text: str) -> str:
    return encodable(" ".join(text.split()))[:ERROR_CHARACTERS]


def line_of(error: BaseException) -> str:
    """One line for people."""
    name, text = type(error).__name__, text_of(error)
    return one_line(f"{name}: {text}" if text else name)


def encodable(text: str) -> str:
    """The text with lone surrogates escaped, as no database and no terminal takes them."""
    return text.encode("utf-8", "backslashreplace").decode()


def user_traceback(error: BaseException) -> str:
    """The trace without the frames of portable, its adapters and asyncio; then the hint of an error of ours."""
    import traceback

    ours = {"portable", "asyncio"}
    trace = error.__traceback__
    frames: list[traceback.FrameSummary] = []
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        package = module.partition(".")[0]
        # A handler that is no coroutine runs on a thread of ours: that is where its trace begins.
        is_thread = module == "concurrent.futures.thread" and not frames
        if package not in ours and not package.startswith("portable_") and not is_thread:
            code = trace.tb_frame.f_code
            frames.append(traceback.FrameSummary(code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
    lines.extend(traceback.format_exception_only(type(error), error))
    if isinstance(error, PortableError) and error.hint:
        lines.append(f"  hint: {error.hint}\n")
    return encodable("".join(lines))[-TRACEBACK_CHARACTERS:]


def user_frame(error: BaseException) -> "Frame | None":
    """Where the user's code failed: the last line of it, or of a library if there is none of the user's."""
    library = os.path.dirname(os.__file__) + os.sep
    found: Frame | None = None
    is_found_users = False
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        package = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        file = code.co_filename
        if package not in ("portable", "asyncio") and not package.startswith("portable_"):
            is_users = not (file.startswith((library, "<frozen")) or f"{os.sep}site-packages{os.sep}" in file)
            if is_users or not is_found_users:
                found, is_found_users = (file, trace.tb_lineno, code.co_name), is_users
        trace = trace.tb_next
    return found
