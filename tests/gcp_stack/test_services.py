"""Cloud Tasks, Pub/Sub, Scheduler and Secret Manager of the stack, asked by Google's own client libraries."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import scheduler_v1, secretmanager_v1, tasks_v2
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import PubsubMessage

from .asking import Project, body, header
from .fixtures import GcpServices, gcp_services

__all__ = ["gcp_services"]

numbers = itertools.count(1)
START = 1_800_000_000.0
"""2027-01-15, 8:00 UTC."""
TARGET = {"url": "https://work.example/a?b=1"}


class Clients:
    """Google's clients, one project, and its control."""

    def __init__(self, services: GcpServices) -> None:
        self.services = services.services
        options: Any = {
            "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]
            "transport": "rest",
            "client_options": {"api_endpoint": services.services.endpoint},
        }
        self.tasks: Any = tasks_v2.CloudTasksClient(**options)
        self.scheduler: Any = scheduler_v1.CloudSchedulerClient(**options)
        self.secrets: Any = secretmanager_v1.SecretManagerServiceClient(**options)
        self.publisher: Any = PublisherClient(**options)
        self.subscriber: Any = SubscriberClient(**options)
        self.project = Project(services.services.control, f"project-{next(numbers)}")
        self.place = f"projects/{self.project.name}/locations/europe-west1"

    def queue(self, short: str = "work", **settings: Any) -> str:
        name = f"{self.place}/queues/{short}"
        self.tasks.create_queue(parent=self.place, queue={"name": name, **settings})
        return name

    def task(self, queue: str, **settings: Any) -> str:
        task = {"http_request": {**TARGET, "body": b"hello"}, **settings}
        return str(self.tasks.create_task(parent=queue, task=task).name)

    def topic(self, short: str) -> str:
        name = f"projects/{self.project.name}/topics/{short}"
        self.publisher.create_topic(name=name)
        return name

    def subscription(self, topic: str, short: str, **settings: Any) -> str:
        name = f"projects/{self.project.name}/subscriptions/{short}"
        self.subscriber.create_subscription(request={"name": name, "topic": topic, **settings})
        return name

    def publish(self, topic: str, data: bytes, **attributes: str) -> None:
        self.publisher.publish(topic=topic, messages=[PubsubMessage(data=data, attributes=attributes)])

    def pull(self, subscription: str, most: int = 10) -> list[Any]:
        return list(self.subscriber.pull(subscription=subscription, max_messages=most).received_messages)


@pytest.fixture
def google(gcp_services: GcpServices) -> Iterator[Clients]:
    found = Clients(gcp_services)
    yield found
    found.project.ask("forget")


# Cloud Tasks


def test_a_task_is_dispatched_as_google_documents_it(google: Clients) -> None:
    google.project.clock(START)
    queue = google.queue()
    name = google.task(queue, http_request={**TARGET, "body": b"hello", "headers": {"Content-Type": "a/b"}})
    [sent] = google.project.due()
    assert (sent["service"], sent["resource"], sent["method"]) == ("cloudtasks", queue, "POST")
    assert (sent["url"], body(sent), sent["deadline"]) == (TARGET["url"], b"hello", 600.0)
    assert header(sent, "content-type") == "a/b"
    assert header(sent, "x-cloudtasks-queuename") == "work"
    assert header(sent, "x-cloudtasks-taskname") == name.rpartition("/")[2]
    assert header(sent, "x-cloudtasks-taskretrycount") == "0"
    assert header(sent, "x-cloudtasks-tasketa") == f"{START:.6f}"
    assert header(sent, "user-agent") == "Google-Cloud-Tasks"
    assert header(sent, "authorization") is None
    google.project.answer(sent, 200)
    with pytest.raises(exceptions.NotFound):
        google.tasks.get_task(name=name)


def test_a_queue_has_a_target_of_its_own_and_a_token_for_it(google: Clients) -> None:
    target = {
        "uri_override": {
            "scheme": "HTTPS",
            "host": "shop-dev-work-1.europe-west1.run.app",
            "path_override": {"path": "/"},
            "query_override": {"query_params": ""},
        },
        "oidc_token": {"service_account_email": "work@p.iam.gserviceaccount.com", "audience": "https://x"},
        "http_method": "POST",
    }
    google.task(google.queue(http_target=target))
    [sent] = google.project.due()
    assert sent["url"] == "https://shop-dev-work-1.europe-west1.run.app/"
    scheme, _, token = str(header(sent, "authorization")).partition(" ")
    claims = google.services.keys.claims(token)
    assert scheme == "Bearer"
    assert claims is not None
    assert (claims["aud"], claims["email"]) == ("https://x", "work@p.iam.gserviceaccount.com")
    assert google.services.keys.claims(token[:-4] + "AAAA") is None


def test_a_task_is_never_early(google: Clients) -> None:
    from google.protobuf.timestamp_pb2 import Timestamp

    google.project.clock(START)
    google.task(google.queue(), schedule_time=Timestamp(seconds=int(START) + 60, nanos=500_000_000))
    assert google.project.ask("due")["next"] == START + 60.5
    google.project.clock(START + 60.499)
    assert google.project.due() == []
    google.project.clock(START + 60.5)
    assert len(google.project.due()) == 1


def test_a_task_comes_back_after_10_20_40_80_160_240_300_seconds(google: Clients) -> None:
    """The example of Google's page of maxDoublings."""
    now = START
    google.project.clock(now)

    queue = f"{google.place}/queues/work"
    google.tasks.create_queue(parent=google.place, queue=tasks_v2.Queue.from_json(json.dumps({
        "name": queue, "retryConfig": {"minBackoff": "10s", "maxBackoff": "300s", "maxDoublings": 3, "maxAttempts": 9}
    })))  # fmt: skip

    google.task(queue)
    for number, wait in enumerate((10, 20, 40, 80, 160, 240, 300, 300)):
        [sent] = google.project.due()
        assert header(sent, "x-cloudtasks-taskretrycount") == str(number)
        assert header(sent, "x-cloudtasks-taskexecutioncount") == "0"
        assert header(sent, "x-cloudtasks-taskpreviousresponse") == (None if number == 0 else "500")
        google.project.answer(sent, 500)
        google.project.clock(now + wait - 0.001)
        assert google.project.due() == []
        now += wait
        google.project.clock(now)
    [sent] = google.project.due()
    google.project.answer(sent, 500)
    assert list(google.tasks.list_tasks(parent=queue)) == []


def test_answers_that_are_none_of_5xx_are_counted_apart(google: Clients) -> None:
    google.project.clock(START)
    google.task(google.queue())
    for number, (status, seen) in enumerate(((500, "0"), (429, "0"), (404, "1"), (0, "2"))):
        google.project.clock(START + 10_000 * number)
        [sent] = google.project.due()
        assert header(sent, "x-cloudtasks-taskexecutioncount") == seen
        google.project.answer(sent, status)


def test_what_is_not_answered_before_its_deadline_comes_again(google: Clients) -> None:
    google.project.clock(START)
    google.task(google.queue(), dispatch_deadline={"seconds": 15})
    [sent] = google.project.due()
    google.project.clock(START + 15)
    assert google.project.due() == []
    google.project.clock(START + 16)
    google.project.due()
    google.project.clock(START + 17)
    [again] = google.project.due()
    assert header(again, "x-cloudtasks-taskretrycount") == "1"
    with pytest.raises(RuntimeError, match="deadline has passed"):
        google.project.answer(sent, 200)


def test_a_queue_lets_only_so_many_run_at_once(google: Clients) -> None:
    queue = google.queue(rate_limits={"max_concurrent_dispatches": 2})
    for _ in range(3):
        google.task(queue)
    first, second = google.project.due()
    assert google.project.due() == []
    google.project.answer(first, 200)
    assert len(google.project.due()) == 1
    google.project.answer(second, 200)


def test_a_paused_queue_holds_its_tasks_and_a_purged_one_has_none(google: Clients) -> None:
    queue = google.queue()
    google.task(queue)
    google.tasks.pause_queue(name=queue)
    assert google.project.due() == []
    google.tasks.resume_queue(name=queue)
    assert len(google.project.due()) == 1
    google.task(queue)
    google.tasks.purge_queue(name=queue)
    assert google.project.due() == []


def test_a_name_is_taken_for_an_hour_after_its_task_is_gone(google: Clients) -> None:
    google.project.clock(START)
    queue = google.queue()
    name = f"{queue}/tasks/one"
    google.task(queue, name=name)
    with pytest.raises(exceptions.Conflict):
        google.task(queue, name=name)
    google.tasks.delete_task(name=name)
    google.project.clock(START + 3599)
    with pytest.raises(exceptions.Conflict):
        google.task(queue, name=name)
    google.project.clock(START + 3601)
    google.task(queue, name=name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dispatch_deadline": {"seconds": 14}},
        {"dispatch_deadline": {"seconds": 1801}},
        {"http_request": {"url": "ftp://x"}},
        {"http_request": {"url": "https://x", "body": b"x", "http_method": "GET"}},
        {"http_request": {"url": "https://x", "body": b"x" * 102_401}},
        {"schedule_time": {"seconds": int(START) + 31 * 86_400}},
        {"name": "projects/p/locations/l/queues/other/tasks/x"},
        {},
    ],
    ids=lambda wrong: next(iter(wrong), "none"),
)
def test_a_task_that_google_would_not_take_is_refused(google: Clients, wrong: dict[str, Any]) -> None:
    google.project.clock(START)
    queue = google.queue()
    with pytest.raises(exceptions.BadRequest):
        google.tasks.create_task(parent=queue, task={"http_request": TARGET, **wrong} if wrong else {})


def test_a_queue_is_changed_by_its_mask_and_its_name_is_blocked_after_it_is_deleted(google: Clients) -> None:
    google.project.clock(START)
    name = google.queue(rate_limits={"max_concurrent_dispatches": 2})
    changed = google.tasks.update_queue(
        queue={"name": name, "retry_config": {"max_attempts": 7}, "rate_limits": {"max_concurrent_dispatches": 3}},
        update_mask={"paths": ["retry_config.max_attempts"]},
    )
    assert (changed.retry_config.max_attempts, changed.rate_limits.max_concurrent_dispatches) == (7, 2)
    google.tasks.delete_queue(name=name)
    with pytest.raises(exceptions.NotFound):
        google.tasks.get_queue(name=name)
    with pytest.raises(exceptions.BadRequest):
        google.queue()


# Pub/Sub


def test_a_message_is_pulled_until_it_is_acknowledged(google: Clients) -> None:
    google.project.clock(START)
    topic = google.topic("orders")
    late_topic = google.topic("others")
    mine = google.subscription(topic, "mine")
    google.publish(topic, b"one", kind="new")
    late = google.subscription(topic, "late")
    google.publish(late_topic, b"not for us")
    [received] = google.pull(mine)
    assert (received.message.data, dict(received.message.attributes)) == (b"one", {"kind": "new"})
    assert google.pull(late) == []
    assert google.pull(mine) == []
    google.project.clock(START + 10)
    [again] = google.pull(mine)
    assert again.message.message_id == received.message.message_id
    google.subscriber.acknowledge(subscription=mine, ack_ids=[again.ack_id])
    google.project.clock(START + 100)
    assert google.pull(mine) == []


def test_a_push_is_as_google_documents_it(google: Clients) -> None:
    topic = google.topic("orders")
    config = {
        "push_endpoint": "https://shop.example/push",
        "oidc_token": {"service_account_email": "a@p.iam.gserviceaccount.com", "audience": "https://aud"},
    }
    name = google.subscription(topic, "mine", push_config=config, ack_deadline_seconds=60)
    google.publish(topic, b"one", kind="new")
    [sent] = google.project.due()
    assert (sent["url"], sent["method"], sent["deadline"]) == ("https://shop.example/push", "POST", 60.0)
    document = json.loads(body(sent))
    assert set(document) == {"message", "subscription"}
    assert document["subscription"] == name
    message = document["message"]
    assert (message["data"], message["attributes"]) == ("b25l", {"kind": "new"})
    assert message["messageId"] == message["message_id"]
    assert message["publishTime"] == message["publish_time"]
    claims = google.services.keys.claims(str(header(sent, "authorization")).partition(" ")[2])
    assert claims is not None
    assert claims["aud"] == "https://aud"
    google.project.answer(sent, 204)
    assert google.project.due() == []


def test_a_push_that_fails_comes_again_and_ends_in_the_dead_letter_topic(google: Clients) -> None:
    now = START
    google.project.clock(now)
    topic, dead = google.topic("orders"), google.topic("orders-dead")
    kept = google.subscription(dead, "dead")
    google.subscription(
        topic,
        "mine",
        push_config={"push_endpoint": "https://shop.example/push"},
        dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5},
        retry_policy={"minimum_backoff": {"seconds": 10}, "maximum_backoff": {"seconds": 25}},
    )
    google.publish(topic, b"one", kind="new")
    for attempt, wait in enumerate((10, 20, 25, 25, 0), 1):
        [sent] = google.project.due()
        assert json.loads(body(sent))["deliveryAttempt"] == attempt
        google.project.answer(sent, 500)
        assert google.project.due() == []
        now += wait
        google.project.clock(now)
    [received] = google.pull(kept)
    assert received.message.data == b"one"
    attributes = dict(received.message.attributes)
    assert attributes.pop("kind") == "new"
    assert attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime").startswith("2027-01-15T08:00:00")
    assert attributes == {
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "mine",
        "CloudPubSubDeadLetterSourceSubscriptionProject": google.project.name,
    }


def test_a_filter_lets_through_what_it_says(google: Clients) -> None:
    topic = google.topic("orders")
    mine = google.subscription(topic, "mine", filter='attributes.kind = "new" AND attributes.of = "a b"')
    google.publish(topic, b"1", kind="new", of="a b")
    google.publish(topic, b"2", kind="new")
    google.publish(topic, b"3", kind="old", of="a b")
    assert [one.message.data for one in google.pull(mine)] == [b"1"]
    with pytest.raises(exceptions.BadRequest):
        google.subscription(topic, "other", filter="kind = new")


def test_what_is_older_than_the_retention_is_gone(google: Clients) -> None:
    google.project.clock(START)
    topic = google.topic("orders")
    mine = google.subscription(topic, "mine", message_retention_duration={"seconds": 600})
    google.subscription(topic, "pushed", push_config={"push_endpoint": "https://x"})
    google.publish(topic, b"1")
    google.project.clock(START + 601)
    assert google.pull(mine) == []
    google.project.clock(START + 7 * 86_400 + 1)
    assert google.project.due() == []


@pytest.mark.parametrize("short", ["ab", "goog-x", "1abc", "a" * 256])
def test_names_of_topics_are_googles(google: Clients, short: str) -> None:
    with pytest.raises(exceptions.BadRequest):
        google.topic(short)


def test_a_subscription_needs_its_topic_and_outlives_it(google: Clients) -> None:
    with pytest.raises(exceptions.NotFound):
        google.subscription(f"projects/{google.project.name}/topics/none", "mine")
    topic = google.topic("orders")
    mine = google.subscription(topic, "mine")
    with pytest.raises(exceptions.Conflict):
        google.subscription(topic, "mine")
    google.publisher.delete_topic(topic=topic)
    assert google.subscriber.get_subscription(subscription=mine).topic == "_deleted-topic_"


def test_what_is_pushed_can_be_pulled_after_its_subscription_is_changed(google: Clients) -> None:
    topic = google.topic("orders")
    mine = google.subscription(topic, "mine", push_config={"push_endpoint": "https://x"})
    google.publish(topic, b"1")
    with pytest.raises(exceptions.BadRequest):
        google.pull(mine)
    google.subscriber.modify_push_config(subscription=mine, push_config={})
    assert google.project.due() == []
    assert [one.message.data for one in google.pull(mine)] == [b"1"]
    google.project.clock(4_000_000_000)
    google.subscriber.modify_push_config(subscription=mine, push_config={"push_endpoint": "https://x"})


def test_policies_keep_what_was_set_and_guard_against_lost_updates(google: Clients) -> None:
    from google.iam.v1.policy_pb2 import Binding, Policy  # type: ignore[import-untyped]

    topic = google.topic("orders")
    known = google.publisher.get_iam_policy(request={"resource": topic})
    binding = Binding(role="roles/pubsub.publisher", members=["serviceAccount:a@b"])
    changed = Policy(bindings=[binding], etag=known.etag)
    google.publisher.set_iam_policy(request={"resource": topic, "policy": changed})
    assert google.publisher.get_iam_policy(request={"resource": topic}).bindings[0].members == ["serviceAccount:a@b"]
    with pytest.raises(exceptions.Conflict):
        google.publisher.set_iam_policy(request={"resource": topic, "policy": changed})


# Scheduler


def job(google: Clients, schedule: str, zone: str = "UTC", **more: Any) -> str:
    target = {"uri": "https://shop.example/", "http_method": "POST"}
    name = f"{google.place}/jobs/sweep"
    google.scheduler.create_job(
        parent=google.place,
        job={"name": name, "schedule": schedule, "time_zone": zone, "http_target": target, **more},
    )
    return name


def test_a_job_fires_at_its_times_one_after_the_other(google: Clients) -> None:
    google.project.clock(START)
    job(google, "*/15 * * * *")
    google.project.clock(START + 1800)
    times = []
    for _ in range(2):
        [sent] = google.project.due()
        assert (sent["service"], sent["deadline"], sent["method"]) == ("cloudscheduler", 180.0, "POST")
        assert header(sent, "x-cloudscheduler-jobname") == "sweep"
        times.append(header(sent, "x-cloudscheduler-scheduletime"))
        # The one before it has not ended.
        assert google.project.due() == []
        google.project.answer(sent, 200)
    assert times == ["2027-01-15T08:15:00.000000Z", "2027-01-15T08:30:00.000000Z"]
    assert google.project.due() == []


def test_a_job_is_tried_again_as_its_policy_says_under_the_same_time(google: Clients) -> None:
    google.project.clock(START)
    job(google, "0 * * * *", retry_config={"retry_count": 2, "min_backoff_duration": {"seconds": 7}})
    google.project.clock(START + 3600)
    now = START + 3600
    for wait in (7, 14, 0):
        [sent] = google.project.due()
        assert header(sent, "x-cloudscheduler-scheduletime") == "2027-01-15T09:00:00.000000Z"
        google.project.answer(sent, 500)
        assert google.project.due() == []
        now += wait
        google.project.clock(now)
    assert google.project.due() == []
    google.project.clock(START + 7200)
    assert len(google.project.due()) == 1


def test_a_job_that_is_changed_or_paused_does_not_fire_at_its_old_times(google: Clients) -> None:
    google.project.clock(START)
    name = job(google, "*/10 * * * *")
    google.scheduler.update_job(job={"name": name, "schedule": "30 * * * *"}, update_mask={"paths": ["schedule"]})
    google.project.clock(START + 1799)
    assert google.project.due() == []
    google.scheduler.pause_job(name=name)
    google.project.clock(START + 1800)
    assert google.project.due() == []
    google.scheduler.resume_job(name=name)
    google.scheduler.run_job(name=name)
    [sent] = google.project.due()
    google.project.answer(sent, 200)
    google.scheduler.delete_job(name=name)
    google.project.clock(START + 90_000)
    assert google.project.due() == []


@pytest.mark.parametrize(
    "wrong",
    [{"schedule": "* * * *"}, {"time_zone": "Mars/Olympus"}, {"attempt_deadline": {"seconds": 1801}},
     {"retry_config": {"retry_count": 6}}, {"http_target": {"uri": "x"}}],
    ids=lambda wrong: next(iter(wrong)),
)  # fmt: skip
def test_a_job_that_google_would_not_take_is_refused(google: Clients, wrong: dict[str, Any]) -> None:
    known = {"name": f"{google.place}/jobs/j", "schedule": "* * * * *", "http_target": {"uri": "https://x"}}
    with pytest.raises(exceptions.BadRequest):
        google.scheduler.create_job(parent=google.place, job={**known, **wrong})


# Secret Manager


def test_the_newest_version_is_the_latest_whatever_its_state(google: Clients) -> None:
    parent = f"projects/{google.project.name}"
    secret = google.secrets.create_secret(
        parent=parent, secret_id="key", secret={"replication": {"automatic": {}}, "labels": {"app": "shop"}}
    )
    with pytest.raises(exceptions.NotFound):
        google.secrets.access_secret_version(name=f"{secret.name}/versions/latest")
    for value in (b"one", b"two"):
        google.secrets.add_secret_version(parent=secret.name, payload={"data": value})
    latest = google.secrets.access_secret_version(name=f"{secret.name}/versions/latest")
    assert (latest.payload.data, latest.name.rpartition("/")[2]) == (b"two", "2")
    google.secrets.disable_secret_version(name=f"{secret.name}/versions/2")
    with pytest.raises(exceptions.BadRequest):
        google.secrets.access_secret_version(name=f"{secret.name}/versions/latest")
    assert google.secrets.access_secret_version(name=f"{secret.name}/versions/1").payload.data == b"one"
    google.secrets.destroy_secret_version(name=f"{secret.name}/versions/2")
    with pytest.raises(exceptions.BadRequest):
        google.secrets.enable_secret_version(name=f"{secret.name}/versions/2")


def test_secrets_are_listed_by_their_labels_in_pages(google: Clients) -> None:
    parent = f"projects/{google.project.name}"
    for number in range(5):
        google.secrets.create_secret(
            parent=parent,
            secret_id=f"s{number}",
            secret={"replication": {"automatic": {}}, "labels": {"app": "shop" if number % 2 else "other"}},
        )
    found = google.secrets.list_secrets(request={"parent": parent, "filter": "labels.app=other", "page_size": 2})
    assert [one.name.rpartition("/")[2] for one in found] == ["s0", "s2", "s4"]
    changed = google.secrets.update_secret(
        secret={"name": f"{parent}/secrets/s0", "labels": {"app": "third"}}, update_mask={"paths": ["labels"]}
    )
    assert dict(changed.labels) == {"app": "third"}
    google.secrets.delete_secret(name=f"{parent}/secrets/s0")
    with pytest.raises(exceptions.NotFound):
        google.secrets.get_secret(name=f"{parent}/secrets/s0")


@pytest.mark.parametrize("data", [b"", b"x" * 65_537])
def test_a_payload_has_a_byte_at_least_and_64_kib_at_most(google: Clients, data: bytes) -> None:
    secret = google.secrets.create_secret(
        parent=f"projects/{google.project.name}", secret_id="key", secret={"replication": {"automatic": {}}}
    )
    with pytest.raises(exceptions.BadRequest):
        google.secrets.add_secret_version(parent=secret.name, payload={"data": data})


def test_a_wrong_checksum_is_refused(google: Clients) -> None:
    secret = google.secrets.create_secret(
        parent=f"projects/{google.project.name}", secret_id="key", secret={"replication": {"automatic": {}}}
    )
    with pytest.raises(exceptions.BadRequest):
        google.secrets.add_secret_version(parent=secret.name, payload={"data": b"x", "data_crc32c": 7})


# Time and deliveries


def test_projects_have_times_of_their_own_that_never_go_back(google: Clients) -> None:
    google.project.clock(START)
    other = Project(google.services.control, f"{google.project.name}-other")
    other.clock(START - 1000)
    with pytest.raises(RuntimeError, match="is before that"):
        google.project.clock(START - 1)
    google.project.ask("forget")
    google.project.clock(START - 1)


def test_what_was_answered_well_comes_once_more_when_asked(google: Clients) -> None:
    google.project.clock(START)
    google.task(google.queue())
    [sent] = google.project.due()
    with pytest.raises(RuntimeError, match="answered well"):
        google.project.ask("again", id=sent["id"])
    google.project.answer(sent, 200)
    google.project.ask("again", id=sent["id"])
    [once_more] = google.project.due()
    assert once_more["id"] != sent["id"]
    assert header(once_more, "x-cloudtasks-taskname") == header(sent, "x-cloudtasks-taskname")
    google.project.answer(once_more, 200)
    assert google.project.due() == []


def test_a_project_that_is_forgotten_has_nothing(google: Clients) -> None:
    google.task(google.queue())
    topic = google.topic("orders")
    google.subscription(topic, "mine", push_config={"push_endpoint": "https://x"})
    google.publish(topic, b"1")
    google.project.ask("forget")
    assert google.project.due() == []
    assert list(google.tasks.list_queues(parent=google.place)) == []
    google.queue()


class Receiver:
    """A function on this machine, which answers as it is told."""

    def __init__(self, answer: Callable[[bytes], int]) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.told = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                status = answer(content)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                with receiver.told:
                    receiver.seen.append((self.path, dict(self.headers.items()), content))
                    receiver.told.notify_all()

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def wait(self, count: int) -> None:
        with self.told:
            assert self.told.wait_for(lambda: len(self.seen) >= count, timeout=30)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def test_what_is_due_is_pushed_over_http_to_where_its_host_is(google: Clients) -> None:
    statuses = iter([500, 200, 200])
    receiver = Receiver(lambda _: next(statuses))
    try:
        host = "shop-dev-work-1.europe-west1.run.app"
        google.project.ask("push", hosts={host: receiver.endpoint})
        with pytest.raises(RuntimeError, match="is pushed"):
            google.project.due()
        google.task(google.queue(), http_request={"url": f"https://{host}/tasks?x=1", "body": b"hello"})
        receiver.wait(2)
        (path, headers, content), again = receiver.seen
        assert (path, headers["Host"], content) == ("/tasks?x=1", host, b"hello")
        assert again[1]["x-cloudtasks-taskpreviousresponse"] == "500"
        topic = google.topic("orders")
        google.subscription(topic, "mine", push_config={"push_endpoint": f"{receiver.endpoint}/push"})
        google.publish(topic, b"1")
        receiver.wait(3)
        assert receiver.seen[2][0] == "/push"
        google.project.ask("pull")
        assert google.project.due() == []
    finally:
        google.project.ask("pull")
        receiver.close()


def test_nothing_is_pushed_to_the_world(google: Clients) -> None:
    from .deliveries import Attempt
    from .pushing import send

    attempt = Attempt("cloudtasks", "q", "POST", "http://192.0.2.1/", [], b"", 5.0)
    assert send(attempt, {}) == 0
    assert send(attempt, {"192.0.2.1": "http://192.0.2.2"}) == 0


# The face of the services


def test_what_no_discovery_document_has_is_refused(gcp_services: GcpServices) -> None:
    from .server import Request

    def asked(verb: str, path: str, body: bytes = b"", **query: str) -> tuple[int, str]:
        reply = gcp_services.services.answer(Request(verb, path, list(query.items()), {}, body))
        return reply.status, str(reply.body)

    parent = "/v2/projects/p/locations/l/queues"
    assert asked("POST", parent, b'{"nam": "x"}')[0] == 400
    assert asked("POST", parent, b'{"rateLimits": {"maxConcurrentDispatches": "x"}}')[0] == 400
    assert asked("POST", parent, b'{"httpTarget": {"httpMethod": "POKE"}}')[0] == 400
    assert asked("POST", parent, b"{", pageSize="x")[0] == 400
    assert asked("GET", parent, pageSize="x")[0] == 400
    assert asked("GET", parent, size="1") == (
        400, str({"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "size": Cannot bind '
                            "query parameter.", "status": "INVALID_ARGUMENT"}})
    )  # fmt: skip
    assert asked("GET", "/v2/projects/p/elsewhere")[0] == 404
    assert asked("POST", f"{parent}/q/tasks/t:run", b"{}")[0] == 501
