"""The task as a workflow of DBOS over SQLite, on a queue that polls as by default: python -m queues.dbos_tasks"""

import os
import signal
from pathlib import Path

from dbos import DBOS

from queues.done import done

DBOS(config={"name": "bench", "system_database_url": os.environ["BENCH_STORE"], "log_level": "WARNING"})


@DBOS.workflow(name="one")  # type: ignore[untyped-decorator]
def one(number: int) -> None:
    done()


if __name__ == "__main__":
    DBOS.launch()
    DBOS.register_queue("bench")
    Path(os.environ["BENCH_STORE"].removeprefix("sqlite:///")).with_suffix(".ready").touch()
    signal.pause()
