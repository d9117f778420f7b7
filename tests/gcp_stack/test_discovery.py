"""What Google's discovery documents let through."""

from typing import Any

import pytest

from .discovery import Wrong, document, enum

TASK = {
    "name": "projects/p/locations/l/queues/q/tasks/t",
    "httpRequest": {"url": "https://x", "httpMethod": "POST", "headers": {"a": "b"}, "body": "aGk="},
    "scheduleTime": "2027-01-15T08:00:00.123456Z",
    "dispatchDeadline": "15.5s",
    "dispatchCount": 1,
}


def test_what_fits_comes_back_with_enums_by_name() -> None:
    found = document("cloudtasks.v2")
    assert found.check("Task", TASK) == TASK
    assert found.check("Task", {"httpRequest": {"httpMethod": 1, "url": None}}) == {
        "httpRequest": {"httpMethod": "POST"}
    }
    assert found.check("Queue", {"rateLimits": {"maxDispatchesPerSecond": 1}}) == {
        "rateLimits": {"maxDispatchesPerSecond": 1}
    }


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ([], "Task"),
        ({"nam": "x"}, '"nam"'),
        ({"name": 1}, "Task.name"),
        ({"httpRequest": {"httpMethod": "POKE"}}, "httpMethod"),
        ({"httpRequest": {"httpMethod": 99}}, "httpMethod"),
        ({"httpRequest": {"body": "not base64!"}}, "body"),
        ({"httpRequest": {"headers": {"a": 1}}}, "headers.a"),
        ({"httpRequest": "x"}, "httpRequest"),
        ({"scheduleTime": "2027-01-15"}, "scheduleTime"),
        ({"scheduleTime": "2027-13-15T08:00:00Z"}, "2027-13-15"),
        ({"dispatchDeadline": "15"}, "dispatchDeadline"),
        ({"dispatchDeadline": "1e3s"}, "dispatchDeadline"),
        ({"dispatchCount": "x"}, "dispatchCount"),
        ({"dispatchCount": True}, "dispatchCount"),
        ({"dispatchCount": 2**31}, "dispatchCount"),
    ],
)
def test_what_does_not_fit_says_where(wrong: Any, where: str) -> None:
    with pytest.raises(Wrong, match=where.replace(".", r"\.")):
        document("cloudtasks.v2").check("Task", wrong)


def test_lists_and_numbers_that_are_texts_are_checked_too() -> None:
    found = document("secretmanager.v1")
    assert found.check("SecretPayload", {"dataCrc32c": "7"}) == {"dataCrc32c": "7"}
    for wrong in ("x", 2**63, 1.5):
        with pytest.raises(Wrong):
            found.check("SecretPayload", {"dataCrc32c": wrong})
    with pytest.raises(Wrong, match=r"bindings\[1\]"):
        found.check("Policy", {"bindings": [{"role": "roles/a"}, {"rol": "x"}]})
    with pytest.raises(Wrong, match="no array"):
        found.check("Policy", {"bindings": {}})
    with pytest.raises(Wrong, match="none of A, B"):
        enum(["A", "B"], True, "it")


@pytest.mark.parametrize(
    ("name", "verb", "path", "id"),
    [
        ("cloudtasks.v2", "POST", "/v2/projects/p/locations/l/queues/q:pause", "queues.pause"),
        ("cloudtasks.v2", "PATCH", "/v2/projects/p/locations/l/queues/q", "queues.patch"),
        ("pubsub.v1", "PUT", "/v1/projects/p/topics/a%2Bb", "topics.create"),
        ("pubsub.v1", "POST", "/v1/projects/p/topics/t:publish", "topics.publish"),
        ("storage.v1", "GET", "/storage/v1/b/bucket/o/a%2Fb", "objects.get"),
        ("storage.v1", "POST", "/storage/v1/b/b1/o/a/rewriteTo/b/b2/o/c", "objects.rewrite"),
        ("iamcredentials.v1", "POST", "/v1/projects/-/serviceAccounts/a@b.c:signBlob", "serviceAccounts.signBlob"),
        ("secretmanager.v1", "GET", "/v1/projects/p/secrets/s/versions/latest:access", "versions.access"),
    ],
)
def test_a_request_line_means_one_method(name: str, verb: str, path: str, id: str) -> None:
    found = document(name).find(verb, path)
    assert found is not None
    assert found.method.id.endswith(id)
    assert document(name).find(verb, f"{path}/more/than/that") is None


def test_names_in_a_path_are_unescaped() -> None:
    found = document("storage.v1").find("GET", "/storage/v1/b/bucket/o/a%2Fb%20c")
    assert found is not None
    assert found.names == {"bucket": "bucket", "object": "a/b c"}
