"""The README's way to Google Cloud without an account, typed as a new user would: two terminals, questions answered."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.aws.test_readme import PAGE, ROOT, typed
from tests.gcp.deploying import HERE, NOT_COPIED

pytestmark = pytest.mark.slow
PATIENCE = 120.0
OPTION = re.compile(r"--python \S+")


def block() -> list[str]:
    """The commands of the README's section that need no account, without what is said of them."""
    section = PAGE.partition("\n## To Google Cloud\n")[2].partition("\n## ")[0]
    (found,) = [one for one in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) if "make gcp-stack" in one]
    return [line.partition("#")[0].strip() for line in found.splitlines() if line.strip()]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What the commands need of a clone, so that a stack of somebody's in the repository is left alone."""
    folder = tmp_path / "clone"
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/activate").write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
    shutil.copytree(ROOT / "examples/notes", folder / "examples/notes", ignore=NOT_COPIED)
    return folder


@pytest.fixture
def stack(clone: Path) -> Generator[Path]:
    """The first terminal: what `make gcp-stack` runs, until it is interrupted. The file of what it says."""
    recipe = (ROOT / "Makefile").read_text().partition("\ngcp-stack:")[2].partition("\n\n")[0]
    assert recipe.splitlines()[1].strip() == "$(BIN)/python -m tests.gcp_stack.serve"
    environment = {**os.environ, "PORTABLE_GCP_STACK": str(clone / ".venv-gcp")}
    file = clone / "said.txt"
    command = [sys.executable, "-m", "tests.gcp_stack.serve"]
    with (
        file.open("wb") as said,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT) as serving,
    ):
        try:
            give_up = time.monotonic() + PATIENCE
            while "Interrupt this one" not in (text := file.read_text()):
                assert serving.poll() is None, text
                assert time.monotonic() < give_up, text
                time.sleep(0.1)
            yield file
        finally:
            serving.send_signal(2)
            assert serving.wait(60) == 0
    assert not (clone / ".venv-gcp/environment").exists()


def test_the_readmes_way_to_google_cloud_without_an_account_works_as_it_is_written(clone: Path, stack: Path) -> None:
    first, *rest = block()
    assert first == "make gcp-stack"
    # It says with which option functions run on this machine; the page has that of one.
    (option,) = OPTION.findall(stack.read_text())
    assert option == " ".join(HERE)
    done = typed([OPTION.sub(option, line) for line in rest], clone)
    assert [code for code, _ in done] == [0] * len(rest), done
    said = dict(zip([line.partition(" --")[0] for line in rest], [text for _, text in done], strict=True))
    deploy = said["portable deploy examples/notes"]
    assert "apply this? [y/N]" in deploy
    assert "https://notes-dev--http-" in deploy
    # What the handler returned, and what its function said.
    assert said["portable invoke sweep"].strip() == "null"
    assert "schedule:sweep" in said["portable logs"]
    assert "kept: notes-dev/notes" in said["portable destroy"]
    assert "notes-dev--http-123456789012.europe-west1.run.app answers at http://127.0.0.1:" in stack.read_text()
