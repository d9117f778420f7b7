"""The client of a test sends what a browser would, and keeps cookies as one does."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest

from portable import App, Body, File, Form, InvalidArgument, NotFound, Request, Response, UploadFile
from portable.testing import Client, RunningApp, running
from portable.testing.bodies import FileValue

app = App("echo")
files = app.bucket("files")


@dataclass
class Order:
    id: int
    on: date


def echo(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query_string,
        "headers": request.headers.items(),
        "body": request.body.decode("latin-1"),
        "cookies": request.cookies,
    }


for verb in ("get", "post", "put", "patch", "delete"):
    getattr(app, verb)("/echo", name=f"echo_{verb}")(echo)


@app.get("/deep/er/{rest}")
def deep(rest: str, request: Request) -> dict[str, Any]:
    return echo(request) | {"rest": rest}


@app.post("/orders")
def order(order: Order) -> Order:
    return order


@app.post("/upload")
def upload(title: Annotated[str, Form()], pages: Annotated[list[UploadFile], File()]) -> list[Any]:
    return [title, [[page.filename, page.content_type, page.data.decode()] for page in pages]]


@app.get("/go/{status}")
def go(status: int, to: str) -> Response:
    return Response(status=status, headers={"location": to})


@app.post("/go/{status}")
def go_on(status: int, to: str) -> Response:
    return Response(status=status, headers={"location": to})


@app.get("/circle")
def circle() -> Response:
    return Response(status=302, headers={"location": "circle"})


@app.post("/cookies/{place}")
def set_cookies(place: str, lines: Annotated[list[str], Body()]) -> Response:
    return Response(status=204, headers=[("set-cookie", line) for line in lines])


@app.post("/session")
def session() -> Response:
    response = Response("in")
    response.set_cookie("session", "abc", max_age=3600)
    return response


@app.get("/missing")
def missing() -> None:
    raise NotFound("nothing here")


@app.get("/latin")
def latin() -> Response:
    return Response("grün".encode("latin-1"), media_type="text/plain; charset=ISO-8859-1")


@pytest.fixture(scope="module")
def started() -> Iterator[RunningApp]:
    with running(app) as found:
        yield found


@pytest.fixture
def client(started: RunningApp) -> Client:
    """One of its own, without cookies of another test."""
    return started.new_client()


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_every_method_has_its_verb(client: Client, method: str) -> None:
    answer = getattr(client, method)("/echo")
    assert answer.status == 200, answer
    assert answer.json()["method"] == method.upper()


def test_head_and_options_answer_as_the_app_does(client: Client) -> None:
    head = client.head("/echo")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    assert {"GET", "POST"} <= set(client.options("/echo").headers["allow"].split(", "))


def test_a_method_of_another_name_is_sent_as_it_is(client: Client) -> None:
    assert client.request("patch", "/echo").json()["method"] == "PATCH"
    assert client.request("PROPFIND", "/echo").status == 405


@pytest.mark.parametrize(
    ("path", "params", "query"),
    [
        ("/echo", None, ""),
        ("/echo?a=1", None, "a=1"),
        ("/echo?a=1", {"b": 2}, "a=1&b=2"),
        ("/echo", {"q": "a b&c=d", "n": [1, 2]}, "q=a+b%26c%3Dd&n=1&n=2"),
        ("/echo", [("x", True), ("x", date(2026, 1, 2))], "x=true&x=2026-01-02"),
        ("/echo?q=ü&r=%20&s=100%", None, "q=%C3%BC&r=%20&s=100%25"),
        ("/echo?a=1#part", None, "a=1"),
    ],
)
def test_queries_are_encoded_once(client: Client, path: str, params: Any, query: str) -> None:
    answer = client.get(path) if params is None else client.get(path, params=params)
    assert answer.json()["query"] == query


def test_paths_are_encoded_once(client: Client) -> None:
    assert client.get("/deep/er/grün und %20").json()["rest"] == "grün und  "
    assert client.get("/deep/er/100%").json()["rest"] == "100%"


@pytest.mark.parametrize("path", ["echo", "", "ftp://localhost/echo", "http://"])
def test_a_path_that_leads_nowhere_is_refused(client: Client, path: str) -> None:
    with pytest.raises(InvalidArgument, match="does not start with '/'"):
        client.get(path)


def test_json_takes_what_a_handler_may_return(client: Client) -> None:
    answer = client.post("/orders", json=Order(1, date(2026, 1, 2)))
    assert (answer.status, answer.json()) == (200, {"id": 1, "on": "2026-01-02"})
    sent = client.post("/echo", json=None).json()
    assert (sent["body"], dict(sent["headers"])["content-type"]) == ("null", "application/json")


def test_no_body_has_neither_type_nor_length(client: Client) -> None:
    names = dict(client.post("/echo").json()["headers"])
    assert {"content-type", "content-length"}.isdisjoint(names)
    assert names["host"] == "localhost"


def test_a_form_is_encoded_as_browsers_do(client: Client) -> None:
    sent = client.post("/echo", data={"a": "x y", "b": ["1", "2"], "c": "ü&"}).json()
    assert sent["body"] == "a=x+y&b=1&b=2&c=%C3%BC%26"
    assert dict(sent["headers"])["content-type"] == "application/x-www-form-urlencoded"
    assert dict(sent["headers"])["content-length"] == str(len(sent["body"]))


def test_files_arrive_with_their_names_and_types(client: Client, tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_bytes(b"four")
    pages: list[FileValue] = [
        ("a.png", b"one"),
        ("b", b"two", "x/y"),
        UploadFile('odd".html', "text/html", b"three"),
        tmp_path / "d.txt",
        b"five",
    ]
    answer = client.post("/upload", data={"title": "ü"}, files={"pages": pages})
    assert answer.status == 200, answer
    assert answer.json() == [
        "ü",
        [
            ["a.png", "image/png", "one"],
            ["b", "x/y", "two"],
            ["odd%22.html", "text/html", "three"],  # as browsers write it, which nobody undoes
            ["d.txt", "text/plain", "four"],
            ["pages", "application/octet-stream", "five"],
        ],
    ]


def test_content_is_sent_as_it_is(client: Client) -> None:
    sent = client.post("/echo", content=b"\x00\xff", headers={"Content-Type": "x/y"}).json()
    assert (sent["body"], dict(sent["headers"])["content-type"]) == ("\x00\xff", "x/y")
    assert client.post("/echo", content="text").json()["body"] == "text"


def test_a_request_has_one_body(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="not json and content"):
        client.post("/echo", json=1, content=b"")
    with pytest.raises(InvalidArgument, match="fields of a form"):
        client.post("/echo", data=b"raw")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="is a int"):
        client.post("/echo", files={"a": 3})  # type: ignore[dict-item]
    with pytest.raises(InvalidArgument, match="has no text"):
        client.get("/echo", params={"a": None})


def test_headers_of_a_request_replace_those_of_the_client(started: RunningApp) -> None:
    client = started.new_client(headers={"Authorization": "one", "X-Other": "o"})
    sent = client.get("/echo", headers=[("authorization", "two"), ("x-many", "1"), ("x-many", "2")]).json()["headers"]
    assert ["authorization", "two"] in sent
    assert ["authorization", "one"] not in sent
    assert [value for name, value in sent if name == "x-many"] == ["1", "2"]
    assert dict(client.get("/echo").json()["headers"])["authorization"] == "one"


def test_an_answer_shows_itself_and_reads_its_charset(client: Client) -> None:
    answer = client.get("/missing")
    assert (answer.status, answer.json()["status"]) == (404, 404)
    assert repr(answer).startswith("<GET http://localhost/missing: 404 '")
    assert "nothing here" in repr(answer)
    latin = client.get("/latin")
    assert latin.text == "grün"
    with pytest.raises(ValueError, match=r"no JSON.+latin: 200"):
        latin.json()


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_only_when_told(client: Client, status: int) -> None:
    path = f"/go/{status}?to=/echo%3Fa=1"
    answer = client.get(path)
    assert (answer.status, answer.is_redirect, answer.history) == (status, True, ())
    followed = client.get(path, follow_redirects=True)
    assert (followed.status, followed.json()["query"]) == (200, "a=1")
    assert [step.status for step in followed.history] == [status]


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
def test_a_redirected_post_keeps_its_body_or_becomes_a_get(started: RunningApp, status: int, method: str) -> None:
    client = started.new_client(follow_redirects=True)
    sent = client.post(f"/go/{status}?to=/echo", json={"a": 1}).json()
    assert sent["method"] == method
    assert (sent["body"] == '{"a":1}', "content-type" in dict(sent["headers"])) == ((method == "POST",) * 2)


def test_a_redirect_away_from_the_app_is_the_answer(client: Client) -> None:
    answer = client.get("/go/302?to=https://elsewhere.example/", follow_redirects=True)
    assert (answer.status, answer.headers["location"]) == (302, "https://elsewhere.example/")


def test_redirects_in_a_circle_end(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="20 redirects"):
        client.get("/circle", follow_redirects=True)


# Cookies


def test_a_cookie_is_sent_back_until_its_time_is_over(started: RunningApp) -> None:
    client = started.new_client()
    assert client.post("/session").cookies == {"session": "abc"}
    assert client.get("/echo").json()["cookies"] == {"session": "abc"}
    assert dict(client.cookies) == {"session": "abc"}
    started.clock.advance(timedelta(minutes=59, seconds=59))
    assert client.get("/echo").json()["cookies"] == {"session": "abc"}
    started.clock.advance(1)
    assert client.get("/echo").json()["cookies"] == {}
    assert dict(client.cookies) == {}


def test_clients_keep_their_cookies_apart(started: RunningApp) -> None:
    first = started.new_client()
    first.post("/session")
    assert dict(first.cookies) == {"session": "abc"}
    assert started.new_client().get("/echo").json()["cookies"] == {}


@pytest.mark.parametrize(
    ("line", "at_root", "below"),
    [
        ("a=1", {}, {}),  # for the folder of what set it
        ("a=1; Path=/", {"a": "1"}, {"a": "1"}),
        ("a=1; Path=/deep", {}, {"a": "1"}),
        ("a=1; Path=/dee", {}, {}),
        ("a=1; Path=/deep/er/", {}, {"a": "1"}),
        ("a=1; Path=/; Secure; HttpOnly; SameSite=Strict", {"a": "1"}, {"a": "1"}),
        ("a=1; Path=/; Max-Age=0", {}, {}),
        ("a=1; Path=/; Max-Age=-1", {}, {}),
        ("a=1; Path=/; Max-Age=x", {"a": "1"}, {"a": "1"}),
        ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", {}, {}),
        ("a=1; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT", {"a": "1"}, {"a": "1"}),
        ("a=1; Path=/; Expires=soon", {"a": "1"}, {"a": "1"}),
        ("a=1; Path=/; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT", {"a": "1"}, {"a": "1"}),
        ("a=1; Path=/; Domain=localhost", {"a": "1"}, {"a": "1"}),
        ("a=1; Path=/; Domain=example.com", {}, {}),
        ("__Host-a=1; Path=/; Secure", {"__Host-a": "1"}, {"__Host-a": "1"}),
        ("__Host-a=1; Path=/", {}, {}),
        ("__Host-a=1; Path=/deep; Secure", {}, {}),
        ("__Secure-a=1; Path=/", {}, {}),
        ("=1; Path=/", {}, {}),
        ("a; Path=/", {}, {}),
    ],
)
def test_cookies_are_kept_as_browsers_keep_them(
    client: Client, line: str, at_root: dict[str, str], below: dict[str, str]
) -> None:
    assert client.post("/cookies/here", json=[line]).status == 204
    assert client.get("/echo").json()["cookies"] == at_root
    assert client.get("/deep/er/x").json()["cookies"] == below


def test_a_cookie_that_is_set_again_is_replaced_and_a_longer_path_comes_first(client: Client) -> None:
    client.post("/cookies/here", json=["a=1; Path=/", "b=2; Path=/", "a=3; Path=/", "a=4; Path=/deep"])
    (header,) = [value for name, value in client.get("/deep/er/x").json()["headers"] if name == "cookie"]
    assert header == "a=4; a=3; b=2"
    client.post("/cookies/here", json=["a=; Path=/; Max-Age=0"])
    assert client.get("/echo").json()["cookies"] == {"b": "2"}


def test_cookies_may_be_set_and_taken_away_by_hand(client: Client) -> None:
    client.cookies["a"] = "1"
    assert client.get("/echo", cookies={"b": "2"}).json()["cookies"] == {"a": "1", "b": "2"}
    assert client.get("/echo", cookies={"a": "other"}).json()["cookies"] == {"a": "other"}
    assert client.get("/echo").json()["cookies"] == {"a": "1"}
    del client.cookies["a"]
    assert client.get("/echo").json()["cookies"] == {}
    with pytest.raises(KeyError):
        client.cookies["a"]
    with pytest.raises(InvalidArgument, match="cannot be a cookie"):
        client.cookies["a"] = "x; y"


def test_a_secure_cookie_is_for_https_and_for_localhost(client: Client) -> None:
    secure = ["a=1; Path=/; Secure"]
    client.post("http://shop.example/cookies/here", json=secure)
    assert client.get("http://shop.example/echo").json()["cookies"] == {}
    client.post("https://shop.example/cookies/here", json=secure)
    assert client.get("https://shop.example/echo").json()["cookies"] == {"a": "1"}
    assert client.get("http://shop.example/echo").json()["cookies"] == {}


def test_a_cookie_of_a_domain_goes_to_the_hosts_below_it(client: Client) -> None:
    client.post("https://www.shop.example/cookies/here", json=["a=1; Path=/; Domain=.shop.example", "b=2; Path=/"])
    assert client.get("https://www.shop.example/echo").json()["cookies"] == {"a": "1", "b": "2"}
    assert client.get("https://shop.example/echo").json()["cookies"] == {"a": "1"}
    assert client.get("https://badshop.example/echo").json()["cookies"] == {}
    client.post("https://www.shop.example/cookies/here", json=["c=1; Path=/; Domain=example"])
    assert "c" not in client.get("https://www.shop.example/echo").json()["cookies"]


def test_a_signed_url_is_a_path_like_any_other(client: Client) -> None:
    put = files.signed_url("a", "PUT", content_type="text/plain")
    assert client.request(put.method, put.url, content=b"by url", headers=put.headers).status == 200
    assert client.get(files.signed_url("a").url).body == b"by url"
