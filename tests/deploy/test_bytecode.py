"""Byte code: that it is used as it is, the same every time, and shows the source's lines in a traceback."""

import importlib.util
import marshal
import os
import subprocess
import sys
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from portable.deploy import bytecode, portable_frozen
from portable.deploy.bytecode import COMPILER, Source, compile_frozen, compile_sources, find_interpreter
from portable.deploy.slimming import slim
from portable.errors import ConfigurationError

from .making import REPOSITORY, THIS

SOURCE = b"""
def divide(one: int, other: int) -> float:
    return one / other  # says why
WORDS = {"a", "b", "c"}
def known(word): return word in {"x", "y", "z", "w", "v"}
"""
MODULES = sorted(path for path in (REPOSITORY / "portable").glob("*.py"))


def this() -> bytecode.Interpreter:
    found = find_interpreter(THIS)
    assert found is not None
    return found


def test_the_running_python_compiles_for_its_own_version() -> None:
    assert this().path == sys.executable
    assert this().tag == sys.implementation.cache_tag


def test_a_version_that_is_nowhere_is_not_found() -> None:
    assert find_interpreter("3.99") is None


def test_another_python_on_path_is_found_by_what_it_says_of_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = tmp_path / "python3.98"
    liar.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    liar.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_interpreter("3.98") is None
    teller = tmp_path / "python3.97"
    teller.write_text('#!/bin/sh\necho \'["CPython", "3.97.2 (main)"]\'\n')
    teller.chmod(0o755)
    assert find_interpreter("3.97") == bytecode.Interpreter(str(teller), "3.97.2 (main)")


def test_the_byte_code_is_used_whatever_the_source_and_its_time_say(tmp_path: Path) -> None:
    (code,) = compile_sources(this(), [Source(f"{tmp_path}/thing.py", b"VALUE = 'compiled'\n")]).codes
    assert code is not None
    assert code[:8] == importlib.util.MAGIC_NUMBER + b"\x01\0\0\0"
    (tmp_path / "thing.py").write_text("VALUE = 'source'\n")
    cached = tmp_path / "__pycache__" / f"thing.{this().tag}.pyc"
    cached.parent.mkdir()
    cached.write_bytes(code)
    command = [sys.executable, "-c", "import thing; print(thing.VALUE)"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "compiled\n"


def test_checking_byte_code_against_its_source_finds_them_equal(tmp_path: Path) -> None:
    """The hash in it is the real one: `--check-hash-based-pycs always` takes it too."""
    source = b"VALUE = __import__('sys').modules[__name__].__cached__\n"
    (code,) = compile_sources(this(), [Source(f"{tmp_path}/thing.py", source)]).codes
    assert code is not None
    assert code[8:16] == importlib.util.source_hash(source)


def test_a_traceback_shows_the_line_of_the_source(tmp_path: Path) -> None:
    (code,) = compile_sources(this(), [Source("/var/task/thing.py", SOURCE)]).codes
    assert code is not None
    (tmp_path / "thing.py").write_bytes(SOURCE)
    cached = tmp_path / "__pycache__" / f"thing.{this().tag}.pyc"
    cached.parent.mkdir()
    cached.write_bytes(code)
    command = [sys.executable, "-c", "import thing; thing.divide(1, 0)"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f'File "{tmp_path}/thing.py", line 3, in divide' in done.stderr
    assert "    return one / other" in done.stderr


def test_no_path_of_this_machine_is_in_it() -> None:
    (code,) = compile_sources(this(), [Source("/var/task/thing.py", SOURCE)]).codes
    assert code is not None
    assert b"/var/task/thing.py" in code
    assert str(REPOSITORY).encode() not in code


@pytest.mark.parametrize("frozen", [False, True], ids=["plain", "frozen"])
def test_it_is_the_same_whatever_else_the_process_holds(monkeypatch: pytest.MonkeyPatch, frozen: bool) -> None:
    sources = [Source(f"/var/task/portable/{path.name}", path.read_bytes(), path.stem) for path in MODULES]
    assert len(sources) > 40

    def made(order: int, seed: str) -> dict[str, bytes]:
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        chosen = sources[::order]
        if frozen:
            modules: dict[str, tuple[bool, bytes]] = marshal.loads(compile_frozen(this(), chosen, {}))[0]
            return {name: code for name, (_, code) in modules.items()}
        codes = compile_sources(this(), chosen).codes
        return {one.module: code for one, code in zip(chosen, codes, strict=True) if code is not None}

    forwards, backwards = made(1, "0"), made(-1, "12345")
    assert len(forwards) == len(sources)
    assert [name for name in forwards if forwards[name] != backwards[name]] == []
    one = compile_sources(this(), sources[10:11]).codes if not frozen else None
    assert one is None or one[0] == forwards[sources[10].module]


def test_what_is_no_python_is_told_and_the_rest_is_compiled() -> None:
    files = [
        Source("/x/a.py", b"A = 1\n"),
        Source("/x/b.py", b"def (:\n"),
        Source("/x/c.py", b"\0"),
        Source("/x/d.py", b""),
    ]
    found = compile_sources(this(), files)
    assert [code is not None for code in found.codes] == [True, False, False, True]
    assert set(found.faults) == {"/x/b.py", "/x/c.py"}
    assert found.faults["/x/b.py"].startswith("SyntaxError: ")
    with pytest.raises(ConfigurationError, match=r"/x/b\.py"):
        compile_frozen(this(), files, {})


def test_nothing_that_is_compiled_is_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    source = f"open({str(witness)!r}, 'w').close()\n".encode()
    for name in ("sitecustomize", "ast", "thing"):
        compile_sources(this(), [Source(f"{tmp_path}/{name}.py", source)])
    assert not witness.exists()


def test_a_python_that_does_not_work_is_said_so(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no such library' >&2\nexit 127\n")
    broken.chmod(0o755)
    with pytest.raises(ConfigurationError, match="no such library"):
        compile_sources(bytecode.Interpreter(str(broken), "3.11.0"), [Source("/x/a.py", b"")])


SLIMMED = b'''
"""Docstring."""
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast, overload
if TYPE_CHECKING:
    import nowhere
class Point(NamedTuple):
    """A point."""
    x: int
    y: int = 2
    "What y is."
@overload
def twice(value: "nowhere.A") -> int: ...
@overload
def twice(value: str) -> str: ...
def twice(value, *more: int, factor: nothing = 2, **rest: int) -> unknown:
    """Twice."""
    later: int
    found: nothing = cast("nowhere.B", value)
    def inner() -> nothing:
        """Nothing else."""
    return found * factor
class Empty(Exception):
    """Only this."""
class Shape(Protocol):
    """What has an area."""
    def area(self) -> int:
        """So large."""
        ...
    def twice(self) -> int: return 2
if not TYPE_CHECKING:
    SHOWN = 1
LINE: int = 24
async def run() -> nothing: ...
'''


def test_what_only_people_and_type_checkers_read_is_not_in_frozen_code(monkeypatch: pytest.MonkeyPatch) -> None:
    made = compile_frozen(this(), [Source("/var/task/thing.py", SLIMMED, "thing")], {"beside.json": b"{}"})
    modules, beside = marshal.loads(made)
    assert beside == {"beside.json": b"{}"}
    monkeypatch.setitem(sys.modules, "portable_frozen", portable_frozen)
    space: dict[str, Any] = {"__name__": "thing"}
    exec(marshal.loads(modules["thing"][1]), space)
    assert space.get("__doc__") is None
    point, twice, empty = space["Point"], space["twice"], space["Empty"]
    assert point(1) == (1, 2)
    assert (repr(point(1)), point(1).y, point(1)._replace(x=3)) == ("Point(x=1, y=2)", 2, (3, 2))
    assert point.__annotations__ == {"x": int, "y": int}
    assert {"NamedTuple", "cast", "overload"} & set(space) == set()
    assert not [name for name in vars(space["Shape"]) if name in ("area", "_is_protocol")]
    assert space["Shape"]().twice() == 2
    assert twice(3) == 6
    assert twice.__annotations__ == {}
    assert empty.__doc__ is None
    assert (space["SHOWN"], space["LINE"]) == (1, 24)
    assert twice.__code__.co_firstlineno == 15
    assert getattr(space["run"], "__annotations__", None) == {}


def test_what_a_file_is_compiled_beside_changes_none_of_its_bytes() -> None:
    """What is kept of a file that did not change is what would be made of it again."""
    sources = [Source(f"/var/task/{path.name}", path.read_bytes()) for path in MODULES]
    together = compile_sources(this(), sources).codes
    assert tuple(compile_sources(this(), [one]).codes[0] for one in sources[:12]) == together[:12]
    assert compile_sources(this(), sources[12:]).codes == together[12:]


def test_the_compiler_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    """It runs under a Python that has no portable."""
    copy = tmp_path / "compiling.py"
    copy.write_bytes(COMPILER.read_bytes())
    request = b'{"frozen": false, "files": []}\n'
    command = [sys.executable, "-I", "-S", "-B", str(copy)]
    done = subprocess.run(command, input=request, capture_output=True, check=True, env={**os.environ, "PYTHONPATH": ""})
    assert done.stdout == b'{"files": [], "size": 0}\n'


def test_frozen_code_has_the_lines_of_the_source_with_fewer_entries() -> None:
    """Lines of all instructions, over all code of portable's runtime half, against what the compiler says."""
    sources = [Source(f"/var/task/portable/{path.name}", path.read_bytes(), path.stem) for path in MODULES]
    modules, _ = marshal.loads(compile_frozen(this(), sources, {}))
    shorter = checked = 0
    for source in sources:
        plain = compile(slim(source.data, source.name), source.name, "exec", dont_inherit=True, optimize=2)
        pairs = [(plain, marshal.loads(modules[source.module][1]))]
        for one, other in pairs:
            assert [line for _, _, line in spread(one)] == [line for _, _, line in spread(other)], other.co_qualname
            shorter += len(other.co_linetable) < len(one.co_linetable)
            checked += 1
            inner = zip(one.co_consts, other.co_consts, strict=True)
            pairs += [(left, right) for left, right in inner if isinstance(left, CodeType)]
    assert checked > 1000
    assert shorter > checked / 2


def spread(code: CodeType) -> list[tuple[int, int, int | None]]:
    """A line for each unit of code."""
    return [(at, at + 2, line) for start, end, line in code.co_lines() for at in range(start, end, 2)]
