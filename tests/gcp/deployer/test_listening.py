"""Another filter or another kind of event: the new way is open before the old one is closed. Over our fake."""

from typing import Any

import pytest

from portable import App
from portable.buckets import ObjectEvent
from portable.errors import DeployFailed
from tests.gcp.deployer.fake_google import Google
from tests.gcp.deployer.shop import APP, Shop, Watching
from tests.gcp_stack.front import error
from tests.gcp_stack.server import Reply, Request


def hearing(kind: str | None) -> App:
    app = App(APP, targets=("gcp",))
    placed = app.topic("placed")

    @placed.subscribe(filter={"kind": kind} if kind else {})
    def hear(event: dict[str, Any]) -> None: ...

    return app


def storing(*, deletes: bool) -> App:
    app = App(APP, targets=("gcp",))
    files = app.bucket("files")

    @files.on_created
    def came(event: ObjectEvent) -> None: ...

    if deletes:

        @files.on_deleted
        def went(event: ObjectEvent) -> None: ...

    return app


def changes(google: Google, part: str) -> list[str]:
    return [
        verb for call in google.calls if part in call for verb in [call.split()[1]] if verb in ("PUT", "POST", "DELETE")
    ]


def alive(google: Google) -> list[str]:
    return [name for name in google.names("subscriptions") if not name.endswith("-dead")]


@pytest.mark.parametrize(("old", "new"), [("new", "old"), (None, "old"), ("new", None)])
def test_a_subscription_with_another_filter_is_made_before_the_old_one_goes(
    shop: Shop, google: Google, old: str | None, new: str | None
) -> None:
    shop.deploy(hearing(old))
    [before] = alive(google)
    google.calls.clear()
    watcher = Watching()
    shop.deploy(hearing(new), watcher=watcher)
    # POST: who may give to its dead letters.
    assert changes(google, "/subscriptions/shop-dev-hear") == ["PUT", "POST", "DELETE"]
    assert alive(google) != [before]
    assert len(alive(google)) == 1
    [plan] = watcher.plans
    told = {one.action: one.reasons for one in plan.changes if one.id.startswith("subscription:hear")}
    assert told["delete"] == ("another takes its place; what it has not delivered until then is lost",)
    assert not shop.deploy(hearing(new)).is_changed
    assert [step for step in shop.plan(hearing(new), drift=True).steps if "subscription" in step] == []
    shop.rollback(1)
    assert alive(google) == [before]


@pytest.mark.parametrize("last", ["new", "old"])
def test_a_change_of_filter_that_was_interrupted_goes_on_or_back(shop: Shop, google: Google, last: str) -> None:
    shop.deploy(hearing("new"))

    def interrupt(when: str, service: str, request: Request) -> Reply | None:
        if when == "before" and service == "pubsub" and request.verb == "DELETE":
            return error("PERMISSION_DENIED", "interrupted")
        return None

    google.hook = interrupt
    with pytest.raises(DeployFailed, match="interrupted"):
        shop.deploy(hearing("old"))
    assert len(alive(google)) == 2
    google.hook = lambda *_: None
    shop.deploy(hearing(last))
    [left] = alive(google)
    wanted = f'attributes."kind" = "{last}"'
    assert [one["filter"] for name, one in google.project.resources.items() if name.endswith(left)] == [wanted]
    shop.destroy()
    assert alive(google) == []


def test_what_a_bucket_tells_changes_without_a_moment_of_silence(shop: Shop, google: Google) -> None:
    shop.deploy(storing(deletes=False))
    google.calls.clear()
    shop.deploy(storing(deletes=True))
    assert changes(google, "/notificationConfigs") == ["POST", "DELETE"]
    assert len(google.names("notificationConfigs")) == 1
    assert not shop.deploy(storing(deletes=True)).is_changed


@pytest.mark.parametrize("end", ["deploy", "destroy"])
def test_two_notifications_that_an_interruption_has_left_become_one(shop: Shop, google: Google, end: str) -> None:
    shop.deploy(storing(deletes=False))

    def interrupt(when: str, service: str, request: Request) -> Reply | None:
        if when == "before" and request.verb == "DELETE" and "/notificationConfigs/" in request.path:
            return error("PERMISSION_DENIED", "interrupted")
        return None

    google.hook = interrupt
    with pytest.raises(DeployFailed, match="interrupted"):
        shop.deploy(storing(deletes=True))
    assert len(google.names("notificationConfigs")) == 2
    google.hook = lambda *_: None
    if end == "destroy":
        shop.destroy()
        assert google.names("notificationConfigs") == []
        return
    assert shop.deploy(storing(deletes=True)).is_changed
    assert len(google.names("notificationConfigs")) == 1
    assert not shop.deploy(storing(deletes=True)).is_changed
