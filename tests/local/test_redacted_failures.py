"""What a handler's failure says goes into the queue without the app's secrets: dead letters are kept, and shown."""

import json
from pathlib import Path

from portable_local.running import running
from portable_local.values import write_value

from portable import App

KEY = "hunter22-hunter22"
OLD = "an-older-key-1234"


def test_a_dead_letter_has_neither_the_secret_of_now_nor_the_one_before() -> None:
    app = App("shop")
    key = app.secret("key")

    @app.task(max_attempts=1)
    def work(payload: str) -> None:
        raise ValueError(f"no {payload} with {key.get()}")

    with running(app) as started:
        folder = started.store.folder
        for value in (OLD, KEY):
            write_value(folder, "secret", "key", value)
            work.send("luck")
            started.drain()
        # A worker that holds the old one still.
        work.send(OLD)
        started.drain()
        letters = started.dead_letters("work")
        assert len(letters) == 3
        assert [letter.error for letter in letters].count("ValueError: no luck with [redacted]") == 2
        for file in (path for path in Path(folder).rglob("store*") if path.is_file()):
            # The payload is the user's data, and stays as it is.
            data = file.read_bytes().replace(json.dumps(OLD).encode(), b"")
            assert KEY.encode() not in data, file
            assert OLD.encode() not in data, file
        (trace,) = started.store.engine._session.execute(
            "SELECT traceback FROM deliveries WHERE state = 'dead' LIMIT 1"
        ).fetchone()
        assert "in work" in trace
        assert "[redacted]" in trace
