"""What P3204 says of rights that are wider than grants, beside the rights that functions have."""

from typing import Any

from portable_gcp.widened import OBJECT_DEEDS, widened

from portable import App
from portable.buckets import Bucket
from portable.manifest import build_manifest


def said_of(app: App) -> str:
    manifest: dict[str, Any] = build_manifest(app).to_dict()
    return "; ".join(one.cause.partition("Beyond what is granted, ")[2] for one in widened(manifest))


def an_app(functions: Any = "service") -> tuple[App, Any, Any]:
    app = App("shop", functions=functions)
    return app, app.table("orders"), app.table("prices")


def test_a_background_handler_without_a_table_is_said_to_reach_all_of_them() -> None:
    app, *_ = an_app()

    @app.task
    def pack(id: str) -> None: ...

    assert said_of(app) == "pack may read and write orders, prices"


def test_a_route_that_sends_a_task_is_said_to_write_what_it_was_only_to_read() -> None:
    app, orders, prices = an_app()

    @app.task(uses=[orders.can("put"), prices.can("put")])
    def pack(id: str) -> None: ...

    @app.post("/orders", uses=[orders.can("get"), pack.can("send")])
    def order(id: str) -> None: ...

    assert said_of(app) == (
        "the function of all routes may read and write prices and write orders; "
        "pack, the function of all routes may reach the framework's records of other functions"
    )


def test_who_may_read_one_table_is_said_to_read_the_other() -> None:
    app, orders, _ = an_app()

    @app.get("/orders", uses=[orders.can("get")])
    def order(id: str) -> None: ...

    assert said_of(app) == "the function of all routes may read prices"


def test_nothing_is_said_where_each_function_may_do_what_was_granted() -> None:
    app, orders, prices = an_app()

    @app.post("/orders", uses=[orders.can("put"), prices.can("update")])
    def order(id: str) -> None: ...

    @app.get("/")
    def home() -> str:
        return "here"

    assert said_of(app) == ""


def test_an_app_that_is_one_function_has_asked_for_all_rights_together() -> None:
    app, orders, prices = an_app("app")

    @app.task
    def pack(id: str) -> None: ...

    @app.post("/orders", uses=[orders.can("put"), prices.can("put"), pack.can("send")])
    def order(id: str) -> None: ...

    assert said_of(app) == ""


def test_who_puts_objects_is_said_to_read_and_delete_them_and_who_signs_urls_to_delete_them() -> None:
    app = App("shop")
    files, shown, all_of = app.bucket("files"), app.bucket("shown"), app.bucket("all-of")

    @app.post("/files", uses=[files.can("put"), shown.can("signed_url"), all_of.can("put", "get", "delete")])
    def upload(id: str) -> None: ...

    @app.get("/files", uses=[shown.can("get")])
    def download(id: str) -> None: ...

    assert said_of(app) == (
        "the function of all routes may read and delete objects of files; "
        "the function of all routes may delete objects of shown"
    )


def test_each_verb_of_buckets_says_what_it_is_meant_to_allow() -> None:
    assert set(OBJECT_DEEDS) == set(Bucket.verbs)
