"""What only the template of a provider can show."""

from portable import App, Change, ObjectEvent

app = App("template")  # planted: P3204 gcp, P3205 azure
orders = app.table("orders")
files = app.bucket("files")


@app.post("/orders")
def order(id: str) -> None:
    orders.put({"id": id})
    pay.send(id)
    bury.send(id)


@app.task()
def pay(id: str) -> None: ...


@app.task(name="pay-dead")  # planted: P3401 aws
def bury(id: str) -> None: ...


@orders.on_change
def index(change: Change[dict[str, object]]) -> None: ...


@orders.on_change
def notify(change: Change[dict[str, object]]) -> None: ...


@orders.on_change  # planted: P3402 aws
def watch(change: Change[dict[str, object]]) -> None: ...


@files.on_created  # planted: P3405 aws
def counted(event: ObjectEvent) -> None: ...


@files.on_created(prefix="inbox/")
def received(event: ObjectEvent) -> None: ...
