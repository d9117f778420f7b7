"""What cannot be followed: it is reported, and no more than the resources concerned is granted."""

import io
import json
import os
import shutil
from typing import Any

from . import store
from .classes import Repository
from .expected import case
from .store import app, far, notes, runs, words

VERB = os.environ.get("NO_SUCH_VARIABLE", "get")


@case(widened=("notes",), reports=("`getattr` with a name",))
def getattr_by_unknown_name() -> None:
    getattr(notes, VERB + "")("1")


@case("words.get", widened=("words",), reports=("`getattr` with a name",))
def exact_and_widened() -> None:
    words.get("1")
    getattr(words, "".join(("sc", "an")))()  # noqa: FLY002


@case(widened=("words",), reports=("handed to `json.dumps`",), fails=True)
def resource_given_to_a_library() -> None:
    json.dumps(words)


@case(widened=("runs",), reports=("handed to",), fails=True)
def resource_inside_a_container_given_to_a_library() -> None:
    json.dumps({"a": [runs]})


@case("words.get", reports=())
def verb_given_to_a_library() -> None:
    json.loads('{"a": 1}', object_hook=lambda found: words.get("1"))


@case(
    widened=("notes", "words", "runs", "files", "changed", "far", "limit", "work", "with_model"),
    reports=("only known when it runs",),
)
def globals_by_unknown_name() -> None:
    vars(store)["wo" + VERB[:0] + "rds"].get("1")


@case(
    widened=("notes", "words", "runs", "files", "changed", "far", "limit", "work", "with_model"),
    reports=("made from text",),
)
def evaluated_text() -> None:
    eval("notes.get('1')")


@case(
    widened=("notes", "words", "runs", "files", "changed", "far", "limit", "work", "with_model"),
    reports=("name is only known",),
)
def unknown_module() -> None:
    __import__(f"{__package__}.{VERB[:0]}late", fromlist=["touch"]).touch()


@case(widened=("notes",), reports=("`native`",))
def native_client() -> None:
    notes.native(Repository)


@case(widened=("words",), reports=("`_call`",))
def private_method() -> None:
    words._call("get", None, len, [])


class Unseen:
    """Made by a library only."""

    def rare_name(self) -> Any:
        return runs.get("1")


@case(widened=("runs.get",), reports=("`.rare_name` of a value of unknown type",))
def method_of_an_unknown_value() -> None:
    make("Unseen").rare_name()


def make(name: str) -> Any:
    import pydoc

    return pydoc.locate(f"{__name__}.{name}")()  # type: ignore[operator]


class Encoder(json.JSONEncoder):
    def default(self, o: Any) -> Any:
        return str(runs.get("1"))


@case(widened=("runs.get",), reports=("a method of Encoder",))
def method_that_a_library_calls() -> None:
    json.dumps(object(), cls=Encoder)


READ = ("get", "put", "get_entry", "delete", "require", "scan", "batch_write")


@case(widened=("runs.delete", *(f"words.{verb}" for verb in READ)), reports=("a method of Readable",))
def object_given_to_a_library() -> None:
    shutil.copyfileobj(Readable(words), io.BytesIO())


class Readable(Repository):
    def read(self, count: int = 0) -> bytes:
        self.table.get("1")
        return b""

    def readline(self) -> bytes:
        return b""


@case(widened=("far",), reports=("handed to",), fails=True)
def resource_of_a_service() -> None:
    json.dumps(far)


@case(
    widened=("notes", "words", "runs", "files", "changed", "limit", "work", "with_model"), reports=("`all_handlers`",)
)
def the_app_itself() -> None:
    app.all_handlers()["plain_call"].function()


@app.post("/declared", uses=[notes.can("get")])
def declared() -> None:
    notes.get("1")
    words.native(Repository) if VERB == "none" else None
