"""How `portable dev` starts: which app, port and folder, what it says and where, and what it does when it cannot."""

import json
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .dev import HELLO, Dev, portable, request, started, until, write

BROKEN = HELLO + "\nx = =\n"
TABLES = """
from portable import App

app = App("shop")
orders = app.table("orders")
others = app.table("others")


@app.put("/{table}/{id}")
def put(table: str, id: str) -> None:
    (orders if table == "orders" else others).put({"id": id})


@app.get("/{table}/{id}")
def get(table: str, id: str) -> bool:
    return (orders if table == "orders" else others).get(id) is not None
"""

LIMITS = """
from portable import App

app = App("limits")


@app.task
def take(text: str) -> None: ...


@app.post("/")
def send(size: int) -> None:
    take.send("x" * size)
"""


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """One that nobody edits."""
    project = write(tmp_path_factory.mktemp("starting") / "hello", {"app.py": HELLO})
    with started(project, "--console-port", 0, "--no-reload") as dev:
        yield dev.serves()


def said_on(dev: Dev, lines: int) -> list[str]:
    """All that stands on stdout, once so many lines do: a thread reads it, the ready file or not."""
    until(f"{lines} lines on stdout", lambda: dev.out.count("\n") >= lines)
    return dev.out.splitlines()


def put(dev: Dev, target: str) -> int:
    return request(dev.api, "PUT", target).status


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "hello", {"app.py": HELLO})


def test_the_ready_file_has_the_addresses_and_the_process(hello: Dev) -> None:
    found = json.loads(hello.ready_file.read_text(encoding="utf-8"))
    assert found == {"api": hello.api, "console": hello.console, "pid": hello.process.pid}
    assert stat.S_IMODE(hello.ready_file.stat().st_mode) == 0o600
    assert urlsplit(hello.api).hostname == "127.0.0.1"
    assert hello.get("/").text == "one"


def test_stdout_is_the_addresses_and_stderr_is_silent_while_nothing_happens(hello: Dev) -> None:
    name, counts, console = said_on(hello, 3)
    assert name == f"  hello {hello.api}"
    assert counts == "  1 route, 0 background handlers; data in hello/.portable; does not reload; Ctrl-C ends it"
    assert console == f"  console {hello.console}"
    assert hello.err == ""


def test_the_data_folder_is_for_its_user_alone(hello: Dev) -> None:
    assert stat.S_IMODE(hello.data.stat().st_mode) == 0o700
    until("the console has its database", (hello.data / "telemetry.sqlite3").exists)
    for name in ("owner.lock", "store.sqlite", "run.sock", "records.sock", "telemetry.sqlite3", "console.key"):
        assert stat.S_IMODE((hello.data / name).stat().st_mode) & 0o077 == 0, name


def test_the_ready_file_is_gone_when_it_has_ended_and_one_of_a_killed_predecessor_when_it_starts(project: Path) -> None:
    with started(project) as dev:
        dev.serves()
        dev.process.kill()
        dev.wait()
        assert dev.ready_file.exists()
    write(project, {"app.py": BROKEN})
    with started(project) as dev:
        dev.says("nothing is served yet")
        assert not dev.ready_file.exists()
        dev.save("app.py", HELLO)
        dev.serves().answers("/", "one")
        assert dev.stop() == 0
        assert not dev.ready_file.exists()


def test_a_busy_port_that_was_named_is_an_error_with_exit_code_1(project: Path, hello: Dev) -> None:
    done = portable("dev", project, "--port", hello.port)
    assert (done.code, done.out) == (1, "")
    assert f"port {hello.port} is in use by another program" in done.err
    assert "hint: choose another with --port" in done.err


def test_a_busy_default_port_is_passed_over_and_it_says_so(project: Path) -> None:
    with ExitStack() as held:
        taken = held.enter_context(closing(socket.socket()))
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8000))
            taken.listen()
        except OSError:
            pass  # then somebody else has it, which serves as well
        with started(project, port=None) as dev:
            dev.serves()
            assert dev.port != 8000
            assert dev.err == "port 8000 is in use, so another one is taken\n"


def test_a_named_port_is_used(project: Path) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with started(project, port=port) as dev:
        assert dev.serves().api == f"http://127.0.0.1:{port}"


def test_the_data_folder_can_be_another_one(project: Path, tmp_path: Path) -> None:
    with started(project, data=tmp_path / "elsewhere" / "data") as dev:
        dev.serves()
        assert (tmp_path / "elsewhere" / "data" / "store.sqlite").is_file()
        assert not (project / ".portable").exists()


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({"main.py": HELLO}, ""),
        (
            {"site/served.py": HELLO.replace("app", "web")} | {"site/pyproject.toml": 'portable-app = "served:web"'},
            "site",
        ),
        ({"package/__init__.py": "", "package/inner.py": HELLO}, "package/inner.py"),
        ({"pyproject.toml": 'portable-app = "package.inner:app"', "package/inner.py": HELLO}, "pyproject.toml"),
    ],
    ids=["main.py", "module-and-name-in-pyproject", "file-in-a-package", "pyproject-as-the-path"],
)
def test_the_app_is_found(tmp_path: Path, files: dict[str, str], path: str) -> None:
    texts = {name: text.replace("portable-app =", "[tool.portable]\napp =") for name, text in files.items()}
    project = write(tmp_path / "found", texts)
    with started(project, path=project / path) as dev:
        assert dev.serves().get("/").text == "one"


def test_without_a_path_it_is_the_app_of_the_current_folder(project: Path) -> None:
    with started(project, path=".", cwd=project) as dev:
        assert dev.serves().get("/").text == "one"
        assert "data in .portable;" in "\n".join(said_on(dev, 3))


@pytest.mark.parametrize(
    ("profile", "status"),
    [
        ("portable", 413),
        ("aws", 204),
        pytest.param("strictest", 413, marks=pytest.mark.slow),
        pytest.param("gcp", 204, marks=pytest.mark.slow),
        pytest.param("azure", 413, marks=pytest.mark.slow),
    ],
)
def test_limits_are_those_of_the_provider_that_was_named(project: Path, profile: str, status: int) -> None:
    write(project, {"app.py": LIMITS})
    with started(project, "--as", profile) as dev:
        assert dev.serves().post(f"/?size={60 * 1024}").status == status
        assert dev.post("/?size=1000").status == 204


def test_limits_that_only_warn_let_it_pass_and_say_so_once(project: Path) -> None:
    write(project, {"app.py": LIMITS})
    with started(project, "--limits", "warn") as dev:
        for _ in range(2):
            assert dev.serves().post(f"/?size={60 * 1024}").status == 204
        dev.says(r"\(task_body_bytes, from azure\) \(only a warning here; at \S*app\.py:\d+\)")
        assert dev.post(f"/?size=1&rest={'a' * 5000}").status == 204
        # No line of the app has led to it, and no other is named in its place.
        dev.says(r"\(http_url_bytes, from aws\) \(only a warning here\)")
    assert f"{dev.out}{dev.err}".count("(task_body_bytes, from azure)") == 1


def test_an_unknown_profile_is_a_usage_error(project: Path) -> None:
    done = portable("dev", project, "--as", "ibm")
    assert (done.code, done.out) == (2, "")
    assert "strictest" in done.err


def test_reset_erases_one_table_before_it_serves(project: Path) -> None:
    write(project, {"app.py": TABLES})
    with started(project) as dev:
        dev.serves()
        for table in ("orders", "others"):
            for id in ("a", "b"):
                assert put(dev, f"/{table}/{id}") == 204
        dev.stop()
    with started(project, "--reset", "orders") as dev:
        dev.serves()
        assert dev.err == "table orders: 2 items erased\n"
        assert [dev.get(f"/{table}/a").json for table in ("orders", "others")] == [False, True]
        dev.stop()
    unknown = portable("dev", project, "--reset", "nothing")
    assert unknown.code != 0
    assert "nothing" in unknown.err
    assert unknown.out == ""


def test_a_changed_key_is_refused_until_the_table_is_reset(project: Path) -> None:
    write(project, {"app.py": TABLES})
    with started(project) as dev:
        assert put(dev.serves(), "/orders/a") == 204
        said = dev.save("app.py", TABLES.replace('app.table("orders")', 'app.table("orders", key=("id", "line"))'))
        dev.says("waiting for the next save", said)
        assert "orders" in dev.err[said:]
        assert "--reset orders" in dev.err[said:]
        assert dev.get("/orders/a").json is True
        assert put(dev, "/orders/b") == 204
        assert dev.stop() == 0
    refused = portable("dev", project, "--no-reload", "--port", 0)
    assert refused.code != 0
    assert "--reset orders" in refused.err


@pytest.mark.parametrize("reloads", [True, False], ids=["reloading", "not-reloading"])
def test_an_app_that_is_broken_at_the_start(project: Path, *, reloads: bool) -> None:
    write(project, {"app.py": BROKEN})
    line = len(BROKEN.splitlines())
    if not reloads:
        done = portable("dev", project, "--no-reload", "--port", 0, cwd=project.parent)
        assert (done.code, done.out) == (3, "")
        assert f"error[P2002]: hello/app.py:{line}: not Python: invalid syntax" in done.err
        assert "portable_local" not in done.err
        return
    with started(project) as dev:
        dev.says("nothing is served yet; waiting for the next save")
        assert f"error[P2002]: hello/app.py:{line}: not Python: invalid syntax" in dev.err
        dev.must_run()
        dev.save("app.py", HELLO)
        dev.serves().answers("/", "one")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import not_installed_anywhere\n" + HELLO, "[P2002]: app.py:1: app imports 'not_installed_anywhere'"),
        (HELLO + "\nimport os\nos._exit(7)\n", "the app ended its process while it was imported (exit code 7)"),
        (HELLO.replace('App("hello")', 'App("No Name!")'), ": app.py:4: "),
        pytest.param(HELLO + "\n1 / 0\n", "app.py:11: importing app fails: ZeroDivisionError", marks=pytest.mark.slow),
        pytest.param(HELLO + "\nraise SystemExit(4)\n", "app.py:11: importing app ends", marks=pytest.mark.slow),
        pytest.param(HELLO + HELLO[HELLO.index("@") :], "app.py:", marks=pytest.mark.slow),
        pytest.param(HELLO + '\napp.table("t").get("x")\n', "[P1011]: app.py:11: ", marks=pytest.mark.slow),
        pytest.param(HELLO.replace("app", "other"), "has no 'app'", marks=pytest.mark.slow),
    ],
    ids=["import", "os._exit", "declaration", "exception", "sys.exit", "twice", "not-bound", "no-app"],
)
def test_what_does_not_load_ends_with_exit_code_3_and_says_where(project: Path, source: str, says: str) -> None:
    write(project, {"app.py": source})
    done = portable("dev", project, "--no-reload", "--port", 0, cwd=project)
    assert (done.code, done.out) == (3, ""), done.err
    assert says in done.err
    assert "portable_local" not in done.err


def test_json_is_one_line_on_stdout(project: Path) -> None:
    write(project, {"app.py": HELLO + '\nprint("talk at import")\n'})
    with started(project, "--json") as dev:
        dev.serves()
        assert [json.loads(line) for line in said_on(dev, 1)] == [
            {
                "app": "hello",
                "api": dev.api,
                "console": dev.console,
                "pid": dev.process.pid,
                "data": str(project / ".portable"),
            }
        ]
        dev.says("talk at import")
    write(project, {"app.py": BROKEN})
    done = portable("dev", project, "--json", "--no-reload", "--port", 0)
    error = json.loads(done.out)["error"]
    assert (done.code, error["exit_code"], error["code"]) == (3, 3, "P2002")
    assert error["location"] == {"file": str(project / "app.py"), "line": len(BROKEN.splitlines())}


def test_what_handlers_print_is_talk(project: Path) -> None:
    write(
        project,
        {
            "app.py": """
            import os

            from portable import App

            app = App("hello")


            @app.get("/")
            def root() -> str:
                print("a print")
                os.write(1, b"a write\\n")
                return "one"
            """
        },
    )
    with started(project) as dev:
        assert dev.serves().get("/").text == "one"
        dev.says("a print")
        dev.says("a write")
        assert len(said_on(dev, 3)) == 3


def test_there_is_no_colour_in_a_pipe(project: Path) -> None:
    with started(project) as dev:
        dev.serves()
        dev.says("reloaded", dev.save("app.py", HELLO.replace("one", "two")))
        dev.says("error", dev.save("app.py", BROKEN))
        dev.stop()
        assert "\x1b" not in dev.out + dev.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["nowhere"], 3), (["--ready-file", "no/where.json"], 2), (["--port", "99999"], 2), (["--data", "app.py"], 3)],
    ids=["no-such-path", "ready-file-in-no-folder", "no-such-port", "data-is-a-file"],
)
def test_bad_arguments_are_told_apart(project: Path, arguments: list[str], code: int) -> None:
    done = portable("dev", *arguments, cwd=project)
    assert (done.code, done.out) == (code, ""), done.err
    assert "error" in done.err
    assert "hint:" in done.err
    assert "Traceback" not in done.err
    assert not os.path.exists(project / ".portable")
