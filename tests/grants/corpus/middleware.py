"""What a middleware uses is granted to every HTTP handler of its service, and to none of the others."""

from collections.abc import Generator

from portable import App, Request, Response, Service

app = App("middle")
part = Service("part")
tokens = app.table("tokens")
log = part.table("log")
items = app.table("items")


@app.middleware
def checking(request: Request) -> Generator[None, Response, Response | None]:
    tokens.get("t")
    response = yield
    return response


@part.middleware
def logging(request: Request) -> Generator[None, Response, Response | None]:
    response = yield
    log.put({"id": "1"})
    return response


@app.get("/top")
def top() -> None:
    items.get("1")


@part.get("/inner")
def inner() -> None: ...


@app.every(hours=1)
def hourly() -> None:
    items.put({"id": "1"})


app.include(part, prefix="/part")
