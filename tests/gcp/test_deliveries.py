"""What is counted as done, what comes again, and what is kept: deliveries on Cloud Run."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from portable.direct import event_of
from tests.aws.lambdas import envelope
from tests.gcp.functions import (
    ARRIVALS,
    BODIES,
    ITEM,
    NAMES,
    Function,
    Request,
    a_function,
    change,
    cloud_event,
    document,
    event,
    fire,
    no_queue_today,
    notification,
    push,
    stored,
    task,
)

DONE, AGAIN, NOT_UNDERSTOOD = 204, 500, 400


@pytest.fixture
def gcp() -> Generator[Function]:
    with a_function() as found:
        yield found


# Queues


@pytest.mark.parametrize("handler", BODIES)
def test_a_task_that_succeeds_is_done(gcp: Function, handler: str) -> None:
    assert gcp.receive(task(handler, BODIES[handler])) == DONE
    [(name, _, context)] = gcp.called.seen
    assert (name, context.handler, context.attempt) == (handler, handler, 1)
    assert gcp.sent() == []


@pytest.mark.parametrize("handler", BODIES)
def test_a_task_that_fails_is_done_and_its_next_attempt_is_a_task_with_its_wait(gcp: Function, handler: str) -> None:
    gcp.called.error = ValueError("no luck")
    assert gcp.receive(task(handler, BODIES[handler])) == DONE
    [(queue, sent, due)] = gcp.sent()
    assert (queue, sent["attempts"], sent["id"]) == (NAMES.queue(handler), 1, "d-1")
    assert due is not None
    assert gcp.letters(handler) == []
    assert gcp.receive(gcp.sent_again()) == DONE
    assert [context.attempt for _, _, context in gcp.called.seen] == [1, 2]


@pytest.mark.parametrize("handler", BODIES)
def test_the_last_attempt_that_fails_is_a_dead_letter_and_done(gcp: Function, handler: str) -> None:
    gcp.called.error = ValueError("no luck")
    body = json.dumps({**json.loads(BODIES[handler]), "attempts": 2})
    for _ in range(2):
        assert gcp.receive(task(handler, body)) == DONE
    [letter] = gcp.letters(handler)
    assert (letter.handler, letter.attempts) == (handler, 3)
    assert "no luck" in letter.error
    assert gcp.sent() == []


@pytest.mark.parametrize("handler", BODIES)
def test_a_task_after_the_last_attempt_is_a_dead_letter_without_a_run(gcp: Function, handler: str) -> None:
    assert gcp.receive(task(handler, BODIES[handler], retries=3)) == DONE
    assert gcp.called.seen == []
    [letter] = gcp.letters(handler)
    assert (letter.attempts, letter.id) == (3, "d-1")
    assert "ended" in letter.error


def test_only_what_may_have_reached_our_code_counts_as_an_attempt(gcp: Function) -> None:
    """Of five retries three were answered by Cloud Run itself: 429, since no instance was free."""
    assert gcp.receive(task("work", BODIES["work"], retries=5, responses=4)) == DONE
    assert [context.attempt for _, _, context in gcp.called.seen] == [2]


def test_the_record_of_a_run_says_what_became_of_it(gcp: Function) -> None:
    gcp.called.error = ValueError("no luck")
    gcp.receive(task("work", BODIES["work"]))
    assert (gcp.run("d-1").state, gcp.run("d-1").attempts) == ("failed", 1)
    gcp.called.error = None
    gcp.receive(gcp.sent_again())
    assert (gcp.run("d-1").state, gcp.run("d-1").result) == ("succeeded", '"done"')


def test_what_cannot_go_on_in_the_queue_comes_again(gcp: Function) -> None:
    gcp.called.error = ValueError("no luck")
    gcp.clients.tasks.error = no_queue_today()
    assert gcp.receive(task("work", BODIES["work"])) == AGAIN


def test_what_cannot_be_kept_comes_again(gcp: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(*_: Any) -> None:
        raise OSError("no table today")

    monkeypatch.setattr(type(gcp.binding.state), "put", throttled)
    monkeypatch.setattr(type(gcp.binding.state), "transact", throttled)
    assert gcp.receive(task("work", "{")) == AGAIN
    assert gcp.receive(change(document(ITEM, "a", "b"))) == AGAIN
    assert gcp.called.seen == []


def test_a_task_that_is_not_understood_is_a_dead_letter_as_it_came_and_is_tried_again_as_it_is(gcp: Function) -> None:
    assert gcp.receive(task("work", '{"v": 9}')) == DONE
    [letter] = gcp.letters("work")
    assert (letter.body, letter.id) == ('{"v": 9}', "t-1")
    assert "version" in letter.error


def test_a_task_of_another_kind_is_a_dead_letter(gcp: Function) -> None:
    assert gcp.receive(task("work", BODIES["heard"])) == DONE
    [letter] = gcp.letters("work")
    assert "task" in letter.error


# What arrives without a queue


@pytest.mark.parametrize("handler", ARRIVALS)
def test_an_arrival_is_run_where_it_arrives(gcp: Function, handler: str) -> None:
    assert gcp.receive(ARRIVALS[handler]()) == DONE
    [(name, given, context)] = gcp.called.seen
    assert (name, context.attempt) == (handler, 1)
    if handler == "stored":
        assert (given.bucket, given.key, given.size, given.version) == ("files", "in/a+b,é.csv", 5, "1795716000250123")
    if handler == "changed":
        assert (given.pk, given.sk, given.op, given.new) == ("a", "b", "upsert", ITEM)
    if handler == "tick":
        assert context.scheduled_at == 1795716000.0
    assert gcp.sent() == []


@pytest.mark.parametrize("handler", ARRIVALS)
def test_an_arrival_that_fails_goes_on_in_the_queue(gcp: Function, handler: str) -> None:
    gcp.called.error = ValueError("no luck")
    assert gcp.receive(ARRIVALS[handler]()) == DONE
    [(queue, sent, due)] = gcp.sent()
    assert (queue, sent["attempts"]) == (NAMES.queue(handler), 1)
    assert due is not None
    gcp.called.error = None
    assert gcp.receive(gcp.sent_again()) == DONE
    first, second = gcp.called.seen
    assert (second[2].attempt, second[2].id, second[1]) == (2, first[2].id, first[1])


@pytest.mark.parametrize("handler", ARRIVALS)
def test_an_arrival_that_cannot_go_on_comes_again(gcp: Function, handler: str) -> None:
    gcp.called.error = ValueError("no luck")
    gcp.clients.tasks.error = no_queue_today()
    assert gcp.receive(ARRIVALS[handler]()) == AGAIN


@pytest.mark.parametrize("handler", ["changed", "tick"])
def test_what_does_not_tell_how_often_it_came_goes_on_in_the_queue_when_it_comes_again(
    gcp: Function, handler: str
) -> None:
    assert gcp.receive(ARRIVALS[handler]()) == DONE
    assert gcp.receive(ARRIVALS[handler]()) == DONE
    assert len(gcp.called.seen) == 1
    [(queue, sent, due)] = gcp.sent()
    assert (queue, sent["attempts"], due) == (NAMES.queue(handler), 1, None)


@pytest.mark.parametrize("handler", ["changed", "tick"])
def test_an_attempt_that_ended_its_function_counts(gcp: Function, handler: str) -> None:
    gcp.called.error = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        gcp.receive(ARRIVALS[handler]())
    gcp.called.error = None
    assert gcp.receive(ARRIVALS[handler]()) == DONE
    assert gcp.receive(gcp.sent_again()) == DONE
    assert [context.attempt for _, _, context in gcp.called.seen] == [1, 2]


def with_one_attempt(gcp: Function) -> None:
    """The handler of changes gets no second attempt."""
    wiring = gcp.deliveries._wiring
    [listener] = wiring.tables["items"]
    alone = listener._replace(retry=listener.retry._replace(max_attempts=1))
    wiring.tables["items"] = [alone]
    wiring.queues[NAMES.queue("changed")] = alone


def test_the_only_attempt_that_ended_its_function_is_a_dead_letter(gcp: Function) -> None:
    with_one_attempt(gcp)
    gcp.called.error = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        gcp.receive(ARRIVALS["changed"]())
    assert gcp.receive(ARRIVALS["changed"]()) == DONE
    assert gcp.receive(gcp.sent_again()) == DONE
    assert len(gcp.called.seen) == 1
    [letter] = gcp.letters("changed")
    assert (letter.attempts, "ended" in letter.error) == (1, True)


def test_what_comes_twice_to_a_handler_with_one_attempt_is_no_dead_letter(gcp: Function) -> None:
    with_one_attempt(gcp)
    for _ in range(3):
        assert gcp.receive(ARRIVALS["changed"]()) == DONE
    assert len(gcp.called.seen) == 3
    assert gcp.sent() == gcp.letters("changed") == []


@pytest.mark.parametrize("make", [event, notification])
def test_a_push_that_comes_again_goes_on_in_the_queue_with_one_attempt_counted(gcp: Function, make: Any) -> None:
    assert gcp.receive(make(attempt=4)) == DONE
    assert gcp.called.seen == []
    [(_, sent, due)] = gcp.sent()
    assert (sent["attempts"], due) == (1, None)


def test_a_push_of_a_subscription_without_a_dead_letter_topic_does_not_count_its_attempts(gcp: Function) -> None:
    assert gcp.receive(event(attempt=None)) == DONE
    assert gcp.called.names == ["heard"]


@pytest.mark.parametrize(
    "request_",
    [
        notification("OBJECT_DELETE"),
        notification("OBJECT_ARCHIVE"),
        notification("OBJECT_METADATA_UPDATE"),
        notification(key="out/a"),
        notification("OBJECT_DELETE", more={"overwrittenByGeneration": "1795716000250124"}),
        push("heard", envelope("topic", {}, attributes={"kind": "bad"}).encode(), {"kind": "bad"}),
        change(None, document(ITEM, "a", "b", ttl=1)),
    ],
    ids=["deleted", "archived", "described", "elsewhere", "written over", "filtered out", "expired"],
)
def test_what_is_for_others_is_done(gcp: Function, request_: Request) -> None:
    assert gcp.receive(request_) == DONE
    assert (gcp.called.names, gcp.sent()) == ([], [])
    assert [letter for handler in BODIES for letter in gcp.letters(handler)] == []


def test_a_deletion_is_a_change_with_a_version_after_the_one_before(gcp: Function) -> None:
    before = document(ITEM, "a", "b")
    gcp.receive(change(before))
    gcp.receive(change(None, before, id="e-2"))
    (_, written, _), (_, deleted, _) = gcp.called.seen
    assert (deleted.op, deleted.new) == ("delete", None)
    assert deleted.version > written.version


def test_a_change_is_for_the_handler_that_its_path_names(gcp: Function) -> None:
    assert gcp.receive(change(document(ITEM, "a", "b"), path="/changes/other")) == NOT_UNDERSTOOD
    assert gcp.receive(change(document(ITEM, "a", "b"), path="/")) == DONE
    assert gcp.called.names == ["changed"]


def test_keys_of_any_characters_come_back(gcp: Function) -> None:
    for number, key in enumerate(("/", ".", "..", "__a__", " ", "\x00\x1f", "é/😀", "a%2Fb", "~")):
        item = {"pk": key, "sk": key}
        gcp.receive(change(document(item, key, key), id=f"e-{number}"))
        assert gcp.called.seen[-1][1].new == item


@pytest.mark.parametrize("binary", [True, False])
def test_a_cloud_event_of_storage_is_taken_in_both_forms(gcp: Function, binary: bool) -> None:
    source = f"//storage.googleapis.com/projects/_/buckets/{NAMES.bucket('files')}"
    headers = cloud_event("google.cloud.storage.object.v1.finalized", source, "objects/in/x")
    if binary:
        headers["content-type"] = "application/json"
        request = Request("/", headers, json.dumps(stored("in/x")).encode())
    else:
        document = {name.removeprefix("ce-"): value for name, value in headers.items()}
        body = json.dumps({**document, "datacontenttype": "application/json", "data": stored("in/x")})
        request = Request("/", {"content-type": "application/cloudevents+json; charset=utf-8"}, body.encode())
    assert gcp.receive(request) == DONE
    [(_, given, _)] = gcp.called.seen
    assert (given.key, given.event) == ("in/x", "created")


def test_a_push_in_a_cloud_event_is_a_push(gcp: Function) -> None:
    headers = cloud_event("google.cloud.pubsub.topic.v1.messagePublished", "//pubsub.googleapis.com/projects/p", "")
    headers["content-type"] = "application/json"
    assert gcp.receive(Request("/", headers, event(attempt=None).body)) == DONE
    assert gcp.called.names == ["heard"]


@pytest.mark.parametrize("handler", ["heard", "stored", "changed"])
def test_what_is_not_understood_is_a_dead_letter_that_is_read_again_as_it_came(gcp: Function, handler: str) -> None:
    broken = {
        "heard": push("heard", b"no envelope", {}),
        "stored": notification(more={"eventTime": "never"}),
        "changed": change({**document(ITEM, "a", "b"), "fields": {}}),
    }[handler]
    assert gcp.receive(broken) == DONE
    [letter] = gcp.letters(handler)
    assert "not understood" in letter.error
    # A redriven letter goes through the queue.
    assert gcp.receive(task(handler, letter.body, id="t-9")) == DONE
    assert [one.error for one in gcp.letters(handler)] == [letter.error] * 2


def test_what_is_for_no_handler_is_refused(gcp: Function) -> None:
    for request in (
        task("nobody", BODIES["work"]),
        push("nobody", b"{}", {}),
        Request("/", {"x-cloudscheduler-jobname": "nobody"}, b""),
        Request("/", {"content-type": "application/json"}, b"{}"),
        Request("/", {}, b""),
        Request("/", cloud_event("google.cloud.audit.log.v1.written", "//x", ""), b""),
    ):
        assert gcp.receive(request) == NOT_UNDERSTOOD
    assert (gcp.called.names, gcp.sent()) == ([], [])


# Schedules


def test_a_time_that_the_zone_does_not_mean_is_done_without_a_run(gcp: Function) -> None:
    listener = gcp.deliveries._wiring.jobs[NAMES.job("tick")]
    gcp.deliveries._wiring.jobs[NAMES.job("tick")] = listener._replace(cron="30 2 * * *", zone="Europe/Berlin")
    # 02:30 in Berlin is 00:30 in UTC in summer and 01:30 in winter; on 2026-10-25 it is there twice, first in summer
    # time. On 2027-03-28 it is not there at all.
    times = {
        "2026-07-01T00:30:00Z": True,
        "2026-07-01T01:30:00Z": False,
        "2026-12-01T00:30:00Z": False,
        "2026-12-01T01:30:00Z": True,
        "2026-10-25T00:30:00Z": True,
        "2026-10-25T01:30:00Z": False,
        "2027-03-28T00:30:00Z": False,
        "2027-03-28T01:30:00Z": False,
    }
    for at, is_meant in times.items():
        gcp.called.seen.clear()
        assert gcp.receive(fire(at)) == DONE
        assert len(gcp.called.seen) == is_meant, at


# On request


def test_a_handler_is_run_on_request_and_what_it_answers_is_the_answer(gcp: Function) -> None:
    body = json.dumps(event_of("task", "work", '{"a": 1}', 0.0)).encode()
    status, answer = gcp.deliveries.receive("/invoke", {}, body)
    assert (status, json.loads(answer)["status"], json.loads(answer)["result"]) == (200, "succeeded", '"done"')
    assert gcp.deliveries.receive("/invoke", {}, b"{}")[0] == NOT_UNDERSTOOD
