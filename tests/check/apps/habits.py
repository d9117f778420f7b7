"""What a process that lives on would forgive."""

import asyncio
import concurrent.futures
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from threading import Thread

from portable import App

app = App("habits", functions="app")  # planted: P3204 gcp
stats = app.table("stats")
files = app.bucket("files")

visits = 0
NOTES: dict[str, str] = {}
COUNTS: Counter[str] = Counter()
REPORT = "reports/latest.csv"
DATA = Path("data")
POOL = concurrent.futures.ThreadPoolExecutor(1)
ROWS = sqlite3.connect("rows.db")  # planted: P3304


class Totals:
    """What a module holds an object of."""

    shared: list[str] = []  # noqa: RUF012

    def __init__(self) -> None:
        self.visits = 0
        self.last = ""
        self.names: set[str] = set()


totals = Totals()


def work() -> None:
    threading.Event().wait(0)


@app.get("/threads")
def threads() -> None:
    threading.Thread(target=work).start()  # planted: P3302
    Thread(target=work, daemon=True).start()  # planted: P3302
    left = Thread(target=work)
    left.daemon = True
    left.start()  # planted: P3302
    waited = Thread(target=work)
    waited.start()
    waited.join()
    import threading as imported

    imported.Timer(5, work).start()  # planted: P3302


@app.get("/processes")
def processes() -> None:
    multiprocessing.Process(target=work).start()  # planted: P3302
    other = multiprocessing.Process(target=work)
    other.start()  # planted: P3302
    POOL.submit(work)  # planted: P3302
    POOL.submit(work).result()
    left = POOL.submit(work)  # planted: P3302  # noqa: F841
    subprocess.Popen(["true"])  # planted: P3302
    subprocess.run(["true"], check=True)


@app.get("/loops")
async def loops() -> None:
    asyncio.create_task(asyncio.sleep(0))  # planted: P3302  # noqa: RUF006
    asyncio.get_running_loop().create_task(asyncio.sleep(0))  # planted: P3302
    asyncio.get_running_loop().run_in_executor(None, work)  # planted: P3302
    await asyncio.get_running_loop().run_in_executor(None, work)
    left = asyncio.create_task(asyncio.sleep(0))  # planted: P3302  # noqa: F841, RUF006
    kept = asyncio.create_task(asyncio.sleep(0))
    await kept
    await asyncio.sleep(60)  # planted: P3107


@app.get("/sleeps", timeout=10)
def sleeps() -> None:
    time.sleep(9)
    time.sleep(10)  # planted: P3107
    time.sleep(timedelta(minutes=1).total_seconds())


@app.post("/notes/{id}")
def remember(id: str, text: str) -> None:
    global visits
    visits += 1  # planted: P3303
    NOTES[id] = text  # planted: P3303
    COUNTS[id] += 1  # planted: P3303
    totals.visits += 1  # planted: P3303
    totals.visits = totals.visits + 1  # planted: P3303
    totals.last = text  # planted: P3303
    totals.names.add(text)  # planted: P3303
    Totals.shared.append(text)  # planted: P3303


@app.post("/counts")
def count(text: str) -> None:
    COUNTS.update(text)  # planted: P3303


@app.post("/files")
def write(text: str) -> None:
    with open("report.csv", "w") as file:  # planted: P3304
        file.write(text)
    with open(REPORT, mode="ab") as other:  # planted: P3304
        other.write(text.encode())
    Path("/var/data/report.csv").write_text(text)  # planted: P3304
    Path("/tmp/report.csv").write_text(text)
    (DATA / "report.csv").write_text(text)  # planted: P3304
    (DATA / text).touch()  # planted: P3304
    with Path("report", "latest.csv").open("w") as third:  # planted: P3304
        third.write(text)
    with open(f"reports/{text}.csv", "w") as fourth:  # planted: P3304
        fourth.write(text)
    with open("reports/" + text, "w") as fifth:  # planted: P3304
        fifth.write(text)
    with open("reports/%s" % text, "w") as sixth:  # planted: P3304  # noqa: UP031
        sixth.write(text)
    os.makedirs(os.path.join("data", "new"))  # planted: P3304
    shutil.copyfile("/tmp/report.csv", "report.csv")  # planted: P3304
    sqlite3.connect("visits.db").close()  # planted: P3304


@app.post("/visits")
def visit(page: str) -> None:
    stats.increment("all", field="visits")  # planted: P3209 gcp
    stats.increment(page, field="visits")
    files.put("latest.txt", b"")  # planted: P3210 gcp
    files.put(f"{page}.txt", b"")


def later() -> None:
    """No handler calls it."""
    global visits
    visits += 1
    threading.Thread(target=work).start()
