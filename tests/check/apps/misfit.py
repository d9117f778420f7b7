"""Parts that do not fit together: no manifest can be made, and its code is judged all the same."""

import threading

from portable import App

app = App("misfit")


@app.get("/notes/{id}")
def read(id: str) -> str:
    threading.Thread(target=print).start()  # planted: P3302
    return id


@app.get("/notes/{name}")  # planted: P2001
def also(name: str) -> str:
    return name


@app.get("/slow/{id}")  # planted: P2001
def slow() -> str:
    return ""
