"""Loose ends and broken graphs."""

from portable import App, Change, Service

app = App("graph", functions="app")  # planted: P3204 gcp
first = Service("a")
second = Service("a-b")
app.include(first, prefix="/a")
app.include(second, prefix="/a-b")

unheard = app.topic("unheard")  # planted: P3011
silent = app.topic("silent")
untouched = app.table("untouched")
one = first.table("b-c")
same = second.table("c")  # planted: P3015


@app.post("/publish")
def publish(text: str) -> None:
    unheard.publish(text)
    one.put({"id": text})
    same.put({"id": text})
    untouched.get(text)


@silent.subscribe  # planted: P3010
def never_called(text: str) -> None:
    unheard.publish(text)


@app.task  # planted: P3012
def never_sent(text: str) -> None:
    unheard.publish(text)


@untouched.on_change  # planted: P3013
def never_changed(change: Change[dict[str, object]]) -> None:
    unheard.publish(change.pk)


@app.cron("0 0 * * *")  # planted: P3014
@app.every(days=1)
def twice() -> None:
    unheard.publish("twice")
