"""What the stack does with functions: their zips, who may call them, what they print, and their end."""

import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from .clocks import Clocks
from .function_builds import BuildFailed, environment, unpack
from .function_instances import KEPT
from .function_logs import payload_of
from .functions import Function
from .identity import Keys

NAME = "projects/p-project/locations/europe-west1/functions/f"
HOST = "f-123456789012.europe-west1.run.app"
SECONDS = 60


def zipped(*entries: tuple[str, int]) -> bytes:
    """Files of that name and that kind of Unix."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, b"x")
    return file.getvalue()


def test_a_zip_is_unpacked_with_its_folders(tmp_path: Path) -> None:
    unpack(zipped(("a.py", 0o100644), ("b/c.py", 0o100644)), tmp_path / "out")
    assert sorted(str(one.relative_to(tmp_path / "out")) for one in (tmp_path / "out").rglob("*.py")) == [
        "a.py",
        "b/c.py",
    ]


@pytest.mark.parametrize(
    "data",
    [
        zipped(("../out.py", 0o100644)),
        zipped(("/out.py", 0o100644)),
        zipped(("a/../../out.py", 0o100644)),
        zipped(("a\\out.py", 0o100644)),
        zipped(("link", 0o120777)),
        b"no zip",
    ],
    ids=["parent", "absolute", "parent inside", "backslash", "link", "no zip"],
)
def test_a_zip_that_would_lie_elsewhere_is_no_source(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BuildFailed, match="Build failed"):
        unpack(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("out.py"))


def test_a_requirement_with_another_hash_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.gcp_stack.function_builds.HOME", tmp_path / "home")
    wanted = tmp_path / "requirements.txt"
    wanted.write_text(f"idna==3.10 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(BuildFailed, match=r"(?i)hash"):
        environment(wanted, f"{sys.version_info.major}.{sys.version_info.minor}")
    assert not list((tmp_path / "home").glob("*/.made"))


@pytest.fixture
def called() -> Any:
    """The status of a request to a function by a host and a token; who is let in finds no revision: 404."""
    keys, policy = Keys(), {"bindings": [{"role": "roles/run.invoker", "members": ["serviceAccount:ours@p"]}]}
    function = Function(NAME, HOST, keys, Clocks(), lambda: policy, lambda _: None, {})

    def call(host: str = HOST, account: str | None = None, audience: str = f"https://{HOST}") -> int:
        headers = {"host": host or function.endpoint.removeprefix("http://")}
        if account:
            headers["authorization"] = f"Bearer {keys.token(account, audience, time.time())}"
        try:
            with urlopen(Request(function.endpoint, b"", headers), timeout=SECONDS) as answer:
                return int(answer.status)
        except HTTPError as error:
            with error:
                return error.code

    yield call
    function.close()


def test_who_may_invoke_a_function_is_let_in_and_nobody_else(called: Callable[..., int]) -> None:
    assert called() == 401
    assert called(account="ours@p") == 404
    assert called(account="theirs@p") == 403
    assert called(account="ours@p", audience="https://g-123456789012.europe-west1.run.app") == 401
    # At its address on this machine, whoever deploys.
    assert called(host="") == 404


def test_lines_become_entries_as_google_reads_them() -> None:
    line = {
        "severity": "ERROR", "message": "m", "time": "2026-11-27T00:00:00Z", "n": 1,
        "logging.googleapis.com/trace": "t",
    }  # fmt: skip
    assert payload_of(json.dumps(line)) == {
        "severity": "ERROR", "timestamp": "2026-11-27T00:00:00Z", "trace": "t", "jsonPayload": {"message": "m", "n": 1},
    }  # fmt: skip
    assert payload_of("{no json") == {"textPayload": "{no json"}
    assert payload_of("text") == {"textPayload": "text"}


def test_a_kept_process_ends_with_the_input_of_its_keeper() -> None:
    child = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]
    with subprocess.Popen([sys.executable, str(KEPT), *child], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        pid = int(keeper.stdout.readline())
        os.kill(pid, 0)
        watchdog = threading.Timer(SECONDS, keeper.kill)
        watchdog.start()
        keeper.stdin.close()
        keeper.wait()
        watchdog.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
