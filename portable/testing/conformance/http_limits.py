"""Sizes of requests and answers, at the limit and one past it, and the names of the limits."""

import math

import pytest

from portable.adapter import Running
from portable.app import App
from portable.errors import DeclarationError
from portable.http import Request

from .harness import Harness
from .http_exchange import declare, problem_of, text_of

BODY = 4 * 1024 * 1024
URL = 4096
HEADERS = 5 * 1024


def refused(running: Running, method: str, target: str, status: int, limit: str, provider: str, **more: object) -> None:
    """A request is refused, and the problem document says which limit of whom it was."""
    response = running.request(method, target, **more)  # type: ignore[arg-type]
    found = problem_of(response, status)
    assert limit in found["detail"]
    assert provider in found["detail"]
    assert found["code"] == "P1005"


class HttpLimitConformance:
    """4 MiB of body each way, a URL of 4 KiB, headers of 5 KiB: what every provider takes, and not a byte more."""

    def limit_app(self, seen: list[int]) -> App:
        app = App("conformance")

        @app.route("/x", methods=["GET", "POST"])
        def handle(request: Request) -> str:
            seen.append(len(request.body))
            return "x"

        declare(app, "GET", "/{text}", "x")
        assert handle is not None
        return app

    def test_a_request_body_has_at_most_4_mib(self, harness: Harness) -> None:
        seen: list[int] = []
        with harness.running(self.limit_app(seen)) as running:
            assert running.request("POST", "/x", body=b"x" * BODY).status == 200
            assert seen == [BODY]
            refused(running, "POST", "/x", 413, "http_request_bytes", "aws", body=b"x" * (BODY + 1))
            refused(running, "POST", "/none", 413, "http_request_bytes", "aws", body=b"x" * (BODY + 1))
            assert seen == [BODY]
            assert "signed URL" in problem_of(running.request("POST", "/x", body=b"x" * (BODY + 1)), 413)["hint"]

    def test_a_url_has_at_most_4096_bytes_with_its_query(self, harness: Harness) -> None:
        with harness.running(self.limit_app([])) as running:
            for at_limit in (
                "/" + "p" * (URL - 1),
                "/x?" + "q" * (URL - 3),
                "/" + "%C3%A9" * 682 + "abc",
                "/" + "p" * 2000 + "?" + "q" * (URL - 2002),
            ):
                assert len(at_limit) == URL
                assert running.request("GET", at_limit).status == 200
                refused(running, "GET", at_limit + "x", 414, "http_url_bytes", "aws")
            refused(running, "GET", "/x?" + "q" * URL, 414, "http_url_bytes", "aws")

    def test_headers_have_at_most_5_kib_together(self, harness: Harness) -> None:
        with harness.running(self.limit_app([])) as running:
            for count in (1, 10):
                headers = [(f"x-{number:03}", "v" * (HEADERS // count - 5)) for number in range(count)]
                assert sum(len(name) + len(value) for name, value in headers) == HEADERS
                assert running.request("GET", "/x", headers=headers).status == 200
                refused(running, "GET", "/x", 431, "http_header_bytes", "aws", headers=[*headers, ("a", "")])

    def test_an_answer_has_at_most_4_mib(self, harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
        app = App("conformance")

        @app.get("/bytes/{size}")
        def some_bytes(size: int) -> bytes:
            return b"x" * size

        @app.get("/json/{size}")
        async def some_json(size: int) -> list[str]:
            return ["x" * (size - 4)]

        with harness.running(app) as running:
            for path in ("/bytes", "/json"):
                assert len(running.request("GET", f"{path}/{BODY}").body) == BODY
                assert running.request("HEAD", f"{path}/{BODY}").headers["content-length"] == str(BODY)
                caplog.clear()
                for method in ("GET", "HEAD"):
                    response = running.request(method, f"{path}/{BODY + 1}")
                    assert response.status == 500
                    assert len(response.body) < 1000
                problem_of(running.request("GET", f"{path}/{BODY + 1}"), 500)
                assert "http_response_bytes" in caplog.text
                assert "aws" in caplog.text
        assert (some_bytes, some_json) is not None

    def test_a_refused_request_leaves_the_next_one_alone(self, harness: Harness) -> None:
        seen: list[int] = []
        with harness.running(self.limit_app(seen)) as running:
            for _ in range(3):
                assert running.request("POST", "/x", body=b"x" * (BODY + 1)).status == 413
                assert text_of(running.request("POST", "/x", body=b"x")) == "x"
            assert seen == [1, 1, 1]

    def test_a_handler_has_at_most_28_seconds(self, harness: Harness) -> None:
        for seconds in (0, -1, 29, 900, math.inf):
            with pytest.raises(DeclarationError) as caught:
                App("conformance").get("/x", timeout=seconds)(str)  # type: ignore[arg-type]
            assert "28" in caught.value.message
        app = App("conformance")
        app.get("/x", timeout=28)(returning)
        app.post("/x", timeout=1)(returning)
        with harness.running(app) as running:
            assert running.request("GET", "/x").status == 200


def returning() -> str:
    return "x"
