"""Which handler answers a path and a method: one router, the same on every provider."""

from urllib.parse import quote

import pytest

from portable.app import App, Service
from portable.errors import DeclarationError
from portable.http import Request

from .harness import Harness
from .http_exchange import declare, is_of_a_front, json_of, problem_of, text_of

MALFORMED_PATHS = (
    "//",
    "//notes",
    "/notes//1",
    "/notes//",
    "/.",
    "/..",
    "/notes/.",
    "/notes/..",
    "/notes/./1",
    "/notes/../notes",
    "/%2e%2e/notes",
    "/notes/%2E",
    "/notes/.%2e",
    "/notes/%",
    "/notes/%2",
    "/notes/%zz",
    "/notes/%u0041",
    "/notes/%c3",
    "/notes/%ff",
    "/notes/%c0%af",
    "/notes/%ed%a0%80",
    "/notes/a%2Fb",
    "/notes/a%2fb",
    "/notes/é",
    "/notes/a b",
    "/notes/a\tb",
    "/notes/a\x00",
    "notes",
    "",
    "*",
    "http://host/notes",
)
PARAMETER_TEXTS = (
    "1",
    "a.b",
    ".hidden",
    "...",
    "a b",
    "a+b",
    "a%b",
    "%41",
    "%2541",
    "é",
    "日本",
    "😀",
    "a;b=c",
    "a:b@c",
    "~a!$&'()*,=",
    "?",
    "#",
    "a\\b",
    "\x00",
    "\x7f",
    "{id}",
    "x" * 1000,
)


def json_value(value: str) -> dict[str, str]:
    return {"value": value}


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class HttpRoutingConformance:
    """Paths are decoded once and refused when malformed; literals win; 404, 405, HEAD and OPTIONS are ours."""

    def test_each_method_reaches_the_handler_of_its_decorator(self, harness: Harness) -> None:
        app = App("conformance")

        def answer(request: Request) -> str:
            return request.method

        app.get("/x")(answer)
        app.post("/x")(answer)
        app.put("/x")(answer)
        app.patch("/x")(answer)
        app.delete("/x")(answer)
        app.route("/many", methods=["get", "POST", "OPTIONS"])(answer)
        with harness.running(app) as running:
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                assert text_of(running.request(method, "/x")) == method
            for method in ("GET", "POST", "OPTIONS"):
                assert text_of(running.request(method, "/many")) == method
            problem_of(running.request("PUT", "/many"), 405)

    def test_a_literal_segment_wins_over_a_parameter_whatever_was_declared_first(self, harness: Harness) -> None:
        app = App("conformance")
        declare(app, "GET", "/{a}", "one {a}")
        declare(app, "GET", "/me", "me")
        declare(app, "GET", "/{a}/{b}", "two {a} {b}")
        declare(app, "GET", "/me/{b}", "me two {b}")
        declare(app, "GET", "/{a}/friends", "friends {a}")
        declare(app, "GET", "/me/friends/{c}", "three {c}")
        with harness.running(app) as running:
            for path, expected in (
                ("/me", "me"),
                ("/you", "one you"),
                ("/Me", "one Me"),
                ("/me/friends", "me two friends"),
                ("/you/friends", "friends you"),
                ("/you/x", "two you x"),
                ("/me/friends/1", "three 1"),
                ("/%6de", "me"),
                ("/me/%66riends", "me two friends"),
            ):
                assert text_of(running.request("GET", path)) == expected, path
            problem_of(running.request("GET", "/you/friends/1"), 404)

    def test_a_literal_that_leads_nowhere_gives_way_to_a_parameter(self, harness: Harness) -> None:
        app = App("conformance")
        declare(app, "GET", "/a/b/c", "literal")
        declare(app, "GET", "/{x}/b/d", "parameter {x}")
        declare(app, "POST", "/a/{y}", "post {y}")
        declare(app, "GET", "/{x}/b", "get {x}")
        with harness.running(app) as running:
            assert text_of(running.request("GET", "/a/b/c")) == "literal"
            assert text_of(running.request("GET", "/a/b/d")) == "parameter a"
            assert text_of(running.request("GET", "/a/b")) == "get a"
            assert text_of(running.request("POST", "/a/b")) == "post b"
            refused = running.request("PUT", "/a/b")
            problem_of(refused, 405)
            assert refused.headers["allow"] == "GET, HEAD, OPTIONS, POST"

    def test_a_trailing_slash_is_the_same_route(self, harness: Harness) -> None:
        app = App("conformance")
        declare(app, "GET", "/", "root")
        declare(app, "GET", "/plain", "plain")
        declare(app, "GET", "/slashed/", "slashed")
        declare(app, "GET", "/p/{id}", "{id}")
        with harness.running(app) as running:
            for path, expected in (
                ("/", "root"),
                ("/plain", "plain"),
                ("/plain/", "plain"),
                ("/slashed", "slashed"),
                ("/slashed/", "slashed"),
                ("/p/1", "1"),
                ("/p/1/", "1"),
            ):
                assert text_of(running.request("GET", path)) == expected
            problem_of(running.request("GET", "/p/"), 404)

    @pytest.mark.parametrize("path", MALFORMED_PATHS, ids=ascii)
    def test_a_malformed_path_is_400_and_reaches_no_handler(self, harness: Harness, path: str) -> None:
        app = App("conformance")
        seen: list[str] = []
        declare(app, "GET POST", "/notes/{id}", "one", seen)
        declare(app, "GET", "/notes", "all", seen)
        declare(app, "GET", "/", "all", seen)
        with harness.running(app) as running:
            for method in ("GET", "HEAD", "POST"):
                response = running.request(method, path)
                assert response.status == 400, response.body
                if method != "HEAD" and not is_of_a_front(path, response):
                    assert "malformed" in problem_of(response, 400)["detail"]
            assert seen == []

    @pytest.mark.parametrize("text", PARAMETER_TEXTS, ids=lambda text: ascii(text[:20]))
    def test_a_path_parameter_is_decoded_once(self, harness: Harness, text: str) -> None:
        app = App("conformance")
        app.route("/one/{value}", methods=["GET"], name="one")(json_value)
        app.route("/two/{value}/end", methods=["GET"], name="two")(json_value)
        with harness.running(app) as running:
            for encoded in {quote(text, safe=""), "".join(f"%{byte:02x}" for byte in text.encode())}:
                if len(encoded) < 4000:
                    assert json_of(running.request("GET", f"/one/{encoded}")) == {"value": text}
                    assert json_of(running.request("GET", f"/two/{encoded}/end")) == {"value": text}

    def test_literal_segments_are_compared_decoded_and_by_case(self, harness: Harness) -> None:
        app = App("conformance")
        declare(app, "GET", "/a-b_c~d/x.json", "one")
        with harness.running(app) as running:
            assert text_of(running.request("GET", "/a-b_c~d/x.json")) == "one"
            assert text_of(running.request("GET", "/a%2Db%5Fc%7ed/x%2Ejson")) == "one"
            problem_of(running.request("GET", "/A-b_c~d/x.json"), 404)

    def test_a_path_of_nobody_is_404_for_every_method(self, harness: Harness) -> None:
        app = App("conformance")
        declare(app, "GET", "/notes/{id}", "{id}")
        with harness.running(app) as running:
            for path in ("/", "/note", "/notes", "/notes/1/2", "/notesx", "/_portable/x"):
                for method in METHODS:
                    response = running.request(method, path)
                    assert response.status == 404, (method, path)
                    assert "allow" not in response.headers
                    if method == "GET":
                        assert path in problem_of(response, 404)["detail"]

    def test_another_method_is_405_with_the_methods_that_there_are(self, harness: Harness) -> None:
        app = App("conformance")
        declare(app, "GET", "/get", "get")
        declare(app, "POST", "/post", "post")
        declare(app, "PUT DELETE", "/two", "two")
        declare(app, "PATCH", "/two", "three")
        with harness.running(app) as running:
            for path, method, allow in (
                ("/get", "POST", "GET, HEAD, OPTIONS"),
                ("/get", "BREW", "GET, HEAD, OPTIONS"),
                ("/get", "get", "GET, HEAD, OPTIONS"),
                ("/post", "GET", "OPTIONS, POST"),
                ("/post", "HEAD", "OPTIONS, POST"),
                ("/two/", "GET", "DELETE, OPTIONS, PATCH, PUT"),
            ):
                response = running.request(method, path)
                assert response.status == 405
                assert response.headers["allow"] == allow
                if method != "HEAD":
                    problem_of(response, 405)

    def test_options_says_what_a_path_takes(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []
        declare(app, "GET POST", "/x", "all", seen)
        with harness.running(app) as running:
            response = running.request("OPTIONS", "/x")
            assert (response.status, response.body) == (204, b"")
            assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"
            response = running.request("OPTIONS", "*")
            assert response.status == 204 or is_of_a_front("*", response)
            problem_of(running.request("OPTIONS", "/y"), 404)
            assert seen == []

    def test_head_is_get_without_its_body(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.get("/x/{id}")
        def read(id: str, request: Request) -> tuple[str, int, dict[str, str]]:
            seen.append(request.method)
            return "é" * len(id), 203, {"x-own": "1"}

        with harness.running(app) as running:
            got, head = running.request("GET", "/x/abc"), running.request("HEAD", "/x/abc")
            assert (got.status, head.status) == (203, 203)
            assert (got.body, head.body) == ("ééé".encode(), b"")
            assert head.headers["content-length"] == "6"
            assert head.headers["content-type"] == got.headers["content-type"]
            assert head.headers["x-own"] == "1"
            assert seen == ["GET", "HEAD"]
            assert (running.request("HEAD", "/y").status, running.request("HEAD", "/y").body) == (404, b"")
            assert read is not None

    def test_a_handler_of_its_own_for_head_wins_over_that_of_get(self, harness: Harness) -> None:
        app = App("conformance")
        declare(app, "GET", "/x", "get")
        declare(app, "HEAD", "/x", ("head", 200, {"x-from": "head"}))
        with harness.running(app) as running:
            head = running.request("HEAD", "/x")
            assert (head.body, head.headers["x-from"]) == (b"", "head")
            assert "x-from" not in running.request("GET", "/x").headers

    def test_a_service_answers_below_its_prefix(self, harness: Harness) -> None:
        app, one, two, none = App("conformance"), Service("one"), Service("two"), Service("none")
        declare(one, "GET", "/", "one root")
        declare(one, "GET", "/x/{id}", "one {id}")
        declare(two, "GET", "/x/{id}", "two {tenant} {id}")
        declare(none, "GET", "/bare", "bare")
        declare(app, "GET", "/x/{id}", "app {id}")
        app.include(one, prefix="/one/")
        app.include(two, prefix="/tenants/{tenant}")
        app.include(none)
        with harness.running(app) as running:
            for path, expected in (
                ("/one", "one root"),
                ("/one/", "one root"),
                ("/one/x/1", "one 1"),
                ("/tenants/t%20t/x/2", "two t t 2"),
                ("/x/3", "app 3"),
                ("/bare", "bare"),
            ):
                assert text_of(running.request("GET", path)) == expected
            for path in ("/one/bare", "/tenants/t", "/root"):
                problem_of(running.request("GET", path), 404)

    def test_routes_that_answer_the_same_are_refused_with_both_places(self, harness: Harness) -> None:
        for first, second in (("/x", "/x/"), ("/{a}", "/{b}"), ("/x/{a}/y", "/x/{b}/y/")):
            app = App("conformance")

            def one(a: str = "") -> str:
                return a

            def two(b: str = "") -> str:
                return b

            app.get(first)(one)
            app.route(second, methods=["POST", "GET"])(two)
            with pytest.raises(DeclarationError) as caught, harness.running(app):
                pass
            assert caught.value.location is not None
            assert caught.value.location.line == two.__code__.co_firstlineno
            assert f":{one.__code__.co_firstlineno}" in caught.value.message
            assert caught.value.hint

    def test_the_paths_of_the_framework_are_not_for_apps(self, harness: Harness) -> None:
        for path in ("/_portable", "/_portable/x", "/_portable/{rest}"):
            with pytest.raises(DeclarationError) as caught:
                declare(App("conformance"), "GET", path, "")
            assert caught.value.hint
        app = App("conformance")
        declare(app, "GET", "/_portablex", "x")
        with harness.running(app) as running:
            assert text_of(running.request("GET", "/_portablex")) == "x"

    def test_many_routes_and_deep_paths_are_answered_and_near_misses_are_not(self, harness: Harness) -> None:
        app = App("conformance")
        deep = "/a" * 100
        for number in range(300):
            declare(app, "GET", f"/r{number}/{{id}}/end", f"{number} {{id}}")
        declare(app, "GET", deep, "deep")
        # One literal and one parameter at each of 8 levels: a search that goes back on itself would try them all.
        for number in range(256):
            path = "".join("/b" if number >> level & 1 else f"/{{p{level}}}" for level in range(8))
            declare(app, "GET", f"{path}/{number}", "")
        with harness.running(app) as running:
            for number in (0, 150, 299):
                assert text_of(running.request("GET", f"/r{number}/x/end")) == f"{number} x"
            assert text_of(running.request("GET", deep)) == "deep"
            for path in ("/b" * 9, "/b" * 8 + "/none", f"{deep}/a", "/a" * 99, "/a" * 2000):
                problem_of(running.request("GET", path), 404)
