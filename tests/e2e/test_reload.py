"""Edits in a real `portable dev`: each is served, no request is lost, and a bad one leaves the last good version."""

import http.client
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from .dev import DEADLINE, HELLO, Dev, exchange, portable, started, until, write

APP = """
import threading
import time
from pathlib import Path
from typing import Any, Self

import outside
from parts import words
from portable import App, Context

app = App("edited")
kept = app.table("kept")
here = Path(__file__).parent
app.static("/static", "static")
counter = [0]
VERSION = "v0"


@app.get("/")
def root() -> dict[str, Any]:
    counter[0] += 1
    return {"version": VERSION, "count": counter[0], "word": words.WORD, "outside": outside.PLACE}


@app.get("/page")
def page() -> str:
    return TEMPLATE.replace("{version}", VERSION)


TEMPLATE = (here / "page.html").read_text()


@app.task(max_attempts=3, min_backoff=0.1)
def slow(name: str, context: Context) -> str:
    runs = kept.increment(name, field="runs")
    while kept.get(f"go-{name}") is None:
        time.sleep(0.02)
    return f"{VERSION} {context.attempt}"


@app.task
def quick(name: str) -> str:
    kept.put({"id": name, "version": VERSION})
    return VERSION


@app.post("/slow/{name}")
def start_slow(name: str) -> str:
    kept.put({"id": name, "runs": 0})
    return slow.send(name).id


@app.post("/quick/{name}")
def start_quick(name: str, delay: float = 0) -> str:
    return quick.send(name, delay=delay).id


@app.post("/go/{name}")
def go(name: str) -> None:
    kept.put({"id": f"go-{name}"})


@app.get("/kept/{name}")
def keeps(name: str) -> dict[str, Any]:
    return kept.require(name)


@app.get("/runs/{id}")
def run(id: str) -> list[Any]:
    record = slow.run(id).record()
    return [record.state, record.attempts, record.result]


@app.get("/waits/{name}")
def waits(name: str) -> str:
    kept.put({"id": f"waits-{name}"})
    while kept.get(f"go-{name}") is None:
        time.sleep(0.02)
    return VERSION


@app.get("/crash")
def crash() -> None:
    import os

    os._exit(9)
"""
FILES = {
    "edited/app.py": APP,
    "edited/parts/__init__.py": "",
    "edited/parts/words.py": 'WORD = "first"\n',
    "edited/page.html": "<p>{version}</p>",
    "edited/static/site.css": "a {}",
    "beside/outside.py": 'PLACE = "beside"\n',
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = write(tmp_path_factory.mktemp("reload"), FILES)
    with started(folder / "edited", PYTHONPATH=str(folder / "beside")) as dev:
        yield dev.serves()


@pytest.fixture
def dev(served: Dev) -> Dev:
    """The app as it was written, whatever the test before has left."""
    files = {name.partition("/")[2]: text for name, text in FILES.items() if name.startswith("edited/")}
    for name, text in files.items():
        if (served.project / name).read_text(encoding="utf-8") != text:
            served.save(name, text)
    # The last word is an edit of its own, so that an answer shows that all are in.
    fresh = f"v{time.monotonic_ns()}"
    served.save("app.py", APP.replace("v0", fresh))
    until("the fresh version", lambda: version(served) == fresh)
    return served


def version(dev: Dev) -> Any:
    answer = dev.get("/")
    return answer.json["version"] if answer.status == 200 else answer.status


def edit(dev: Dev, name: str, **changes: str) -> None:
    """Saves APP as version `name`, with changes, and waits until it is served."""
    text = APP.replace("v0", name)
    for old, new in changes.items():
        text = text.replace(old, new)
    dev.save("app.py", text)
    until(f"version {name} is served; stderr: {dev.err[-2000:]}", lambda: version(dev) == name)


def field(dev: Dev, name: str) -> Any:
    return dev.get("/").json[name]


# What an edit may be


def test_an_edit_is_served_and_named(dev: Dev) -> None:
    said = len(dev.err)
    edit(dev, "v1")
    dev.says(r"^reloaded edited/app\.py in \d+ ms$", said)


def test_module_state_is_fresh_after_a_reload(dev: Dev) -> None:
    counts = [field(dev, "count") for _ in range(3)]
    assert counts[2] == counts[0] + 2 >= 3
    dev.save("app.py", APP.replace("v0", "v-fresh"))
    until("the new version's first answer", lambda: dev.get("/").json["version"] == "v-fresh")
    assert field(dev, "count") == 2


def test_two_edits_of_one_size_within_a_second_are_both_served(dev: Dev) -> None:
    for turn in range(5):
        for name in ("va", "vb"):
            dev.save("app.py", APP.replace("v0", name))
            until(f"{name} in turn {turn}", lambda name=name: version(dev) == name)  # type: ignore[misc]


def test_an_edit_of_an_imported_module_is_served(dev: Dev) -> None:
    dev.save("parts/words.py", 'WORD = "second"\n')
    until("the second word", lambda: field(dev, "word") == "second")


def test_an_edit_of_a_module_outside_the_project_is_served(dev: Dev) -> None:
    write(dev.project.parent, {"beside/outside.py": 'PLACE = "moved"\n'})
    until("the other place", lambda: field(dev, "outside") == "moved")
    write(dev.project.parent, {"beside/outside.py": 'PLACE = "beside"\n'})
    until("the first place", lambda: field(dev, "outside") == "beside")


def test_an_edit_of_a_template_and_of_a_static_file_is_served(dev: Dev) -> None:
    dev.save("page.html", "<b>{version}</b>")
    until("the new page", lambda: dev.get("/page").text.startswith("<b>"))
    dev.save("static/site.css", "b {}")
    until("the new style", lambda: dev.get("/static/site.css").text == "b {}")


def test_a_file_renamed_over_the_old_one_is_an_edit(dev: Dev) -> None:
    dev.replace("app.py", APP.replace("v0", "v-renamed"))
    until("the renamed file", lambda: version(dev) == "v-renamed")


def test_new_modules_and_new_folders_are_seen(dev: Dev) -> None:
    write(dev.project, {"more/deep/__init__.py": "", "more/deep/news.py": 'NEWS = "news"\n'})
    dev.save("app.py", APP.replace('"v0"', "__import__('more.deep.news').deep.news.NEWS"))
    until("the new module", lambda: version(dev) == "news")
    dev.save("more/deep/news.py", 'NEWS = "more news"\n')
    until("the edit in the new folder", lambda: version(dev) == "more news")


def test_a_deleted_module_shows_at_once_and_the_last_good_version_serves(dev: Dev) -> None:
    said = len(dev.err)
    (dev.project / "parts/words.py").unlink()
    dev.says(r"cannot import name 'words' from 'parts'.*the last good version goes on serving", said)
    assert "edited/app.py:8: " in dev.err[said:]
    assert field(dev, "word") == "first"
    dev.save("parts/words.py", 'WORD = "back"\n')
    until("the module is back", lambda: field(dev, "word") == "back")


def test_many_files_at_once_are_one_state_in_the_end(dev: Dev) -> None:
    total = 30
    for branch in ("left", "right"):
        files = {f"parts/part{number}.py": f'PART = "{branch}"\n' for number in range(total)}
        listed = "\n".join(f"from parts import part{number}" for number in range(total))
        joined = f"sorted({{{', '.join(f'part{number}.PART' for number in range(total))}}})"
        files["app.py"] = APP.replace("from portable", f"{listed}\nfrom portable").replace('"v0"', joined)
        for name in sorted(files, reverse=branch == "right"):
            dev.replace(name, files[name])
        until(f"all of {branch}", lambda branch=branch: version(dev) == [branch])  # type: ignore[misc]


def test_what_is_no_source_is_no_edit(dev: Dev) -> None:
    said = len(dev.err)
    write(
        dev.project,
        {"data.sqlite": "x", "app.py~": "x", ".hidden/app.py": "x", "notes.log": "x", "node_modules/a.js": ""},
    )
    (dev.project / "4913").touch()
    edit(dev, "v-after")
    reloads = [line for line in dev.err[said:].splitlines() if line.startswith("reloaded")]
    assert len(reloads) == 1, reloads
    assert reloads[0].startswith("reloaded edited/app.py in ")


# Bad edits


@pytest.mark.parametrize(
    ("addition", "says"),
    [
        ("\nx = =\n", "not Python: invalid syntax"),
        ("\nimport nothing_of_this_name\n", "app imports 'nothing_of_this_name'"),
        ("\n{}['missing']\n", "importing app fails: KeyError: 'missing'"),
        ("\n\n@app.task(max_attempts=0)\ndef never() -> None: ...\n", "max_attempts"),
        ('\n\n@app.get("/x")\ndef late(x: Nowhere) -> str: ...\n', "importing app fails: NameError: name 'Nowhere'"),
    ],
    ids=["syntax", "import", "exception", "declaration", "annotation"],
)
def test_a_bad_edit_leaves_the_last_good_version_and_shows_file_and_line(dev: Dev, addition: str, says: str) -> None:
    edit(dev, "v-good")
    good_lines = len(APP.splitlines())
    said = dev.save("app.py", APP.replace("v0", "v-bad") + addition)
    dev.says(r"the last good version goes on serving; waiting for the next save\n", said)
    told = dev.err[said:]
    assert says in told
    places = [line for line in told.splitlines() if line.startswith("error[") and "edited/app.py:" in line]
    assert places, told
    assert int(places[0].partition("edited/app.py:")[2].partition(":")[0]) > good_lines
    assert "portable_local" not in told
    assert version(dev) == "v-good"
    edit(dev, "v-mended")


def test_while_an_edit_is_bad_new_processes_run_the_last_good_version(dev: Dev) -> None:
    edit(dev, "v-good")
    said = dev.save("app.py", APP.replace("v0", "v-bad") + "\nx = =\n")
    dev.says("waiting for the next save", said)
    # Every worker there is gets lost, and the process that answers HTTP too.
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        dev.get("/crash")
    dev.says("is started again", said)
    dev.answers("/kept/nothing", 404)
    assert version(dev) == "v-good"
    for number in range(4):
        dev.post(f"/slow/busy{number}")
    until("all workers are busy", lambda: all(kept(dev, f"busy{number}", "runs") == 1 for number in range(4)))
    dev.post("/quick/queued")
    for number in range(4):
        dev.post(f"/go/busy{number}")
    until("the queued task", lambda: kept(dev, "queued", "version") == "v-good")
    edit(dev, "v-mended")


def kept(dev: Dev, name: str, key: str) -> Any:
    answer = dev.get(f"/kept/{name}")
    return answer.json.get(key) if answer.status == 200 else None


# What is under way


def test_a_running_request_is_finished_by_the_code_that_it_began_with(dev: Dev) -> None:
    edit(dev, "v-old")
    name = f"r{time.monotonic_ns()}"
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(dev.get(f"/waits/{name}").text))
    asking.start()
    until("it has begun", lambda: dev.get(f"/kept/waits-{name}").status == 200)
    edit(dev, "v-new")
    assert not answers
    dev.post(f"/go/{name}")
    asking.join(DEADLINE)
    assert answers == ["v-old"]


def test_a_task_that_runs_during_reloads_finishes_once(dev: Dev) -> None:
    edit(dev, "v-old")
    name = f"t{time.monotonic_ns()}"
    id = dev.post(f"/slow/{name}").text
    until("it runs", lambda: kept(dev, name, "runs") == 1)
    for number in range(3):
        edit(dev, f"v-new{number}")
    dev.post(f"/go/{name}")
    until("it has ended", lambda: dev.get(f"/runs/{id}").json == ["succeeded", 1, '"v-old 1"'])
    assert kept(dev, name, "runs") == 1


def test_what_waits_in_the_queue_is_run_by_the_code_of_then(dev: Dev) -> None:
    edit(dev, "v-old")
    names = [f"q{number}-{time.monotonic_ns()}" for number in range(5)]
    for name in names:
        assert dev.post(f"/quick/{name}?delay=1.5").status == 200
    edit(dev, "v-new")
    for name in names:
        until(f"{name} has run", lambda name=name: kept(dev, name, "version") == "v-new")  # type: ignore[misc]


class Load:
    """Requests without a pause, on kept and on fresh connections; what goes wrong is noted, nothing is tried again."""

    def __init__(self, dev: Dev, kept: int, fresh: int) -> None:
        self.place = urlsplit(dev.api)
        self.answers = 0
        self.faults: list[str] = []
        self.newest: dict[int, str] = {}
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(number, number < kept)) for number in range(kept + fresh)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()

    def _connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self.place.hostname or "", self.place.port, timeout=DEADLINE)
        connection.auto_open = 0
        connection.connect()
        return connection

    def _ask(self, number: int, keeps: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._stop.is_set():
            try:
                if connection is None:
                    connection = self._connect()
                # http.client would open a new one without a word where the server had closed it.
                answer = exchange(connection, "GET", "/")
                if answer.status != 200 or answer.headers.get("connection") == "close":
                    self.faults.append(f"{number}: {answer}")
                    connection = None
                else:
                    self.answers += 1
                    self.newest[number] = answer.json["version"]
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(f"{number}: {type(error).__name__}: {error}")
                connection = None
            if connection is not None and not keeps:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def all_see(self, wanted: str) -> None:
        """Waits until every connection's newest answer is of that version."""
        self.newest.clear()
        total = len(self._threads)
        until(
            f"all {total} see {wanted}: {self.newest}; {self.faults[:3]}",
            lambda: len(self.newest) == total and set(self.newest.values()) == {wanted},
        )


def test_no_request_is_lost_over_many_edits_under_load(dev: Dev) -> None:
    with Load(dev, kept=4, fresh=3) as load:
        for number in range(14):
            before = load.answers
            (dev.save if number % 2 else dev.replace)("app.py", APP.replace("v0", f"v-load{number}"))
            load.all_see(f"v-load{number}")
            assert load.answers > before
    assert load.faults == []
    assert load.answers > 100


def test_no_request_is_lost_when_edits_overtake_one_another(dev: Dev) -> None:
    with Load(dev, kept=4, fresh=2) as load:
        for number in range(40):
            dev.save("app.py", APP.replace("v0", f"v-fast{number}"))
            threading.Event().wait(0.005 * (number % 12))
        load.all_see("v-fast39")
        said = dev.save("app.py", APP + "\nx = =\n")
        dev.says("waiting for the next save", said)
        dev.save("app.py", APP.replace("v0", "v-end"))
        load.all_see("v-end")
    assert load.faults == []


def test_idle_connections_outlive_many_reloads(dev: Dev) -> None:
    place = urlsplit(dev.api)
    connections = [http.client.HTTPConnection(place.hostname or "", place.port, timeout=DEADLINE) for _ in range(30)]
    for connection in connections:
        assert exchange(connection, "GET", "/").status == 200
        connection.auto_open = 0
    for number in range(5):
        edit(dev, f"v-idle{number}")
    for connection in connections:
        assert exchange(connection, "GET", "/").json["version"] == "v-idle4"
        connection.close()


def test_without_reload_edits_are_not_served(tmp_path: Path) -> None:
    project = write(tmp_path / "hello", {"app.py": HELLO})
    with started(project, "--no-reload") as dev:
        dev.serves()
        dev.save("app.py", HELLO.replace("one", "two"))
        # The edit has been there for as long as a whole command takes, and a new process was started since.
        assert portable("routes", project).code == 0
        assert dev.get("/").text == "one"
        assert dev.err == ""
