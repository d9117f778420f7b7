"""The handlers; what they call is in work.py."""

from portable import App

from . import work
from .kept import files, notes, registry

app = App("split", functions="app")
app.include(registry)


@app.get("/fast")
def fast() -> str:
    work.slow(1)
    return work.Visits().count()


@app.task(timeout=30)
def background(id: str) -> None:
    work.slow(2)
    work.remember(id)


@app.post("/send")
def send(id: str) -> str:
    notes.put({"id": id})
    background.send(id, delay=work.SOON)
    background.send(id, delay=work.LATER)  # planted: P3203 aws
    background.send(id, delay=work.NEVER)  # planted: P3106 aws, P3106 azure
    return files.signed_url(id, expires_in=7200).url  # planted: P3106 aws
