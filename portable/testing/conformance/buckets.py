"""Buckets: life, versions and conditions, deletion, copies; the face of the whole suite of buckets.

Each other concern has a file of its own, bucket_*.py; `BucketConformance` has them all.
"""

from collections.abc import Callable
from typing import Any

import pytest

from portable.app import App, Service
from portable.errors import Conflict, DeclarationError, InvalidArgument, NotBound

from .bucket_concurrency import BucketConcurrencyConformance
from .bucket_data import BucketDataConformance
from .bucket_descriptions import BucketDescriptionConformance
from .bucket_events import BucketEventConformance
from .bucket_keys import ILLEGAL_KEYS, LEGAL_KEYS, BucketKeyConformance
from .bucket_lists import BucketListConformance
from .bucket_urls import BucketUrlConformance
from .harness import Harness

__all__ = ["ILLEGAL_KEYS", "LEGAL_KEYS", "BucketConformance"]


class BucketConformance(
    BucketKeyConformance,
    BucketDataConformance,
    BucketDescriptionConformance,
    BucketListConformance,
    BucketConcurrencyConformance,
    BucketUrlConformance,
    BucketEventConformance,
):
    """Everything that a bucket promises."""

    # Life

    def test_a_bucket_that_is_not_running_is_not_bound(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        calls: list[Callable[[], object]] = [
            lambda: files.get("a"),
            lambda: files.put("a", b""),
            lambda: files.open("a"),
            lambda: files.head("a"),
            lambda: files.list(),
            lambda: files.delete("a"),
            lambda: files.copy("a", "b"),
            lambda: files.signed_url("a"),
        ]
        for call in calls:
            with pytest.raises(NotBound):
                call()
        with harness.running(app):
            assert files.get("a") is None
        for call in calls:
            with pytest.raises(NotBound):
                call()

    def test_a_run_starts_with_empty_buckets(self, harness: Harness) -> None:
        for _ in range(2):
            with self.running(harness) as (files, _running):
                assert files.list() == ([], [], None)
                files.put("a", b"x")

    def test_buckets_do_not_see_one_another(self, harness: Harness) -> None:
        app, service = App("conformance"), Service("archive")
        one, two, same = app.bucket("one"), app.bucket("two"), service.bucket("one")
        app.include(service)
        with harness.running(app):
            one.put("a", b"one")
            assert two.get("a") is None
            assert same.get("a") is None
            same.put("a", b"same")
            two.put("one/a", b"two")
            assert (one.get("a"), two.get("one/a"), same.get("a")) == (b"one", b"two", b"same")
            assert [entry.key for entry in two.list().objects] == ["one/a"]
            one.delete("a")
            assert same.get("a") == b"same"

    def test_a_bucket_is_declared_once_under_a_legal_name(self, harness: Harness) -> None:
        app = App("conformance")
        app.bucket("files")
        with pytest.raises(DeclarationError, match="twice"):
            app.bucket("files")
        for name in ("", "Files", "a_b", "1a", "a/b", "..", "a" * 64, "é"):
            with pytest.raises(DeclarationError):
                app.bucket(name)
        with harness.running(app):
            pass

    # Versions and conditions

    def test_a_version_changes_with_every_write_also_of_the_same_bytes(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            seen = [files.put("a", b"same").version for _ in range(10)]
            files.delete("a")
            seen.append(files.put("a", b"same").version)
            assert len(set(seen)) == 11
            assert "" not in seen
            assert {type(version) for version in seen} == {str}

    def test_reading_changes_no_version(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            stored = files.put("a", b"x")
            files.get("a")
            files.list()
            files.copy("a", "b")
            with files.open("a") as reader:
                reader.read()
            assert files.head("a") == stored

    def test_if_absent_writes_once(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            stored = files.put("a", b"first", if_absent=True)
            with pytest.raises(Conflict) as caught:
                files.put("a", b"second", if_absent=True)
            assert caught.value.resource == "bucket:files"
            assert caught.value.key == "a"
            assert files.get("a") == b"first"
            assert files.head("a") == stored
            files.put("a/b", b"below", if_absent=True)
            files.delete("a")
            files.put("a", b"third", if_absent=True)
            assert files.get("a") == b"third"

    def test_if_version_replaces_only_that_version(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            first = files.put("a", b"1")
            second = files.put("a", b"2", if_version=first.version)
            with pytest.raises(Conflict):
                files.put("a", b"3", if_version=first.version)
            assert files.get("a") == b"2"
            files.put("a", b"4", if_version=second.version)
            assert files.get("a") == b"4"
            with pytest.raises(Conflict):
                files.put("absent", b"x", if_version=second.version)
            assert files.head("absent") is None
            with pytest.raises(Conflict):
                files.put("a", b"x", if_version="not-a-version-of-anything")
            assert files.get("a") == b"4"

    def test_the_version_of_a_deleted_object_counts_no_more(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            stored = files.put("a", b"1")
            files.delete("a")
            with pytest.raises(Conflict):
                files.put("a", b"2", if_version=stored.version)
            files.put("a", b"1")
            with pytest.raises(Conflict):
                files.put("a", b"2", if_version=stored.version)
            with pytest.raises(Conflict):
                files.delete("a", if_version=stored.version)
            assert files.get("a") == b"1"

    def test_conditions_exclude_one_another_and_versions_are_texts(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            version = files.put("a", b"1").version
            with pytest.raises(InvalidArgument):
                files.put("a", b"2", if_absent=True, if_version=version)
            bad: list[Any] = ["", 1, b"v", True, object()]
            for wrong in bad:
                with pytest.raises(InvalidArgument):
                    files.put("a", b"2", if_version=wrong)
                with pytest.raises(InvalidArgument):
                    files.delete("a", if_version=wrong)
            assert files.get("a") == b"1"

    # Deleting and copying

    def test_deleting_is_idempotent(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            files.put("a", b"x")
            files.put("a/b", b"y")
            for _number in range(3):
                files.delete("a")
                assert files.get("a") is None
            files.delete("never/was")
            assert files.get("a/b") == b"y"

    def test_deleting_a_version_happens_only_to_that_one(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            first = files.put("a", b"1")
            second = files.put("a", b"2")
            with pytest.raises(Conflict):
                files.delete("a", if_version=first.version)
            assert files.get("a") == b"2"
            files.delete("a", if_version=second.version)
            assert files.get("a") is None
            with pytest.raises(Conflict):
                files.delete("a", if_version=second.version)

    def test_a_copy_has_bytes_type_and_metadata_and_a_life_of_its_own(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            source = files.put("a.txt", b"x" * 300_000, metadata={"k": "v"})
            copied = files.copy("a.txt", "b/c.bin")
            assert (copied.key, copied.size) == ("b/c.bin", 300_000)
            assert (copied.content_type, copied.metadata) == (source.content_type, {"k": "v"})
            assert files.head("b/c.bin") == copied
            assert files.head("a.txt") == source
            files.delete("a.txt")
            assert files.get("b/c.bin") == b"x" * 300_000
            files.put("a.txt", b"new")
            assert files.get("b/c.bin") == b"x" * 300_000

    def test_a_copy_replaces_unless_told_not_to(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            files.put("a", b"a")
            before = files.put("b", b"b", metadata={"old": "1"})
            with pytest.raises(Conflict):
                files.copy("a", "b", if_absent=True)
            assert files.head("b") == before
            copied = files.copy("a", "b")
            assert copied.version != before.version
            assert copied.metadata == {}
            assert files.get("b") == b"a"
            files.copy("a", "c", if_absent=True)
            assert files.get("c") == b"a"

    def test_an_object_is_not_copied_to_itself(self, harness: Harness) -> None:
        with self.running(harness) as (files, _):
            files.put("a", b"a")
            with pytest.raises(InvalidArgument):
                files.copy("a", "a")

    # Grants

    def test_every_verb_can_be_granted_and_no_other(self, harness: Harness) -> None:
        app = App("conformance")
        files = app.bucket("files")
        assert files.can("get", "put").resource == "bucket:files"
        for verb in (
            "get",
            "require",
            "open",
            "read_range",
            "head",
            "put",
            "delete",
            "list",
            "copy",
            "signed_url",
        ):
            assert files.can(verb).verbs == (verb,)
        for verb in ("update", "GET", "", "on_created", "*"):
            with pytest.raises(InvalidArgument):
                files.can(verb)
        with harness.running(app):
            pass
