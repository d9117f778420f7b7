"""What stands between functions and services: it passes on what the policies allow, and refuses everything else."""

import json
from collections.abc import Generator
from typing import Any
from urllib.request import Request as Sent
from urllib.request import urlopen

import pytest

from .guard import Guard, Judged
from .identity import ACCESS
from .rights import Need
from .server import Reply, Request

ANNA = "anna@p-1.iam.gserviceaccount.com"
TOPIC = "projects/p-1/topics/t"
DATABASE = "projects/p-1/databases/d"
BUCKET = "projects/_/buckets/the-bucket"


class Behind:
    """The services behind a guard, and the policies of resources; all is answered with 200."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.policies: dict[str, Any] = {}
        self.guard = Guard(
            dict.fromkeys(
                ("cloudtasks", "firestore", "iamcredentials", "pubsub", "secretmanager", "storage"), self.act
            ),
            lambda name: self.policies.get(name, {}),
        )

    def act(self, request: Request) -> Reply:
        self.asked.append(request)
        return Reply(200, {})

    def give(self, resource: str, role: str, expression: str = "") -> None:
        binding: dict[str, Any] = {"role": role, "members": [f"serviceAccount:{ANNA}"]}
        if expression:
            binding["condition"] = {"expression": expression}
        self.policies[resource] = {"bindings": [binding]}

    def ask(self, service: str, verb: str, target: str, body: Any = None, *, account: str | None = ANNA) -> int:
        headers = {} if account is None else {"authorization": f"Bearer {ACCESS}{account}"}
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(
                Sent(self.guard.endpoints[service] + target, data, headers, method=verb), timeout=30
            ) as answer:
                status: int = answer.status
                return status
        except OSError as error:
            found: int = error.code  # type: ignore[attr-defined]
            error.close()  # type: ignore[attr-defined]
            return found


@pytest.fixture
def behind() -> Generator[Behind]:
    found = Behind()
    yield found
    found.guard.close()


def test_what_a_role_allows_is_passed_on_and_everything_else_refused(behind: Behind) -> None:
    publish = "/v1/projects/p-1/topics/t:publish"
    assert behind.ask("pubsub", "POST", publish, {}) == 403
    behind.give(TOPIC, "roles/pubsub.subscriber")
    assert behind.ask("pubsub", "POST", publish, {}) == 403
    behind.give(TOPIC, "roles/pubsub.publisher")
    assert behind.asked == []
    assert behind.ask("pubsub", "POST", publish, {}) == 200
    assert behind.ask("pubsub", "POST", publish, {}, account="bert@p-1.iam.gserviceaccount.com") == 403
    assert behind.ask("pubsub", "POST", publish, {}, account=None) == 401
    assert behind.ask("pubsub", "DELETE", "/v1/projects/p-1/topics/t") == 501
    assert [request.path for request in behind.asked] == [publish]
    need = Need("pubsub.topics.publish", TOPIC)
    assert behind.guard.judged("p-1") == {
        Judged(ANNA, need, None),
        Judged(ANNA, need, "roles/pubsub.publisher"),
        Judged("bert@p-1.iam.gserviceaccount.com", need, None),
    }
    behind.guard.forget("p-1")
    assert behind.guard.judged("p-1") == set()


def test_a_role_on_the_project_holds_for_what_its_condition_names(behind: Behind) -> None:
    behind.give("projects/p-1", "roles/datastore.viewer", f'resource.name == "{DATABASE}"')
    assert behind.ask("firestore", "POST", f"/v1/{DATABASE}/documents:batchGet", {}) == 200
    assert behind.ask("firestore", "POST", f"/v1/{DATABASE}2/documents:batchGet", {}) == 403
    assert behind.ask("firestore", "POST", f"/v1/{DATABASE}/documents:commit", {"writes": [{"delete": "x"}]}) == 403


def test_a_signed_url_is_as_good_as_who_signed_it(behind: Behind) -> None:
    signed = f"/the-bucket/a?X-Goog-Signature=00&X-Goog-Credential={ANNA.replace('@', '%40')}%2F20260101"
    assert behind.ask("storage", "GET", signed, account=None) == 403
    behind.give(BUCKET, "roles/storage.objectViewer")
    assert behind.ask("storage", "GET", signed, account=None) == 200
    assert behind.ask("storage", "PUT", signed, {}, account=None) == 403
    assert behind.ask("storage", "GET", "/the-bucket/a", account=None) == 401
    assert [request.raw_query for request in behind.asked] == [signed.partition("?")[2]]
