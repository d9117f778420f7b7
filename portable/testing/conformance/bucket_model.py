"""A bucket and its model: a dict of objects."""

from contextlib import ExitStack
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from portable.adapter import Running
from portable.app import App
from portable.buckets import Bucket
from portable.errors import Conflict, NotFound

from .harness import Harness

KEYS = ("a", "a/b", "a/b/c", "a.txt", "b", "b/")
keys: st.SearchStrategy[str] = st.sampled_from([key for key in KEYS if not key.endswith("/")])
bodies: st.SearchStrategy[bytes] = st.binary(max_size=40)
described: st.SearchStrategy[dict[str, str]] = st.sampled_from(({}, {"owner": "me"}))


class Kept(NamedTuple):
    """An object as it must be found."""

    data: bytes
    content_type: str
    metadata: dict[str, str]
    version: str


class BucketMachine(RuleBasedStateMachine):
    """Reads and writes of one client; every answer is compared with the model's."""

    harness: ClassVar[Harness]

    def __init__(self) -> None:
        super().__init__()
        app = App("conformance")
        self.bucket: Bucket = app.bucket("files")
        self.open: ExitStack = ExitStack()
        self.running: Running = self.open.enter_context(self.harness.running(app))
        self.model: dict[str, Kept] = {}
        self.versions: set[str] = set()

    def teardown(self) -> None:
        self.open.close()

    def asked(self, key: str, condition: str) -> tuple[dict[str, Any], bool]:
        """(the arguments for a condition, whether it holds)."""
        kept = self.model.get(key)
        match condition:
            case "absent":
                return {"if_absent": True}, kept is None
            case "version" if kept is not None:
                return {"if_version": kept.version}, True
            case "stale" if self.versions - ({kept.version} if kept is not None else set()):
                return {"if_version": min(self.versions - ({kept.version} if kept is not None else set()))}, False
            case _:
                return {}, True

    @rule(
        key=keys,
        data=bodies,
        kind=st.sampled_from(("text/plain", "image/png")),
        metadata=described,
        condition=st.sampled_from(("", "", "absent", "version", "stale")),
        in_pieces=st.booleans(),
    )
    def put(self, key: str, data: bytes, kind: str, metadata: dict[str, str], condition: str, in_pieces: bool) -> None:
        arguments, holds = self.asked(key, condition)
        source = iter([data[:7], data[7:]]) if in_pieces else data
        if not holds:
            with pytest.raises(Conflict):
                self.bucket.put(key, source, content_type=kind, metadata=metadata, **arguments)
            return
        made = self.bucket.put(key, source, content_type=kind, metadata=metadata, **arguments)
        assert (made.key, made.size, made.content_type, made.metadata) == (key, len(data), kind, metadata)
        assert made.version not in self.versions
        self.versions.add(made.version)
        self.model[key] = Kept(data, kind, metadata, made.version)

    @rule(key=keys, condition=st.sampled_from(("", "version", "stale")))
    def delete(self, key: str, condition: str) -> None:
        arguments, holds = self.asked(key, condition)
        if holds:
            self.bucket.delete(key, **arguments)
            self.model.pop(key, None)
        else:
            with pytest.raises(Conflict):
                self.bucket.delete(key, **arguments)

    @rule(source=keys, destination=keys, only_new=st.booleans())
    def copy(self, source: str, destination: str, only_new: bool) -> None:
        if source == destination:
            return
        kept = self.model.get(source)
        if kept is None:
            with pytest.raises(NotFound):
                self.bucket.copy(source, destination, if_absent=only_new)
        elif only_new and destination in self.model:
            with pytest.raises(Conflict):
                self.bucket.copy(source, destination, if_absent=True)
        else:
            made = self.bucket.copy(source, destination, if_absent=only_new)
            self.versions.add(made.version)
            self.model[destination] = kept._replace(version=made.version)

    @rule(key=keys, start=st.integers(0, 45), length=st.none() | st.integers(0, 45))
    def read_range(self, key: str, start: int, length: int | None) -> None:
        kept = self.model.get(key)
        end = None if length is None else start + length
        if kept is None:
            with pytest.raises(NotFound):
                self.bucket.read_range(key, start, end)
        else:
            assert self.bucket.read_range(key, start, end) == kept.data[start:end]

    @rule(prefix=st.sampled_from(("", "a", "a/", "a/b", "c")), limit=st.integers(1, 4), in_folders=st.booleans())
    def list_by_pages(self, prefix: str, limit: int, in_folders: bool) -> None:
        objects: list[str] = []
        folders: list[str] = []
        after: str | None = None
        for _ in range(len(KEYS) + 2):
            page = self.bucket.list(prefix, delimiter="/" if in_folders else None, limit=limit, start_after=after)
            assert len(page.objects) + len(page.prefixes) <= limit
            objects += [entry.key for entry in page.objects]
            folders += page.prefixes
            after = page.cursor
            if after is None:
                break
        assert after is None
        expected = sorted(key for key in self.model if key.startswith(prefix))
        below = {key: key.find("/", len(prefix)) for key in expected} if in_folders else {}
        assert objects == [key for key in expected if below.get(key, -1) < 0]
        assert folders == sorted({key[: cut + 1] for key, cut in below.items() if cut >= 0})

    @invariant()
    def every_object_is_that_of_the_model(self) -> None:
        for key in KEYS:
            if key.endswith("/"):
                continue
            kept, head = self.model.get(key), self.bucket.head(key)
            assert self.bucket.get(key) == (None if kept is None else kept.data)
            assert (head is None) == (kept is None)
            if kept is not None and head is not None:
                assert (head.size, head.content_type, head.metadata, head.version) == (len(kept.data), *kept[1:])
