"""The resources, and ways in which modules keep them."""

import functools
import types
from typing import Any

from pydantic import BaseModel

from portable import App, Service


class Note(BaseModel):
    id: str
    text: str = ""

    def archive(self) -> str:
        words.put({"id": self.id})
        return self.id

    @property
    def related(self) -> object:
        return words.get(self.id)


app = App("corpus")
other = Service("other")
notes = app.table("notes", Note)
words = app.table("words")
runs = app.table("runs")
files = app.bucket("files")
changed = app.topic("changed")
far = other.table("far")
limit = app.param("limit", "10")
app.include(other, prefix="/other")

n = notes
save = notes.put
by_name: dict[str, Any] = {"notes": notes, "words": words}
in_order: list[Any] = [notes, words]
verbs: dict[str, Any] = {"save": words.put, "load": words.get}
load_word = functools.partial(words.get, "w")
space = types.SimpleNamespace(table=runs)
handlers: list[object] = []


def helper() -> None:
    words.put({"id": "h"})
