"""The verbs about a deployed stage, over the AWS deployer and our fake of AWS (tests/aws/deployer/fake_aws.py)."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import pytest
from portable_aws.adapter import AwsAdapter
from portable_aws.stage_values import AwsValues

from tests.aws.deployer.fake_aws import FakeAws, FakeClients
from tests.aws.deployer.shop import STACK, Shop

Command = Callable[..., Any]
APP = """
    from portable import App

    app = App("shop", targets=("aws",))
    orders = app.table("orders", key="id")
    currency = app.param("currency", default="EUR")
    key = app.secret("key")

    @app.task
    def pack(id: str) -> None:
        orders.put({"id": id})

    @app.get("/")
    def index() -> str:
        pack.send("1")
        return currency.get() + key.get()
"""
STAGE = ("--target", "aws", "--stage", "dev")


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.fixture
def app(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, aws: FakeAws) -> Path:
    """The folder of an app, in which the adapter for AWS leads to the fake."""

    class Faked(AwsAdapter):
        def deployer(self, app: str, stage: str) -> Any:
            assert app == "shop"
            return Shop(aws).deployer

        def values(self, app: str, stage: str) -> Any:
            return AwsValues(app, stage, FakeClients(aws))

    from portable.adapter import find_adapter

    def find(name: str) -> Any:
        return Faked() if name == "aws" else find_adapter(name)

    for module in ("options", "making"):
        monkeypatch.setattr(f"portable.cli.{module}.find_adapter", find)
    folder = write({"app.py": APP})
    monkeypatch.chdir(folder)
    return folder


def test_from_a_plan_to_a_destroy(command: Command, app: Path, aws: FakeAws) -> None:
    schema = json.loads((Path(__file__).parents[2] / "docs/plan.schema.json").read_text(encoding="utf-8"))
    plan = command("plan", *STAGE, "--json")
    assert plan.code == 0, plan.err
    jsonschema.validate(plan.json, schema)
    assert plan.json["counts"]["create"] > 10
    assert aws.stack(STACK) is None

    done = command("deploy", *STAGE, "--yes", "--json")
    assert done.code == 0, done.err
    assert set(done.json) == {"app", "stage", "changed", "release", "outputs"}
    assert done.json["changed"]
    assert done.json["release"]["number"] == 1
    assert "shop-dev-orders CREATE_COMPLETE" in done.err
    assert "+ create   table" in done.err

    again = command("deploy", *STAGE, "--yes")
    assert again.code == 0
    assert "release 1, nothing to change" in again.out

    outputs = command("outputs", *STAGE, "--json")
    assert outputs.json["outputs"]["StateTable"]
    releases = command("releases", *STAGE, "--json")
    assert [one["number"] for one in releases.json["releases"]] == [1]

    gone = command("destroy", *STAGE, "--yes", "--json")
    assert gone.code == 0, gone.err
    assert set(gone.json["kept"]) == {"shop-dev-orders", "shop-dev--state"}
    assert command("outputs", *STAGE).code == 1


def test_a_failed_deploy_says_the_first_resource_and_its_reason(command: Command, app: Path, aws: FakeAws) -> None:
    aws.fail("HandlerPackFunction", "create", "the zip is too large")
    done = command("deploy", *STAGE, "--yes", "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "P2005"
    assert "the zip is too large" in done.json["error"]["message"]
    assert "! function" in done.err


def test_lost_data_and_a_held_lock_have_exit_code_6(command: Command, app: Path, aws: FakeAws) -> None:
    assert command("deploy", *STAGE, "--yes").code == 0
    text = (app / "app.py").read_text()
    (app / "app.py").write_text(text.replace('app.table("orders"', 'app.table("sales"'))
    done = command("deploy", *STAGE, "--yes", "--json")
    assert (done.code, done.json["error"]["code"]) == (6, "P2006")
    assert "--lose shop-dev-orders" in done.json["error"]["hint"]
    with Shop(aws).deployer._session().lock.held("deploy", "somebody else"):
        done = command("deploy", *STAGE, "--yes", "--json")
    assert (done.code, done.json["error"]["code"]) == (6, "P2004")
    assert "somebody else" in done.json["error"]["message"]


def test_without_a_terminal_nothing_is_agreed_to(command: Command, app: Path, aws: FakeAws) -> None:
    done = command("deploy", *STAGE)
    assert done.code == 2
    assert "--yes" in done.err
    assert aws.calls() == []
    assert command("destroy", *STAGE).code == 2


def test_production_is_destroyed_by_its_name_only(command: Command, app: Path, aws: FakeAws) -> None:
    assert command("deploy", *STAGE, "--yes", "--prod").code == 0
    assert command("destroy", *STAGE, "--yes").code == 2
    assert command("destroy", *STAGE, "--confirm", "shop-prod").code == 2
    assert aws.stack(STACK) is not None
    assert command("destroy", *STAGE, "--confirm", "shop-dev").code == 0
    assert aws.stack(STACK) is None


def test_a_stage_stays_production_until_it_is_said_not_to_be(command: Command, app: Path, aws: FakeAws) -> None:
    assert command("deploy", *STAGE, "--yes", "--prod").code == 0
    assert command("plan", *STAGE, "--json").json["counts"]["update"] == 0
    assert command("deploy", *STAGE, "--yes").code == 0
    assert Shop(aws).deployer.is_prod() is True
    assert command("deploy", *STAGE, "--yes", "--no-prod").code == 0
    assert Shop(aws).deployer.is_prod() is False


def test_what_stops_production_stops_a_stage_that_was_deployed_as_such(
    command: Command, app: Path, aws: FakeAws
) -> None:
    assert command("deploy", *STAGE, "--yes", "--prod").code == 0
    more = "".join(f"\n@orders.on_change\ndef heard_{n}(change: object) -> None: ...\n" for n in range(3))
    (app / "app.py").write_text((app / "app.py").read_text() + more)
    done = command("plan", *STAGE)
    assert (done.code, "P3402" in done.out) == (1, True), done.out + done.err
    assert command("plan", *STAGE, "--no-prod").code == 0


def test_the_projects_settings_say_whom_alarms_tell_and_how_long_logs_stay(
    command: Command, app: Path, aws: FakeAws
) -> None:
    def resources(kind: str) -> list[dict[str, Any]]:
        stack = aws.stack(STACK)
        assert stack is not None
        found = [one["Properties"] for one in stack["template"]["Resources"].values() if one["Type"] == kind]
        assert found
        return found

    assert command("deploy", *STAGE, "--yes").code == 0
    assert {one["RetentionInDays"] for one in resources("AWS::Logs::LogGroup")} == {30}
    assert not any("AlarmActions" in one for one in resources("AWS::CloudWatch::Alarm"))
    topic = "arn:aws:sns:eu-central-1:123456789012:on-call"
    (app / "pyproject.toml").write_text(
        f'[tool.portable.aws]\nalarm_topics = ["{topic}"]\n[tool.portable.aws.dev]\nlog_days = 90\n'
    )
    for _ in range(2):
        assert command("deploy", *STAGE, "--yes").code == 0
        assert {one["RetentionInDays"] for one in resources("AWS::Logs::LogGroup")} == {90}
        assert all(one["AlarmActions"] == [topic] for one in resources("AWS::CloudWatch::Alarm"))
    for wrong in ("aws = 3", "[tool.portable.aws]\nlog_days = 91", "[tool.portable.aws]\nlogdays = 90"):
        (app / "pyproject.toml").write_text(f"[tool.portable]\n{wrong}\n")
        done = command("plan", *STAGE)
        assert (done.code, "pyproject.toml" in done.err) == (3, True), done.err


def test_an_app_with_errors_is_not_deployed(command: Command, app: Path, aws: FakeAws) -> None:
    (app / "app.py").write_text((app / "app.py").read_text() + "\n@app.task(timeout=5000)\ndef long() -> None: ...\n")
    done = command("deploy", *STAGE, "--yes")
    assert done.code != 0
    assert aws.calls() == []


def test_logs_are_printed_page_by_page(command: Command, app: Path, aws: FakeAws) -> None:
    now = int(time.time() * 1000)
    events = [
        {"timestamp": now + at, "message": message, "eventId": str(at)}
        for at, message in enumerate(
            ["START x", json.dumps({"timestamp": "t", "level": "INFO", "message": "packed 1"}), "END x", "old", "last"]
        )
    ]
    events.append({"timestamp": now - 10**7, "message": "long ago", "eventId": "0"})
    aws.change(lambda state: state["logs"].update({"/aws/lambda/shop-dev-pack": events}))
    done = command("logs", "pack", *STAGE, "--since", "5m")
    assert done.code == 0, done.err
    assert [line.split(" ", 2)[2] for line in done.out.splitlines()] == [
        "START x", "INFO    packed 1", "END x", "old", "last",
    ]  # fmt: skip
    lines = command("logs", "pack", *STAGE, "--json").out.splitlines()
    assert [json.loads(line)["text"] for line in lines][-1] == "last"
    aws.change(lambda state: state["logs"].update({"/aws/lambda/shop-dev--http": [{**events[3], "eventId": "h"}]}))
    done = command("logs", *STAGE, "--since", "5m")
    assert [line.split(" ", 2)[2] for line in done.out.splitlines()] == [
        "shop-dev-pack START x", "shop-dev-pack INFO    packed 1", "shop-dev-pack END x",
        "shop-dev-pack old", "shop-dev--http old", "shop-dev-pack last",
    ]  # fmt: skip
    lines = command("logs", *STAGE, "--json").out.splitlines()
    assert [json.loads(line)["function"] for line in lines][4] == "shop-dev--http"
    assert command("logs", "nothing", *STAGE).code == 1
    assert command("logs", "pack", *STAGE, "--since", "yesterday").code == 2


BROKEN = {
    "a missing module": "import nowhere_to_be_found\n" + dedent(APP),
    "an error at import": dedent(APP) + "\n1 / 0\n",
    "not Python": dedent(APP).replace('targets=("aws",)', '\n    targets=("aws",),\n') + "\ndef half(:\n",
    "the end of the process": "import os\n" + dedent(APP) + "\nos._exit(3)\n",
    "an error of declaration": dedent(APP) + "\napp.table('orders', key='id')\n",
}


@pytest.mark.parametrize("how", sorted(BROKEN))
def test_an_app_that_does_not_import_is_gone_by_its_name(command: Command, app: Path, aws: FakeAws, how: str) -> None:
    assert command("deploy", *STAGE, "--yes").code == 0
    (app / "app.py").write_text(dedent(APP) + "\n@app.task\ndef ship() -> None: ...\n")
    assert command("deploy", *STAGE, "--yes").code == 0
    (app / "app.py").write_text(BROKEN[how])
    for verb in ("plan", "deploy"):
        done = command(verb, *STAGE, *(["--yes"] if verb == "deploy" else []))
        assert done.code != 0, verb

    def tried(*arguments: str) -> Any:
        done = command(*arguments, *STAGE)
        assert done.code == 0, (arguments, done.err)
        assert "the app does not import; going by its name shop" in done.err
        return done

    assert "StateTable" in tried("outputs").out
    assert len(tried("releases", "--json").json["releases"]) == 2
    tried("logs")
    back = tried("rollback", "--yes", "--json").json
    assert (back["app"], back["release"]["of"]) == ("shop", 1)
    gone = tried("destroy", "--yes", "--delete-data", "orders", "--json").json
    assert (gone["kept"], gone["deleted"]) == (["shop-dev--state"], ["shop-dev-orders"])


def test_a_stage_is_found_by_a_name_without_any_app(
    command: Command, app: Path, aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("deploy", *STAGE, "--yes").code == 0
    monkeypatch.chdir(tmp_path)
    assert command("outputs", *STAGE).code == 3
    for verb in (("outputs",), ("releases",), ("logs",), ("rollback", "1", "--yes"), ("destroy", "--yes")):
        done = command(*verb, *STAGE, "--name", "shop")
        assert done.code == 0, (verb, done.err)
    # And what is left of it, once the stack is gone.
    gone = command("destroy", "--yes", *STAGE, "--name", "shop", "--delete-data", "table:orders", "--json")
    assert gone.json["deleted"] == ["shop-dev-orders"]
    assert command("outputs", *STAGE, "--name", "No App").code == 2
    assert command("logs", "--name", "shop").code == 2


def test_a_name_that_is_made_at_import_does_not_count(command: Command, app: Path, aws: FakeAws) -> None:
    assert command("deploy", *STAGE, "--yes").code == 0
    (app / "app.py").write_text("import nowhere_to_be_found\n" + dedent(APP).replace('"shop"', '"sh" + "op"'))
    done = command("outputs", *STAGE)
    assert done.code == 3
    assert "--name APP" in done.err
    # The project's own name will do to look, and not to delete.
    (app / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    assert command("outputs", *STAGE).code == 0
    assert command("destroy", *STAGE, "--yes").code == 3
    assert aws.stack(STACK) is not None


def test_logs_without_an_app_are_of_what_is_deployed(command: Command, app: Path, aws: FakeAws) -> None:
    assert command("deploy", *STAGE, "--yes").code == 0
    (app / "app.py").write_text("import nowhere_to_be_found\n" + dedent(APP))
    now = int(time.time() * 1000)
    events = {
        f"/aws/lambda/{name}": [{"timestamp": now, "message": f"of {name}", "eventId": name}]
        for name in ("shop-dev-pack", "shop-dev--http")
    }
    aws.change(lambda state: state["logs"].update(events))
    assert sorted(line.rpartition("of ")[2] for line in command("logs", *STAGE).out.splitlines()) == [
        "shop-dev--http", "shop-dev-pack",
    ]  # fmt: skip
    assert command("logs", "pack", *STAGE).out.endswith("of shop-dev-pack\n")
    assert command("logs", "http:shop", *STAGE).out.endswith("of shop-dev--http\n")
    done = command("logs", "nothing", *STAGE)
    assert (done.code, "there are: http:shop, pack" in done.err) == (1, True), done.err


def test_the_policy_of_whoever_deploys(command: Command) -> None:
    done = command("doctor", "--target", "aws", "--policy")
    assert done.code == 0
    actions = {action for one in done.json["Statement"] for action in one["Action"]}
    assert {"cloudformation:ExecuteChangeSet", "lambda:CreateFunction", "iam:PassRole", "s3:PutObject"} <= actions
    assert not {"dynamodb:GetItem", "dynamodb:Scan", "secretsmanager:GetSecretValue"} & actions
    assert command("doctor", "--policy").code == 2


def test_verbs_of_a_stage_take_the_app_with_and_without_the_option(
    command: Command, app: Path, aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for verb in (("plan",), ("deploy", "--yes"), ("outputs",), ("releases",), ("destroy", "--yes")):
        assert command(*verb, *STAGE, "--app", app).code == 0, verb
        assert command(*verb, app, *STAGE, "--app", app).code == 2, verb
    assert command("plan", app, *STAGE).code == 0


def test_a_stage_that_no_stage_can_be_called_is_a_mistake_of_usage(command: Command, app: Path, aws: FakeAws) -> None:
    verbs = (
        ("plan",), ("deploy", "--yes"), ("destroy", "--yes"), ("outputs",), ("releases",), ("rollback", "--yes"),
        ("logs",), ("invoke", "pack"), ("config", "list"), ("secret", "list"), ("package", "--out", "out"),
    )  # fmt: skip
    for verb in verbs:
        for stage in ("Dev", "my-stage", "1st", "", "a" * 17):
            done = command(*verb, "--target", "aws", "--stage", stage)
            assert (done.code, "lower-case letters and digits" in done.err) == (2, True), (verb, stage, done.err)
    done = command("plan", "--target", "aws", "--stage", "Dev", "--json")
    assert done.json["error"]["exit_code"] == 2
    assert aws.calls() == []


def test_a_stage_is_named_whole(command: Command, app: Path) -> None:
    for arguments in (
        ("config", "set", "currency", "CHF", "--stage", "dev"),
        ("config", "list", "--target", "aws"),
        ("secret", "list", *STAGE, "--data", "here"),
        ("invoke", "pack", "--stage", "dev"),
    ):
        assert command(*arguments).code == 2, arguments
