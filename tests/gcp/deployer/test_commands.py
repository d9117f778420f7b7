"""The command line over the fake control planes: the same words and exit codes as on AWS."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from portable.cli.commands import run
from tests.gcp.deployer.fake_google import Google

APP = """
from portable import App

app = App("corner", targets=("gcp",))
orders = app.table("orders", key="id")


@app.get("/orders/{id}")
def read(id: str) -> dict[str, str]:
    return orders.require({"id": id})


@app.task
def pack(id: str) -> None:
    orders.put({"id": id})
"""
STAGE = ("--target", "gcp", "--stage", "dev")
HERE = ("--python", f"{sys.version_info.major}.{sys.version_info.minor}")


class Command:
    """Commands about one project, by what they print with --json."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capfd = capfd

    def __call__(self, *arguments: object, code: int = 0) -> Any:
        self._capfd.readouterr()
        found = run([*(str(one) for one in arguments), "--json"])
        out, err = self._capfd.readouterr()
        assert found == code, err + out
        return json.loads(out)

    def deploy(self, *more: str, code: int = 0) -> Any:
        return self("deploy", self.folder, *STAGE, *HERE, "--yes", *more, code=code)


@pytest.fixture
def command(
    google: Google,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> Command:
    assert pytestconfig.cache is not None
    monkeypatch.setenv("PORTABLE_CACHE", str(pytestconfig.cache.mkdir("portable-bundles")))
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    return Command(tmp_path, capfd)


def test_an_app_from_plan_to_destroy(command: Command, google: Google) -> None:
    app = ("--app", command.folder)
    assert command("outputs", *app, *STAGE, code=1)["error"]["code"] == "P1002"
    plan = command("plan", command.folder, *STAGE, *HERE)
    assert plan["provider"] == "gcp"
    assert plan["counts"]["create"] > 15
    assert google.names("functions") == []

    first = command.deploy()
    assert (first["changed"], first["release"]["number"]) == (True, 1)
    assert first["outputs"]["ApiUrl"] == "https://corner-dev--http-123456789012.europe-west1.run.app"
    assert google.names("functions") == ["corner-dev--http", "corner-dev-pack"]
    assert command.deploy()["changed"] is False
    assert command("outputs", *app, *STAGE) == {"outputs": first["outputs"]}

    source = command.folder / "app.py"
    source.write_text(source.read_text(encoding="utf-8") + "\n\nAGAIN = 1\n", encoding="utf-8")
    assert command.deploy()["release"]["number"] == 2
    assert [one["number"] for one in command("releases", *app, *STAGE)["releases"]] == [1, 2]
    assert command("rollback", *app, *STAGE, "--yes")["release"]["of"] == 1

    google.project.entries.append(
        {
            "insertId": "1", "logName": "projects/portable-test/logs/stdout", "timestamp": "2099-01-01T00:00:00Z",
            "resource": {"type": "cloud_run_revision", "labels": {"service_name": "corner-dev-pack"}},
            "textPayload": "packed",
        }
    )  # fmt: skip
    run(["logs", "pack", "--app", str(command.folder), *STAGE])
    assert "packed" in command._capfd.readouterr().out

    gone = command("destroy", *app, *STAGE, "--yes")
    assert gone["kept"] == ["corner-dev", "corner-dev/orders"]
    assert google.names("functions") == []
    gone = command("destroy", *app, *STAGE, "--yes", "--delete-data", "database")
    assert (gone["kept"], gone["deleted"]) == ([], ["corner-dev"])


def test_what_is_left_of_production_is_asked_about_by_name_too(command: Command, google: Google) -> None:
    app, source = ("--app", command.folder), command.folder / "app.py"
    # A task that nobody sends is a warning, which production does not have.
    source.write_text(APP.replace("    return orders", "    pack.send(id)\n    return orders"), encoding="utf-8")
    command.deploy("--prod")
    command("destroy", *app, *STAGE, "--confirm", "corner-dev")
    refused = command("destroy", *app, *STAGE, "--yes", "--delete-data", "database", code=2)
    assert "there is no terminal to ask on" in refused["error"]["message"]
    assert google.names("databases") == ["corner-dev"]
    gone = command("destroy", *app, *STAGE, "--confirm", "corner-dev", "--delete-data", "database")
    assert (gone["kept"], gone["deleted"]) == ([], ["corner-dev"])
    # Nothing is left, and with it nothing of production.
    again = command("destroy", *app, *STAGE, "--yes")
    assert again["deleted"] == []


def test_data_at_risk_and_a_lock_have_the_exit_codes_that_they_have_everywhere(
    command: Command, google: Google
) -> None:
    command.deploy()
    source = command.folder / "app.py"
    source.write_text(source.read_text(encoding="utf-8").replace('"orders", key="id"', '"lines", key="id"'))
    refused = command.deploy(code=6)
    assert refused["error"]["code"] == "P2006"
    key = next(name for name in google.project.resources if name.endswith("/objects/locks/corner-dev.json"))
    held = json.loads(google.project.resources[key]["_data"]) | {"free": False, "place": "elsewhere"}
    google.project.resources[key]["_data"] = json.dumps(held).encode()
    assert "is being changed by" in command.deploy("--lose", "orders", code=6)["error"]["message"]


def test_the_rights_of_a_deploy_are_printed_as_a_role(command: Command) -> None:
    found = command("doctor", "--target", "gcp", "--policy")
    assert "cloudfunctions.functions.create" in found["includedPermissions"]
