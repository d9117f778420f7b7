"""Compiles Python for a bundle, as the program of a process of the target's Python: `python -I -S -B compiling.py`.

It reads one line of JSON and then the sources, and answers the same way. Standard library only, nothing of portable:
it runs under another Python than portable does. Nothing that it compiles is run. The same source gives the same bytes
in every process, and whatever is compiled beside it.
"""

import json
import marshal
import sys

# As importlib.util has it, which takes as long to import as a file to compile; so does typing.
from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any

UNCHECKED = 1
"""Flags of byte code that is used whatever its source says: https://peps.python.org/pep-0552/."""


def slimming() -> "ModuleType":
    """The module beside this one, which no path leads to."""
    import importlib.util
    import os

    name = "slimming"
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compiled(source: bytes, name: str, slim: "ModuleType | None") -> bytes:
    """The code of a module. Raises SyntaxError or ValueError for what is no Python."""
    if slim is not None:
        code: CodeType = slim.with_short_lines(
            compile(slim.slim(source, name), name, "exec", dont_inherit=True, optimize=2)
        )
    else:
        code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    return marshal.dumps(code)


def source_hash(source: bytes) -> bytes:
    import _imp

    # From Python 3.14 on the number is there under a name of its own; before, it is in the header.
    key = getattr(_imp, "pyc_magic_number_token", None)
    if key is None:
        key = int.from_bytes(MAGIC_NUMBER, "little")
    return _imp.source_hash(key, source)


def pyc(source: bytes, name: str, slim: "ModuleType | None") -> bytes:
    header = MAGIC_NUMBER + UNCHECKED.to_bytes(4, "little") + source_hash(source)
    return header + compiled(source, name, slim)


def main() -> None:
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    request = json.loads(incoming.readline())
    slim = slimming() if request.get("slim") else None
    answers: list[dict[str, Any]] = []
    pieces: list[bytes] = []
    modules: dict[str, tuple[bool, bytes]] = {}
    # The compiler warns of what it finds odd in the sources of others.
    import warnings

    warnings.simplefilter("ignore")
    for one in request["files"]:
        source = incoming.read(one["size"])
        try:
            if request["frozen"]:
                code = compiled(source, one["name"], slim)
                modules[one["module"]] = (one["is_package"], code)
            else:
                code = pyc(source, one["name"], slim)
                pieces.append(code)
            answers.append({"size": len(code)})
        except (SyntaxError, ValueError, RecursionError) as error:
            answers.append({"fault": f"{type(error).__name__}: {error}"})
            pieces.append(b"")
    if request["frozen"]:
        beside = {one["name"]: incoming.read(one["size"]) for one in request["beside"]}
        pieces = [marshal.dumps((modules, beside))]
    answer = {"files": answers, "size": sum(len(piece) for piece in pieces)}
    outgoing.write(json.dumps(answer).encode() + b"\n")
    for piece in pieces:
        outgoing.write(piece)
    outgoing.flush()


if __name__ == "__main__":
    main()
