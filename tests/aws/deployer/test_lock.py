"""Two deploys at once: one wins, the other says who holds the lock. Over our fake's conditional writes."""

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from portable_aws.artifacts import Artifacts
from portable_aws.deploy_clients import Account
from portable_aws.lock import Lock

from portable.errors import ConfigurationError, PermissionDenied, PortableError, ProjectConflict
from tests.aws.deployer.fake_aws import FakeAws, FakeClients
from tests.aws.deployer.shop import Shop, Watching
from tests.aws.deployer.test_interruptions import dead_process

ACCOUNT = Account("123456789012", "eu-central-1", "aws", "arn:aws:iam::123456789012:user/tester")
KEY = "locks/shop-dev.json"
DEADLINE = 60
LOOK = 0.01


def lock_of(aws: FakeAws, *, lease: float = 120.0) -> Lock:
    artifacts = Artifacts(FakeClients(aws).s3, ACCOUNT)
    artifacts.prepare()
    return Lock(artifacts, "shop", "dev", lease=lease)


def body_of(aws: FakeAws) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(aws.read()["objects"][KEY]["body"]))
    return found


def changed(aws: FakeAws, *, age: float = 0.0, **values: Any) -> None:
    """Makes the lock that lies there another one's, or older."""

    def change(state: dict[str, Any]) -> None:
        found = state["objects"][KEY]
        body = {**json.loads(base64.b64decode(found["body"])), **values}
        found |= {"body": base64.b64encode(json.dumps(body).encode()).decode(), "at": found["at"] - age}

    aws.change(change)


def until(is_so: Callable[[], bool], what: str) -> None:
    """Looks again until it is so, or the deadline has passed."""
    end = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < end, f"{what} is still not seen after {DEADLINE} s"
        time.sleep(LOOK)


def test_the_second_is_told_who_has_it_since_when_and_until_when(aws: FakeAws) -> None:
    with lock_of(aws).held("deploy", "anna"):
        with pytest.raises(ProjectConflict, match=r"shop in dev is being changed by anna on .*: deploy, since 20") as e:
            with lock_of(aws).held("destroy", "bert"):
                raise AssertionError("both have it")
        assert "its lock ends by itself in 1" in str(e.value.hint)
    with lock_of(aws).held("destroy", "bert"):
        holder = lock_of(aws).holder()
        assert holder is not None
        assert "bert" in holder.owner
    assert lock_of(aws).holder() is None


def test_of_many_at_once_one_has_it(aws: FakeAws) -> None:
    lock_of(aws)
    ready, inside = threading.Barrier(8), []
    refused: list[str] = []
    leave = threading.Event()

    def work(name: str) -> None:
        lock = lock_of(aws)
        ready.wait(DEADLINE)
        try:
            with lock.held("deploy", name):
                inside.append(name)
                assert leave.wait(DEADLINE)
        except ProjectConflict as error:
            refused.append(error.message)
        if len(refused) == 7:
            leave.set()

    threads = [threading.Thread(target=work, args=(f"number {index}",), daemon=True) for index in range(8)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + DEADLINE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    leave.set()
    assert [thread.name for thread in threads if thread.is_alive()] == []
    assert len(inside) == 1
    assert len(refused) == 7
    assert all(inside[0] in text or "others take the lock" in text for text in refused)


def test_the_lock_of_a_holder_elsewhere_ends_with_its_lease(aws: FakeAws) -> None:
    with lock_of(aws).held("deploy", "anna"):
        changed(aws, place="another machine", pid=1)
        assert lock_of(aws).holder() is not None
        changed(aws, age=125)
        assert lock_of(aws).holder() is None
        with lock_of(aws).held("deploy", "bert"):
            assert "bert" in body_of(aws)["owner"]
    # Anna's end does not take away what is Bert's, and Bert has let go.
    assert body_of(aws)["free"]
    assert "bert" in body_of(aws)["owner"]


def test_a_holder_that_died_here_is_seen_to_be_gone_at_once(aws: FakeAws) -> None:
    with lock_of(aws).held("deploy", "anna"):
        changed(aws, pid=dead_process())
        with lock_of(aws).held("deploy", "bert"):
            assert "bert" in body_of(aws)["owner"]


def test_who_has_lost_the_lock_changes_nothing_any_more(aws: FakeAws) -> None:
    with lock_of(aws, lease=0.2).held("deploy", "anna") as check:
        check()
        body = {**body_of(aws), "owner": "bert", "token": "another"}
        FakeClients(aws).s3.put_object(
            Bucket="portable-123456789012-eu-central-1",
            ExpectedBucketOwner=ACCOUNT.id,
            Key=KEY,
            Body=json.dumps(body).encode(),
        )

        def is_noticed() -> bool:
            try:
                check()
            except ProjectConflict:
                return True
            return False

        until(is_noticed, "the loss of the lock")
        with pytest.raises(ProjectConflict, match="the lock was lost: bert has it"):
            check()
    assert body_of(aws)["owner"] == "bert"


def test_a_lock_is_renewed_while_it_is_needed(aws: FakeAws) -> None:
    with lock_of(aws, lease=0.4).held("deploy", "anna") as check:
        first = aws.read()["objects"][KEY]["etag"]
        until(lambda: aws.read()["objects"][KEY]["etag"] != first, "a renewal")
        check()


def test_a_deploy_beside_another_one_changes_nothing(shop: Shop, aws: FakeAws) -> None:
    class Meddling(Watching):
        error: PortableError | None = None

        def agree(self, plan: Any) -> bool:
            before = aws.read()["stacks"]
            try:
                Shop(aws).deploy(code="2")
            except ProjectConflict as error:
                self.error = error
            assert aws.read()["stacks"] == before
            return True

    watcher = Meddling()
    assert shop.deploy(watcher=watcher).is_changed
    assert watcher.error is not None
    assert watcher.error.exit_code == 6


def test_a_bucket_that_belongs_to_others_gets_nothing(shop: Shop, aws: FakeAws) -> None:
    aws.change(lambda state: state["buckets"].update({"portable-123456789012-eu-central-1": {"owner": "999999999999"}}))
    with pytest.raises((PermissionDenied, ConfigurationError), match=r"portable-123456789012-eu-central-1"):
        shop.deploy()
    assert aws.read()["objects"] == {}
