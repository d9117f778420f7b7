"""Nothing of the console is deployed, and nothing that is deployed loads it."""

import subprocess
import sys

import pytest

from portable.deploy.runtime_half import PORTABLE

ENTRIES = ["portable.app", "portable.dispatch", "portable.telemetry", "portable.recording", "portable_aws.runtime"]


def test_no_module_of_a_bundle_is_the_consoles() -> None:
    assert len(PORTABLE) > 40
    assert not [name for name in PORTABLE if "console" in name]


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_runs_deployed_loads_nothing_of_it(entry: str) -> None:
    code = f"import sys, {entry}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert entry in loaded
    assert not [
        name for name in loaded if name.startswith(("portable.console", "portable_local", "sqlite3", "uvicorn"))
    ]
