"""Two deploys at once: one wins, the other says who holds the lock. Over our fake's generations."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from portable_gcp.applying import Applying
from portable_gcp.artifacts import Artifacts, lock_bucket_of
from portable_gcp.cloud import Cloud
from portable_gcp.deploy_clients import DeployClients
from portable_gcp.deployer import is_googles
from portable_gcp.diff import moves_to
from portable_gcp.firestore_indexes import indexes
from portable_gcp.names import Names
from portable_gcp.operations import Pace
from portable_gcp.template_data import indexed

from portable.deploy.lock import Lock
from portable.errors import ConfigurationError, PermissionDenied, PortableError, ProjectConflict
from tests.gcp.deployer.fake_google import Google
from tests.gcp.deployer.shop import Shop, Watching, app_of
from tests.gcp.deployer.test_interruptions import dead_process

BUCKET = "portable-europe-west1-3d098866"
KEY = "projects/_/buckets/portable-locks-3d098866/objects/locks/shop-dev.json"
DEADLINE = 60
LOOK = 0.01


def lock_of(google: Google, *, lease: float = 120.0) -> Lock:
    clients = DeployClients()
    place = clients.place()
    artifacts = Artifacts(clients, place, lock_bucket_of(place))
    artifacts.prepare()
    return Lock(artifacts, "shop", "dev", lease=lease, is_providers=is_googles)


def body_of(google: Google) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(google.project.resources[KEY]["_data"])
    return found


def changed(google: Google, **values: Any) -> None:
    """Makes the lock that lies there another one's."""
    with google.project.lock:
        google.project.resources[KEY]["_data"] = json.dumps({**body_of(google), **values}).encode()


def until(is_so: Callable[[], bool], what: str) -> None:
    """Looks again until it is so, or the deadline has passed."""
    end = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < end, f"{what} is still not seen after {DEADLINE} s"
        time.sleep(LOOK)


def test_the_second_is_told_who_has_it_since_when_and_until_when(google: Google) -> None:
    with lock_of(google).held("deploy", "anna"):
        with pytest.raises(ProjectConflict, match=r"shop in dev is being changed by anna on .*: deploy, since 20") as e:
            with lock_of(google).held("destroy", "bert"):
                raise AssertionError("both have it")
        assert "its lock ends by itself in 1" in str(e.value.hint)
    with lock_of(google).held("destroy", "bert"):
        holder = lock_of(google).holder()
        assert holder is not None
        assert "bert" in holder.owner
    assert lock_of(google).holder() is None


def test_of_many_at_once_one_has_it(google: Google) -> None:
    lock_of(google)
    ready, inside = threading.Barrier(6), []
    refused: list[str] = []
    leave = threading.Event()

    def work(name: str) -> None:
        lock = lock_of(google)
        ready.wait(DEADLINE)
        try:
            with lock.held("deploy", name):
                inside.append(name)
                assert leave.wait(DEADLINE)
        except ProjectConflict as error:
            refused.append(error.message)
        if len(refused) == 5:
            leave.set()

    threads = [threading.Thread(target=work, args=(f"number {index}",), daemon=True) for index in range(6)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + DEADLINE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    leave.set()
    assert [thread.name for thread in threads if thread.is_alive()] == []
    assert len(inside) == 1
    assert len(refused) == 5
    assert all(inside[0] in text or "others take the lock" in text for text in refused)


def test_the_lock_of_a_holder_elsewhere_ends_with_its_lease_by_googles_clock(google: Google) -> None:
    with lock_of(google).held("deploy", "anna"):
        changed(google, place="another machine", pid=1)
        assert lock_of(google).holder() is not None
        written = datetime.now(UTC) - timedelta(seconds=125)
        google.project.resources[KEY]["updated"] = written.isoformat(timespec="milliseconds")
        assert lock_of(google).holder() is None
        with lock_of(google).held("deploy", "bert"):
            assert "bert" in body_of(google)["owner"]
    # Anna's end does not take away what is Bert's, and Bert has let go.
    assert body_of(google)["free"]
    assert "bert" in body_of(google)["owner"]


def test_a_holder_that_died_here_is_seen_to_be_gone_at_once(google: Google) -> None:
    with lock_of(google).held("deploy", "anna"):
        changed(google, pid=dead_process())
        with lock_of(google).held("deploy", "bert"):
            assert "bert" in body_of(google)["owner"]


def test_who_has_lost_the_lock_changes_nothing_any_more(google: Google) -> None:
    with lock_of(google, lease=0.2).held("deploy", "anna") as check:
        check()
        changed(google, owner="bert", token="another")
        google.project.resources[KEY]["generation"] = "9999"

        def is_noticed() -> bool:
            try:
                check()
            except ProjectConflict:
                return True
            return False

        until(is_noticed, "the loss of the lock")
        with pytest.raises(ProjectConflict, match="the lock was lost: bert has it"):
            check()
    assert body_of(google)["owner"] == "bert"


def test_a_lock_is_renewed_while_it_is_needed(google: Google) -> None:
    with lock_of(google, lease=0.4).held("deploy", "anna") as check:
        first = google.project.resources[KEY]["generation"]
        until(lambda: google.project.resources[KEY]["generation"] != first, "a renewal")
        check()


def test_a_replacement_makes_nothing_once_the_lock_was_lost_after_its_deletion(shop: Shop, google: Google) -> None:
    shop.deploy(app_of(indexes=("by_day",)))
    name, index = next((name, one) for name, one in google.project.resources.items() if "/indexes/" in name)
    index["state"] = "NEEDS_REPAIR"
    place = shop.clients.place()
    names = Names("shop", "dev", place.project, place.location, place.number)
    wanted = list(indexed(indexes(shop.options(app_of(indexes=("by_day",))).manifest), names))
    cloud = Cloud(shop.clients, place)
    found = cloud.read(wanted)
    moves = [move for move in moves_to(wanted, wanted, found) if move.action != "keep"]
    assert [(move.action, move.found.name) for move in moves if move.found] == [("replace", name)]

    def check() -> None:
        if name not in google.project.resources:
            raise ProjectConflict("the lock was lost")

    google.calls.clear()
    with pytest.raises(ProjectConflict, match="the lock was lost"):
        Applying(cloud, Watching(), check, lambda: Pace(lambda _: None)).apply(moves)
    assert [call.split()[1] for call in google.calls if "/indexes" in call] == ["DELETE"]


def test_a_deploy_beside_another_one_changes_nothing(shop: Shop, google: Google) -> None:
    class Meddling(Watching):
        error: PortableError | None = None

        def agree(self, plan: Any) -> bool:
            before = google.state()
            try:
                Shop(google).deploy(code="2")
            except ProjectConflict as error:
                self.error = error
            assert google.state() == before
            return True

    watcher = Meddling()
    assert shop.deploy(watcher=watcher).is_changed
    assert watcher.error is not None
    assert watcher.error.exit_code == 6


@pytest.mark.parametrize("where", ["in another project", "where we may not look"])
def test_a_bucket_that_belongs_to_others_gets_nothing(shop: Shop, google: Google, where: str) -> None:
    from tests.gcp_stack.front import error

    if where == "in another project":
        theirs = {"name": BUCKET, "kind": "storage#bucket", "location": "US", "projectNumber": "999", "id": BUCKET}
        google.plane.projects["others-project"].resources[f"projects/_/buckets/{BUCKET}"] = theirs
    else:
        google.hook = lambda when, service, request: (
            error("PERMISSION_DENIED", "no access") if when == "before" and f"/b/{BUCKET}" in request.path else None
        )
    with pytest.raises((PermissionDenied, ConfigurationError), match=BUCKET):
        shop.deploy()
    assert google.project.resources == {}
