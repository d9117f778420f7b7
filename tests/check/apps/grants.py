"""What is granted beyond what is known to be needed."""

from portable import App

app = App("grants", functions="app")
items = app.table("items")


@app.post("/items/{id}/{verb}")
def call(id: str, verb: str) -> None:
    getattr(items, verb)(id)  # planted: P3001
