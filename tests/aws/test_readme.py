"""The README's way to AWS without an account, typed as a new user would type it: two terminals, questions answered."""

import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.aws.deploying import HERE, NOT_COPIED
from tests.aws_stack import installation
from tests.aws_stack.ownership import OWNER

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LONGEST = 900.0
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
MARK = "\n:done:"
OPTIONS = re.compile(r"--python \S+ --arch \S+")


def block() -> list[str]:
    """The commands of the README's AWS section that need no account, without what is said of them."""
    section = PAGE.partition("\n## To AWS\n")[2].partition("\n## ")[0]
    (found,) = [one for one in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) if "make aws-stack" in one]
    return [line.partition("#")[0].strip() for line in found.splitlines() if line.strip()]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the commands need of a clone: the environment with portable, the example, the installed parts of the stack.

    Not the repository itself, in which somebody may be at work with a stack of their own.
    """
    folder = tmp_path / "clone"
    stack = folder / ".venv-aws"
    stack.mkdir(parents=True)
    for part in installation.HOME.glob("*-*"):
        (stack / part.name).symlink_to(part)
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/activate").write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
    for name in ("tests", "portable", "adapters"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "examples/notes", folder / "examples/notes", ignore=NOT_COPIED)
    return folder


@pytest.fixture
def stack(clone: Path) -> Generator[str]:
    """The first terminal: what `make aws-stack` runs, until it is interrupted. What it has said."""
    recipe = (ROOT / "Makefile").read_text().partition("\naws-stack:")[2].partition("\n\n")[0]
    assert recipe.splitlines()[1].strip() == "$(BIN)/python -m tests.aws_stack.serve"
    environment = {name: value for name, value in os.environ.items() if name != OWNER}
    environment["PORTABLE_AWS_STACK"] = str(clone / ".venv-aws")
    command = [sys.executable, "-m", "tests.aws_stack.serve"]
    with (
        (clone / "said.txt").open("wb") as said,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT) as serving,
    ):
        try:
            give_up = time.monotonic() + LONGEST
            while "Interrupt this one" not in (text := (clone / "said.txt").read_text()):
                assert serving.poll() is None, text
                assert time.monotonic() < give_up, text
                time.sleep(0.1)
            yield text
        finally:
            serving.send_signal(2)
            assert serving.wait(60) == 0
    assert not (clone / ".venv-aws/environment").exists()


def typed(lines: list[str], folder: Path) -> list[tuple[int, str]]:
    """The commands in one shell at a terminal, where questions are answered with yes: exit code and what was shown."""
    master, terminal = os.openpty()
    script = "".join(f"{line}\necho '{MARK.strip()}'$?\n" for line in lines)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"TERM": "dumb", "PYTHONPATH": str(ROOT)}
    shell = subprocess.Popen(
        ["sh", "-c", script], cwd=folder, env=environment, stdin=terminal, stdout=terminal, stderr=terminal,
        start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    shown, answered = "", 0
    give_up = time.monotonic() + LONGEST
    try:
        while True:
            assert time.monotonic() < give_up, shown
            if not select.select([master], [], [], 1.0)[0]:
                continue
            try:
                piece = os.read(master, 65536)
            except OSError:
                # What Linux says once nobody holds the terminal any more.
                break
            if not piece:
                break
            shown += piece.decode(errors="replace")
            for _ in range(shown.count("[y/N]") - answered):
                os.write(master, b"y\n")
                answered += 1
    finally:
        os.close(master)
        shell.kill()
        shell.wait()
    text = shown.replace("\r\n", "\n")
    pieces = re.split(r":done:(\d+)\n", text)
    return [(int(code), said) for said, code in zip(pieces[::2], pieces[1::2], strict=False)]


def test_the_readmes_way_to_aws_without_an_account_works_as_it_is_written(clone: Path, stack: str) -> None:
    first, *rest = block()
    assert first == "make aws-stack"
    # It says with which options functions run on this machine; the page has those of one.
    (options,) = OPTIONS.findall(stack)
    assert options == " ".join(HERE)
    assert any(OPTIONS.search(line) for line in rest)
    done = typed([OPTIONS.sub(options, line) for line in rest], clone)
    assert [code for code, _ in done] == [0] * len(rest), done
    said = dict(zip([line.partition(" --")[0] for line in rest], [text for _, text in done], strict=True))
    deploy, invoke, destroy = (
        said[name] for name in ("portable deploy examples/notes", "portable invoke sweep", "portable destroy")
    )
    assert "apply this? [y/N]" in deploy
    assert "TableNotesName" in deploy
    # What the handler returned.
    assert invoke.strip() == "null"
    assert "notes-dev-notes" in destroy
