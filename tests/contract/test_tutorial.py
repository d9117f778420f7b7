"""The tutorial, walked: its files are written, its commands are run in order, what they print is what it says."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/tutorial.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVE = "portable dev"
ADDRESS = "localhost:8000"
DEADLINE = 90.0


class Block(NamedTuple):
    """One block of the page; `line` is its first one."""

    line: int
    language: str
    text: str


def blocks(text: str) -> list[Block]:
    return [Block(text.count("\n", 0, found.start()) + 2, found[1], found[2]) for found in BLOCK.finditer(text)]


def fits(printed: str, expected: str) -> bool:
    """Whether an output is the expected one; `...` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


class Walk:
    """The reader: a folder to be in, a terminal, and perhaps a second one in which the app is served."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.address = ""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PORTABLE"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
        self.environment = {**kept, "PATH": path, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def write(self, block: Block) -> str:
        """A block of Python, whose first line says where it belongs; gives that."""
        first = block.text.partition("\n")[0]
        assert re.fullmatch(r"# [\w/]+\.py", first), f"{PAGE.name}:{block.line}: no name of a file"
        name = first.removeprefix("# ")
        log = self.folder.parent / "log"
        # What is imported; a test that is written is none of the server's business.
        is_served = bool(self.address) and (self.folder / name).exists()
        reloads = log.read_text().count(f"reloaded {name} in ") if is_served else 0
        (self.folder / name).write_text(block.text, encoding="utf-8")
        end = time.monotonic() + DEADLINE
        while is_served and log.read_text().count(f"reloaded {name} in ") == reloads:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        return name

    def run(self, line: str, expected: str | None, where: str) -> None:
        """One line of a shell block. What is asked of the server may take a moment to be so."""
        words = line.split()
        if words[0] == "cd":
            self.folder /= words[1]
            assert self.folder.is_dir()
        elif line == SERVE:
            self.address = self.stack.enter_context(served(self.folder, self.environment))
        else:
            end = time.monotonic() + DEADLINE
            while True:
                done = subprocess.run(
                    ["bash", "-c", line.replace(ADDRESS, self.address or ADDRESS)],
                    cwd=self.folder,
                    env=self.environment,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=DEADLINE,
                )
                is_right = done.returncode == 0 and (expected is None or fits(done.stdout, expected))
                if is_right or words[0] != "curl" or time.monotonic() > end:
                    break
                time.sleep(0.1)
            assert done.returncode == 0, f"{where}: {line}\n{done.stdout}{done.stderr}"
            assert is_right, f"{where}: {line}\n{done.stdout}\nis not\n{expected}"


@contextmanager
def served(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """`portable dev`, on a port of its own; gives its address."""
    ready, log = folder.parent / "ready.json", folder.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*SERVE.split(), "--port", "0", "--ready-file", str(ready)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        end = time.monotonic() + DEADLINE
        while not ready.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield str(json.loads(ready.read_text())["api"]).removeprefix("http://").rstrip("/")
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def test_the_tutorial_works_as_it_is_written(tmp_path: Path) -> None:
    for tool in ("bash", "curl"):
        assert shutil.which(tool), f"{tool} is needed to walk the tutorial: install it"
    found = blocks(PAGE.read_text(encoding="utf-8"))
    written: list[str] = []
    lines = compared = 0
    with ExitStack() as stack:
        walk = Walk(tmp_path, stack)
        for block, following in zip(found, [*found[1:], Block(0, "", "")], strict=True):
            where = f"{PAGE.name}:{block.line}"
            if block.language == "python":
                written.append(walk.write(block))
            elif block.language == "sh":
                *before, last = block.text.splitlines()
                expected = following.text if following.language == "text" else None
                for line in before:
                    walk.run(line, None, where)
                walk.run(last, expected, where)
                lines += len(before) + 1
                compared += expected is not None
            else:
                assert block.language == "text", where
    assert set(written) == {"app.py", "test_app.py"}
    assert lines >= 12
    assert compared >= 9


@pytest.mark.parametrize(
    ("printed", "expected", "does"),
    [("a\n", "a", True), ("a", "b", False), ("axxb", "a...b", True), ("a\nx\nb", "a...b", True), ("ab", "a", False)],
)
def test_outputs_are_compared_whole_but_for_dots(printed: str, expected: str, does: bool) -> None:
    assert fits(printed, expected) is does
