"""Notes: the smallest app that has every kind of trigger."""

from pydantic import BaseModel

from portable import App, ObjectEvent


class Note(BaseModel):
    owner: str
    id: str
    text: str


class Summary(BaseModel):
    owner: str
    id: str
    words: int


app = App("notes")
notes = app.table("notes", Note, key=("owner", "id"))  # pk, sk from the model's fields
summaries = app.table("summaries", Summary, key=("owner", "id"))
words = app.table("words", key=("word", "note"))
runs = app.table("runs", key="name")
files = app.bucket("files")
changed = app.topic("note-changed", Note)


@app.post("/notes")
def create(note: Note) -> Note:
    notes.put(note, if_absent=True)  # Conflict becomes 409
    summarise.send(note)  # queued: at least once, retried, then dead-lettered
    changed.publish(note)
    return note


@app.get("/notes/{owner}/{id}")
def read(owner: str, id: str) -> Note:
    return notes.require(owner, id)  # NotFound becomes 404


@app.get("/notes/{owner}/{id}/summary")
def summary(owner: str, id: str) -> Summary:
    return summaries.require(owner, id)


@app.get("/words/{word}")
def search(word: str) -> list[str]:
    return [str(entry["note"]) for entry in words.query(word.lower()).items]


@app.task(max_attempts=5, timeout=300)
def summarise(note: Note) -> None:
    summaries.put(Summary(owner=note.owner, id=note.id, words=len(note.text.split())))


@app.every(minutes=15)
def sweep() -> None:
    runs.put({"name": "sweep"})


@app.cron("0 3 * * 1-5", zone="Australia/Sydney")
def nightly() -> None:
    runs.put({"name": "nightly"})


@changed.subscribe
def index(note: Note) -> None:
    for word in {word.lower() for word in note.text.split()}:
        words.put({"word": word, "note": f"{note.owner}/{note.id}"})


@files.on_created(prefix="inbox/")
def received(event: ObjectEvent) -> None:
    text = files.require(event.key).decode()
    summarise.send(Note(owner="inbox", id=event.key, text=text))
