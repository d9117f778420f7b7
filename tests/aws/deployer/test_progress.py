"""Events of a stack and of its nested stacks: in order, each once, none from before. By values and a small stand-in."""

from datetime import UTC, datetime
from typing import Any

from portable_aws.progress import Event, Follower, first_failure, name_of, state_of

ROOT, NESTED = "arn:aws:cloudformation:r:1:stack/app/1", "arn:aws:cloudformation:r:1:stack/app-Part/2"
STACK = "AWS::CloudFormation::Stack"


def event(stack: str, number: int, logical: str, status: str, **more: str) -> dict[str, Any]:
    return {
        "StackId": stack,
        "EventId": f"{stack}-{number}",
        "LogicalResourceId": logical,
        "ResourceStatus": status,
        "ResourceType": more.get("type", "AWS::SQS::Queue"),
        "PhysicalResourceId": more.get("physical", ""),
        "ResourceStatusReason": more.get("reason", ""),
        "Timestamp": datetime.fromtimestamp(number, UTC),
    }


class Events:
    """DescribeStackEvents: the newest first, three on a page."""

    def __init__(self) -> None:
        self.all: dict[str, list[dict[str, Any]]] = {ROOT: [], NESTED: []}
        self.calls = 0

    def describe_stack_events(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        self.calls += 1
        found, start = list(reversed(self.all[StackName])), int(NextToken)
        more = {"NextToken": str(start + 3)} if start + 3 < len(found) else {}
        return {"StackEvents": found[start : start + 3], **more}


def test_events_of_nested_stacks_are_among_those_of_the_root_by_time_and_once() -> None:
    there = Events()
    there.all[ROOT] = [event(ROOT, number, f"Old{number}", "CREATE_COMPLETE") for number in range(1, 9)]
    there.all[NESTED] = [event(NESTED, number, f"Older{number}", "CREATE_COMPLETE") for number in range(1, 6)]
    follower = Follower(there, ROOT)
    assert follower.poll() == []
    there.all[ROOT] += [
        event(ROOT, 20, "app", "UPDATE_IN_PROGRESS", type=STACK, physical=ROOT),
        event(ROOT, 21, "Part", "UPDATE_IN_PROGRESS", type=STACK, physical=NESTED),
    ]
    there.all[NESTED] += [event(NESTED, 22, "One", "UPDATE_IN_PROGRESS"), event(NESTED, 24, "One", "UPDATE_COMPLETE")]
    there.all[ROOT].append(event(ROOT, 23, "Other", "UPDATE_COMPLETE"))
    assert [one.logical for one in follower.poll()] == ["app", "Part", "One", "Other", "One"]
    assert follower.poll() == []
    there.all[NESTED].append(event(NESTED, 25, "Two", "UPDATE_FAILED", reason="no"))
    assert [one.logical for one in follower.poll()] == ["Two"]
    assert follower.last_of_root() == "UPDATE_IN_PROGRESS"


def test_many_events_between_two_looks_are_all_found() -> None:
    there = Events()
    there.all[ROOT] = [event(ROOT, 1, "Old", "CREATE_COMPLETE")]
    follower = Follower(there, ROOT)
    there.all[ROOT] += [event(ROOT, number, f"New{number}", "CREATE_COMPLETE") for number in range(2, 60)]
    assert [one.logical for one in follower.poll()] == [f"New{number}" for number in range(2, 60)]


def made(logical: str, status: str, reason: str = "", type_: str = "AWS::SQS::Queue", physical: str = "") -> Event:
    return Event("e", 1.0, ROOT, logical, physical, type_, status, reason)


def test_the_first_failure_is_that_of_a_resource_that_was_not_cancelled() -> None:
    failed = first_failure(
        [
            made("A", "CREATE_IN_PROGRESS"),
            made("Part", "CREATE_FAILED", "Embedded stack was not successfully created", STACK, NESTED),
            made("B", "CREATE_FAILED", "Resource creation cancelled"),
            made("C", "CREATE_FAILED", "Queue exists"),
            made("D", "CREATE_FAILED", "later"),
        ]
    )
    assert failed is not None
    assert failed.logical == "C"
    assert first_failure([made("A", "CREATE_COMPLETE")]) is None
    only = first_failure([made("Part", "CREATE_FAILED", "no template", STACK, NESTED)])
    assert only is not None
    assert only.logical == "Part"


def test_names_are_those_that_people_know() -> None:
    assert name_of(made("Q", "X", physical="https://sqs.eu-central-1.amazonaws.com/1/app-dev-q")) == "app-dev-q"
    assert name_of(made("T", "X", physical="arn:aws:sns:r:1:app-dev-topic")) == "app-dev-topic"
    assert name_of(made("T", "X", physical="app-dev-table")) == "app-dev-table"
    assert name_of(made("T", "X")) == "T"
    assert name_of(made("Part", "X", type_=STACK, physical=NESTED)) == "Part"


def test_states_mean_what_their_words_say() -> None:
    words = ["CREATE_IN_PROGRESS", "UPDATE_FAILED", "DELETE_SKIPPED", "UPDATE_COMPLETE"]
    assert [state_of(word) for word in words] == ["started", "failed", "done", "done"]
