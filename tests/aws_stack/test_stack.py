"""What the components of the stack are told beyond AWS's interfaces: the time of one account, and no other."""

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from portable_aws.accounts import AccountClock, clients_of, new_account

from portable.adapter import find_adapter
from portable.app import App
from portable.errors import ConfigurationError
from tests.aws_stack.fixtures import REGION, AwsStack, aws_stack

__all__ = ["aws_stack"]

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]


@pytest.fixture
def ask(aws_stack: AwsStack) -> Ask:
    def post(action: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{aws_stack.control}/{action}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=60) as response:
            found: dict[str, Any] = json.load(response)
            return found

    return post


def client(aws_stack: AwsStack, account: str, service: str) -> Any:
    session: Any = botocore.session.Session()
    session.set_credentials(account, "test")
    return session.create_client(service, region_name=REGION)


def bodies(sqs: Any, url: str) -> list[str]:
    return [
        message["Body"] for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]


def test_the_time_of_an_account_moves_its_queues_and_no_others(aws_stack: AwsStack, ask: Ask) -> None:
    one, two = new_account(), new_account()
    now = 1_800_000_000.0
    for account in (one, two):
        ask("clock", {"account": account, "now": now})
    found: list[tuple[Any, str]] = []
    for account in (one, two):
        sqs = client(aws_stack, account, "sqs")
        url: str = sqs.create_queue(QueueName="queue", Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=60)
        found.append((sqs, url))
    ask("clock", {"account": one, "now": now + 59.9})
    assert [bodies(*of) for of in found] == [[], []]
    ask("clock", {"account": one, "now": now + 60})
    assert [bodies(*of) for of in found] == [["x"], []]
    ask("clock", {"account": one, "now": now + 89.9})
    assert bodies(*found[0]) == []
    ask("clock", {"account": one, "now": now + 90})
    assert bodies(*found[0]) == ["x"]
    for account, (sqs, url) in zip((one, two), found, strict=True):
        sqs.delete_queue(QueueUrl=url)
        ask("forget", {"account": account})


def test_schedules_fire_when_the_clock_passes_them_with_what_they_say(aws_stack: AwsStack, ask: Ask) -> None:
    account, now = new_account(), 1_800_000_000.0
    ask("clock", {"account": account, "now": now})
    sqs, scheduler = client(aws_stack, account, "sqs"), client(aws_stack, account, "scheduler")
    url: str = sqs.create_queue(QueueName="queue")["QueueUrl"]
    shared: dict[str, Any] = {"FlexibleTimeWindow": {"Mode": "OFF"}, "ActionAfterCompletion": "DELETE"}
    target = {"Arn": f"arn:aws:sqs:{REGION}:{account}:queue", "RoleArn": f"arn:aws:iam::{account}:role/none"}
    scheduler.create_schedule(
        Name="hourly",
        ScheduleExpression="cron(0 * * * ? *)",
        Target={**target, "Input": "<aws.scheduler.scheduled-time>"},
        **shared,
    )
    scheduler.create_schedule(
        Name="once", ScheduleExpression="at(2027-01-15T09:30:00)", Target={**target, "Input": "once"}, **shared
    )
    assert ask("clock", {"account": account, "now": now + 2 * 3600}) == {"fired": 3}
    assert sorted(bodies(sqs, url)) == ["2027-01-15T09:00:00Z", "2027-01-15T10:00:00Z", "once"]
    assert [found["Name"] for found in scheduler.list_schedules()["Schedules"]] == ["hourly"]
    assert ask("clock", {"account": account, "now": now + 2 * 3600 + 1}) == {"fired": 0}
    scheduler.delete_schedule(Name="hourly")
    sqs.delete_queue(QueueUrl=url)
    ask("forget", {"account": account})


def test_an_app_that_ran_leaves_nothing_in_its_account(aws_stack: AwsStack) -> None:
    app = App("leaving")
    table, bucket, topic = app.table("items"), app.bucket("files"), app.topic("news")
    param, secret = app.param("size"), app.secret("key")

    @app.task
    def work() -> None: ...

    @topic.subscribe
    def heard() -> None: ...

    @app.every(hours=1)
    def hourly() -> None: ...

    with find_adapter("aws").running(app) as running:
        account: str = running.clock.account  # type: ignore[attr-defined]
        table.put({"id": "a"})
        for text in ("one", "two"):
            bucket.put("a", text)
        bucket.delete("a")
        running.set_value("param", "size", "1")
        running.set_value("secret", "key", "1")
        work.send(delay=3600)
        assert (param.get(), secret.get()) == ("1", "1")
    assert client(aws_stack, account, "dynamodb").list_tables()["TableNames"] == []
    assert client(aws_stack, account, "s3").list_buckets()["Buckets"] == []
    assert client(aws_stack, account, "sqs").list_queues().get("QueueUrls", []) == []
    assert client(aws_stack, account, "sns").list_topics()["Topics"] == []
    assert client(aws_stack, account, "sns").list_subscriptions()["Subscriptions"] == []
    assert client(aws_stack, account, "scheduler").list_schedules()["Schedules"] == []
    assert client(aws_stack, account, "ssm").describe_parameters()["Parameters"] == []
    assert client(aws_stack, account, "secretsmanager").list_secrets()["SecretList"] == []


def test_two_apps_that_run_at_once_do_not_see_one_another(aws_stack: AwsStack) -> None:
    apps = [App("same"), App("same")]
    tables = [app.table("items") for app in apps]
    adapter = find_adapter("aws")
    with adapter.running(apps[0]), adapter.running(apps[1]):
        tables[0].put({"id": "a"})
        assert list(tables[1].scan()) == []
        assert len(list(tables[0].scan())) == 1


def test_nothing_runs_where_a_client_would_speak_to_aws_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("", "_DYNAMODB", "_S3", "_SQS"):
        monkeypatch.delenv(f"AWS_ENDPOINT_URL{name}", raising=False)
    monkeypatch.delenv("PORTABLE_AWS_CONTROL", raising=False)
    with pytest.raises(ConfigurationError, match=r"dynamodb is at dynamodb\.eu-central-1\.amazonaws\.com"):
        with find_adapter("aws").running(App("refused")):
            pytest.fail("it runs")


def test_time_that_cannot_be_moved_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTABLE_AWS_CONTROL", raising=False)
    clock = AccountClock(new_account(), time.time())
    before = clock.now()
    with pytest.raises(ConfigurationError, match="no time that can be moved"):
        clock.advance(1)
    assert clock.now() == before


def test_clients_go_from_one_app_to_the_next_with_other_credentials(aws_stack: AwsStack) -> None:
    with clients_of("111111111111", REGION) as first:
        assert first.sqs.create_queue(QueueName="q")["QueueUrl"].endswith("/111111111111/q")
        with clients_of("222222222222", REGION) as second:
            assert second is not first
            assert second.sqs.list_queues().get("QueueUrls", []) == []
        first.sqs.delete_queue(QueueUrl=first.sqs.get_queue_url(QueueName="q")["QueueUrl"])
    with clients_of("333333333333", REGION) as third:
        assert third in (first, second)
        assert third.sqs.list_queues().get("QueueUrls", []) == []
