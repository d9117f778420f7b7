"""Clients of one provider that an app makes itself; none of their packages need be installed."""

from typing import TYPE_CHECKING, Any

from portable import App

if TYPE_CHECKING:
    import boto3

app = App("clients", functions="app")
notes = app.table("notes")


def dynamo() -> Any:
    import boto3

    client: Any = boto3.client("dynamodb")  # planted: P3301
    return client.get_item()


@app.get("/aws")
def aws() -> str:
    return str(dynamo())


@app.get("/gcp")
def gcp() -> str:
    from google.cloud import firestore as store  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from google.cloud.exceptions import NotFound  # type: ignore[import-not-found, import-untyped, unused-ignore]

    try:
        return str(store.Client())  # planted: P3301
    except NotFound as error:
        raise NotFound("nothing") from error  # type: ignore[no-untyped-call, unused-ignore]


@app.get("/azure")
def azure() -> str:
    import azure.cosmos  # type: ignore[import-not-found]

    return str(azure.cosmos.CosmosClient("url"))  # planted: P3301


@app.get("/mine")
def mine() -> object:
    return also_mine(None)


def also_mine(session: "boto3.Session | None") -> object:
    boto3 = notes
    return boto3.get("client" if session is None else "session")


def unused() -> None:
    """Nobody calls it; but an escape is one wherever it stands."""
    from boto3 import Session

    Session()  # planted: P3301
