"""Declarations that only one provider allows, and some that none does."""

from pydantic import BaseModel, Field

from portable import App

app = App("declared", targets=("gcp",), functions="handler")  # planted: P3204 gcp, P3205 azure, P3406 gcp


class Scan(BaseModel):
    id: str
    image: str = Field(min_length=400_000)


class Word(BaseModel):
    text: str = Field(min_length=70_000)


INDEXES: dict[str, tuple[str] | tuple[str, str]] = {f"by_{number}": (f"field{number}",) for number in range(21)}
LONG = "a-long-name-for-old-statements-of-every-account-ever"

scans = app.table("scans", Scan)  # planted: P3105 aws
events = app.topic("events", Scan)  # planted: P3105 aws, P3105 azure
many = app.table("many", indexes=INDEXES)  # planted: P3104 aws
archive = app.bucket(LONG)  # planted: P3103 gcp, P3103 azure


@app.get("/slow", timeout=120)  # planted: P3101 aws
def slow() -> None:
    scans.get("1")


@app.get("/large", memory=1024)  # planted: P3102 azure
def large() -> None:
    scans.get("1")


@app.get("/huge", memory=16_384)  # planted: P3102 aws, P3102 azure
def huge() -> None:
    scans.get("1")


@app.task(timeout=1200)  # planted: P3101 aws, P3105 azure
def spell(word: Word) -> None:
    scans.get("1")


@app.post("/spell")
def ask() -> None:
    spell.send(Word(text="a" * 70_000))
    scans.get("1")


@events.subscribe(timeout=540)
def heard(scan: Scan) -> None:
    scans.get("1")


@app.post("/publish")
def publish(scan: Scan) -> None:
    events.publish(scan)
