"""Another filter or another kind of event: the new way is open before the old one is closed. Over our fake."""

from typing import Any

import pytest

from portable import App
from portable.buckets import ObjectEvent
from portable.errors import DataAtRisk, DeployFailed, PortableError
from tests.gcp.deployer.fake_google import PROJECT, REGION, Google
from tests.gcp.deployer.shop import APP, Shop, Watching
from tests.gcp.deployer.test_interruptions import At, end_of_process
from tests.gcp_stack.front import error
from tests.gcp_stack.server import Reply, Request


def hearing(kind: str | None, *, topic: str = "placed") -> App:
    """`hear` hears one of two topics."""
    app = App(APP, targets=("gcp",))
    topics = {name: app.topic(name) for name in ("placed", "packed")}

    @topics[topic].subscribe(filter={"kind": kind} if kind else {})
    def hear(event: dict[str, Any]) -> None: ...

    return app


def following(table: str) -> App:
    """`follow` hears the changes of one of two tables."""
    app = App(APP, targets=("gcp",))
    tables = {name: app.table(name, key="id") for name in ("orders", "lines")}

    @tables[table].on_change
    def follow(change: Any) -> None: ...

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


def order(google: Google, verb: str, part: str) -> int:
    """Which call was the first of its kind."""
    return next(index for index, call in enumerate(google.calls) if call.split()[1] == verb and part in call)


def full(subscription: str) -> str:
    return f"projects/{PROJECT}/subscriptions/{subscription}"


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
    # POST: it is led back to the snapshot, and who may give to its dead letters.
    assert changes(google, "/subscriptions/shop-dev-hear") == ["PUT", "POST", "POST", "DELETE"]
    assert changes(google, "/snapshots/") == ["PUT", "DELETE"]
    assert order(google, "PUT", "/snapshots/") < order(google, "PUT", "/subscriptions/shop-dev-hear")
    assert order(google, "POST", ":seek") < order(google, "DELETE", "/subscriptions/")
    assert google.project.led_back == [(full(alive(google)[0]), full(before), False)]
    assert alive(google) != [before]
    assert len(alive(google)) == 1
    [plan] = watcher.plans
    told = {one.action: one.reasons for one in plan.changes if one.id.startswith("subscription:hear")}
    assert told["create"] == ("it takes over what the one before it has not delivered",)
    assert told["delete"] == ("another takes its place, with what it has not delivered",)
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
    assert [one["filter"] for name, one in google.project.resources.items() if name.endswith(f"/{left}")] == [wanted]
    assert google.names("snapshots") == []
    shop.destroy()
    assert alive(google) == []


def test_wherever_a_change_of_filter_is_interrupted_the_new_one_gets_what_the_old_one_has(
    shop: Shop, google: Google
) -> None:
    shop.deploy(hearing("new"))
    [before] = alive(google)
    kept = google.keep()
    old, interrupted = hearing("old"), 0
    for number in range(1, 50):
        google.restore(kept)
        hook = google.hook = At(number, "before", but=())
        try:
            Shop(google).deploy(old)
        except PortableError:
            interrupted += 1
        google.hook = lambda *_: None
        if hook.fired is None:
            break
        end_of_process(google)
        Shop(google).deploy(old)
        [after] = alive(google)
        assert after != before
        assert google.names("snapshots") == [], hook.fired
        # Each time that it was led back, it was to what there was before it came.
        assert set(google.project.led_back) == {(full(after), full(before), False)}, hook.fired
    assert interrupted > 6
    [after] = alive(google)
    assert google.project.led_back == [(full(after), full(before), False)]


def test_what_waits_where_another_topic_takes_the_place_is_not_lost_unnamed(shop: Shop, google: Google) -> None:
    shop.deploy(hearing(None, topic="placed"))
    [before] = alive(google)
    state = google.state()
    with pytest.raises(DataAtRisk, match="delete subscription hear: another takes its place, and what it has not") as e:
        shop.deploy(hearing(None, topic="packed"))
    assert "--lose hear" in str(e.value.hint)
    assert google.state() == state
    google.calls.clear()
    shop.deploy(hearing(None, topic="packed"), lose=("hear",))
    assert changes(google, "/subscriptions/shop-dev-hear") == ["PUT", "POST", "DELETE"]
    [after] = alive(google)
    assert after != before
    assert google.project.resources[full(after)]["topic"].endswith("/topics/shop-dev-packed")
    assert not shop.deploy(hearing(None, topic="packed")).is_changed
    with pytest.raises(DataAtRisk, match="what it has not delivered is lost"):
        shop.rollback(1)
    shop.rollback(1, lose=("hear",))
    assert alive(google) == [before]


def test_a_handler_that_hears_another_table_has_its_trigger_before_the_old_one_goes(shop: Shop, google: Google) -> None:
    shop.deploy(following("orders"))
    [before] = google.names("triggers")
    with pytest.raises(DataAtRisk, match="delete trigger follow: another takes its place, and what it has not"):
        shop.deploy(following("lines"))
    google.calls.clear()
    shop.deploy(following("lines"), lose=("follow",))
    assert changes(google, "/triggers") == ["POST", "DELETE"]
    [after] = google.names("triggers")
    assert after != before
    assert "lines" in str(google.project.resources[f"projects/{PROJECT}/locations/{REGION}/triggers/{after}"])
    assert not shop.deploy(following("lines")).is_changed


def test_a_subscription_whose_topic_somebody_has_deleted_is_not_replaced_unnamed(shop: Shop, google: Google) -> None:
    shop.deploy(hearing(None))
    [name] = alive(google)
    del google.project.resources[f"projects/{PROJECT}/topics/shop-dev-placed"]
    google.project.resources[full(name)]["topic"] = "_deleted-topic_"
    with pytest.raises(DataAtRisk, match=r"replace subscription hear: .*what waits in it is lost"):
        shop.deploy(hearing(None))
    shop.deploy(hearing(None), lose=("hear",))
    assert google.project.resources[full(name)]["topic"].endswith("/topics/shop-dev-placed")


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
