"""What a subscription has not delivered when another takes its place, and what is lost of it. Pure.

Google changes neither the topic nor the filter of a subscription, so another one is made before the old one goes. A
snapshot of the old one, taken before the new one is there, has all that the old one has not delivered and all that is
published from then on; the new one is led back to it. So nothing is lost, and some of it may come twice.
https://cloud.google.com/pubsub/docs/replay-overview

A snapshot is of one topic. What waits for a handler that hears another topic from now on, or that a trigger of Eventarc
has not delivered, can be given to nobody: it is lost with what it waits in, and has to be named like data.
"""

from collections.abc import Iterable, Mapping, Sequence

from .libraries import Found
from .names import TOPIC_CHARACTERS, fitted, marked
from .resources import BEFORE, SNAPSHOT, Resource, short

TO = ">"


def snapshots(
    wanted: Iterable[Resource], known: Sequence[Resource], found: Mapping[str, Found]
) -> tuple[Resource, ...]:
    """What has to be there for a while, so that each new subscription gets what its old one has not delivered.

    One that is there itself has heard all along, unless its snapshot is still there: then a run was interrupted.
    """
    made: list[Resource] = []
    for one in wanted:
        if one.kind != "subscription":
            continue
        for old in known:
            snapshot = snapshot_of(old, one)
            is_same = old.id in found and found[old.id].body.get("topic") == one.body["topic"]
            if old.id.startswith(one.id + BEFORE) and is_same and (one.id not in found or snapshot.id in found):
                made.append(snapshot)
                # A subscription can be led back once.
                break
    return tuple(made)


def snapshot_of(old: Resource, new: Resource) -> Resource:
    name = fitted(short(old), TOPIC_CHARACTERS - len(marked("")) - 1)
    return Resource(
        f"{SNAPSHOT}{short(old)}{TO}{short(new)}",
        "snapshot",
        f"{old.name.partition('/subscriptions/')[0]}/snapshots/{name}-{marked(new.name)}",
        {"labels": new.body["labels"]},
        new.shown,
        new.where,
    )


def led_back_to(one: Resource, taken: Iterable[Resource]) -> Resource | None:
    """The snapshot, among those that are taken, that a subscription gets."""
    if one.kind != "subscription":
        return None
    return next((snapshot for snapshot in taken if snapshot.id.partition(TO)[2] == short(one)), None)


def is_handed_over(old: Resource, taken: Iterable[Resource]) -> bool:
    return any(one.id.removeprefix(SNAPSHOT).partition(TO)[0] == short(old) for one in taken)


def has_heard_all_along(old: Resource, known: Iterable[Resource], found: Mapping[str, Found]) -> bool:
    """Whether what takes the place of `old` was there before it: a change that was begun is taken back."""
    id = old.id.partition(BEFORE)[0]
    return id in found and all(one.id != id for one in known)


def source_of(snapshot: Resource) -> str:
    """The name of the subscription that a snapshot is of."""
    project = snapshot.name.partition("/snapshots/")[0]
    return f"{project}/subscriptions/{snapshot.id.removeprefix(SNAPSHOT).partition(TO)[0]}"
