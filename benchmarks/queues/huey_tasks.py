"""The task in huey over SQLite, synchronous=FULL; run by huey_consumer."""

import os

from huey import SqliteHuey

from queues.done import done

huey = SqliteHuey("bench", filename=os.environ["BENCH_STORE"], fsync=True, results=False)


@huey.task()  # type: ignore[untyped-decorator]
def one(number: int) -> None:
    done()
