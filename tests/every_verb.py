"""An app whose handlers use every verb of the SDK, for tests of what a cloud's roles allow.

Each route is about one kind of resource, so that its rights can be judged by themselves. Background handlers fail, so
that all that follows from a failure happens too.
"""

from typing import Any

import pytest

from portable import App, Change, ObjectEvent, Response, idempotent
from portable.dead_letters import dead_letters
from portable.errors import NotFound
from portable.tables import prefix


def app_of_every_verb(target: str) -> App:  # noqa: C901 - one declaration after another
    app = App("verbs", functions="handler", targets=(target,))
    words = app.table("words", key=("word", "note"), indexes={"by_note": ("note",)})
    files = app.bucket("files")
    placed = app.topic("placed")
    limit = app.param("limit", default="3")
    key = app.secret("key")

    @app.post("/put")
    def put() -> None:
        words.put({"word": "a", "note": "1"})
        words.put({"word": "a", "note": "2", "count": 1}, if_absent=True)

    @app.post("/read")
    def read() -> None:
        words.require("a", "1")
        words.query("a", prefix("1"))
        words.query_index("by_note", "1")
        words.batch_get([("a", "1"), ("b", "1")])
        list(words.scan())

    @app.post("/change")
    def change() -> None:
        words.update("a", "1", change=lambda item: {**item, "seen": True})
        words.increment("a", "2", field="count", token="once")
        words.increment("a", "2", field="count", token="once")
        words.increment("a", "2", field="count")
        words.batch_write(puts=[{"word": "b", "note": "1"}], deletes=[("c", "1")])
        words.transact(
            [
                words.putting({"word": "d", "note": "1"}),
                words.deleting("d", "2"),
                words.checking("d", "3", if_absent=True),
            ]
        )
        words.delete("a", "1")

    @app.post("/objects")
    def objects() -> None:
        files.put("inbox/1", b"one")
        files.put("inbox/1", b"one", if_version=files.head("inbox/1").version)  # type: ignore[union-attr]
        files.put("large", (b"x" * 1024 * 1024 for _ in range(9)))
        with pytest.raises(ZeroDivisionError):
            files.put("broken", (b"x" * 1024 * 1024 if left else b"x" * (1 // left) for left in range(19, -1, -1)))
        files.copy("inbox/1", "copy")
        files.require("inbox/1")
        assert files.get("absent") is None
        files.list()
        files.signed_url("inbox/1", "GET")
        files.delete("copy")

    @app.post("/send")
    def send() -> None:
        work.send("1", dedup="one")
        work.send("1", dedup="one")
        work.send("later", delay=3600)
        placed.publish({"at": 1})

    @app.post("/values")
    def values() -> Response:
        return Response(f"{limit.get()} {key.get()}")

    @app.task(max_attempts=2, min_backoff=1)
    @idempotent("{name}")
    def work(name: str) -> None:
        raise RuntimeError(name)

    @app.post("/letters")
    def letters() -> None:
        for letter in work.dead_letters().letters:
            work.redrive(letter.id)

    @app.post("/discard")
    def discard() -> None:
        for letter in dead_letters(app, "work").list().letters:
            work.discard(letter.id)

    @app.post("/heard")
    def heard() -> None:
        for letter in dead_letters(app, "hear").list().letters:
            dead_letters(app, "hear").discard(letter.id)

    @app.post("/runs")
    def runs() -> None:
        with pytest.raises(NotFound):
            work.run("0" * 26).record()

    @app.every(minutes=15, max_attempts=2)
    def sweep() -> None:
        raise RuntimeError("sweep")

    @placed.subscribe(max_attempts=2, min_backoff=1)
    def hear(event: dict[str, int]) -> None:
        raise RuntimeError("hear")

    @files.on_created(prefix="inbox/", max_attempts=2, min_backoff=1)
    def received(event: ObjectEvent) -> None:
        raise RuntimeError("received")

    @words.on_change(max_attempts=3, min_backoff=1)
    def changed(change: Change[dict[str, Any]]) -> None:
        raise RuntimeError("changed")

    return app
