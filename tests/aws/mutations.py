"""Events with something wrong in them: one to three places of a good one are removed, replaced or twisted."""

import copy
import random
from typing import Any

STRANGE: list[Any] = [
    None, True, False, 0, -1, 3.5, 10**30, "", " ", "x", "é\ud800", "\x00", "null", "{}", "[]", "{", "a" * 5000,
    [], [None], {}, {"a": 1}, {"S": 1}, {"M": None}, [[[]]], "2026-13-45T99:00:00Z", "1e999", "arn:aws:sqs:::", "../..",
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything inside a JSON value."""
    found: list[tuple[Any, ...]] = []
    if isinstance(value, dict):
        inner: Any = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        inner = ()
    for name, entry in inner:
        found.append((*path, name))
        found.extend(places(entry, (*path, name)))
    return found


def mutated(event: Any, source: random.Random) -> tuple[Any, list[str]]:
    """A copy with something wrong, and what that is."""
    changed = copy.deepcopy(event)
    notes: list[str] = []
    for _ in range(source.choice((1, 1, 1, 2, 3))):
        known = places(changed)
        if not known:
            break
        path = source.choice(known)
        parent = changed
        for name in path[:-1]:
            parent = parent[name]
        name, old = path[-1], parent[path[-1]]
        what = source.randrange(7)
        if what == 0:
            del parent[name]
        elif what == 1 and isinstance(old, str) and old:
            cut = source.randrange(len(old))
            parent[name] = source.choice((old[:cut], old[cut:], old[:cut] + chr(source.randrange(0x300)) + old[cut:]))
        elif what == 2 and isinstance(parent, dict) and isinstance(name, str):
            parent[name.swapcase()] = parent.pop(name)
        elif what == 3:
            parent[name] = [old]
        elif what == 4 and isinstance(parent, list):
            parent.insert(name, copy.deepcopy(old))
        else:
            parent[name] = copy.deepcopy(source.choice(STRANGE))
        notes.append(f"{what} at {'/'.join(map(str, path))}")
    return changed, notes
