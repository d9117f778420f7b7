"""Static folders: what is served with which headers, revalidation by ETag, and what is never served."""

import os
from pathlib import Path

import pytest

from portable.app import App, Service
from portable.errors import DeclarationError

from .harness import Harness
from .http_exchange import declare, problem_of, text_of

FILES = {
    "index.html": b"<h1>home</h1>",
    "style.css": b"a{}",
    "script.js": b"1",
    "module.mjs": b"2",
    "data.json": b"{}",
    "picture.PNG": b"\x89PNG\r\n\x1a\n\xff",
    "drawing.svg": b"<svg/>",
    "table.csv": b"a,b",
    "noextension": b"\x00",
    "archive.tar.gz": b"gz",
    "with space & é.txt": b"odd name",
    "empty.txt": b"",
    "a%b.txt": b"percent",
    "sub/index.html": b"<h1>sub</h1>",
    "sub/deep/page.html": b"deep",
}
TYPES = {
    "style.css": "text/css; charset=utf-8",
    "script.js": "text/javascript; charset=utf-8",
    "module.mjs": "text/javascript; charset=utf-8",
    "data.json": "application/json",
    "picture.PNG": "image/png",
    "drawing.svg": "image/svg+xml",
    "table.csv": "text/csv; charset=utf-8",
    "noextension": "application/octet-stream",
    "archive.tar.gz": "application/octet-stream",
    "empty.txt": "text/plain; charset=utf-8",
    "index.html": "text/html; charset=utf-8",
}
OUTSIDE = b"outside the folder"
NEVER_SERVED = (
    "/s/../outside.txt",
    "/s/%2e%2e/outside.txt",
    "/s/..%2foutside.txt",
    "/s/sub/../../outside.txt",
    "/s/sub/%2e%2e/%2e%2e/outside.txt",
    "/s/%252e%252e/outside.txt",
    "/s/..\\outside.txt",
    "/s/..%5coutside.txt",
    "/s//outside.txt",
    "/s/./index.html",
    "/s/.hidden",
    "/s/%2ehidden",
    "/s/.git/config",
    "/s/sub/.env",
    "/s/leading-out.txt",
    "/s/leading-out/outside.txt",
    "/s/leading-to-hidden",
    "/s/dangling",
    "/s/index.html%00",
    "/s/index.html%00.txt",
    "/s/INDEX.html",
    "/s/sub/deep",
    "/s/none.txt",
    "/s/index.html/x",
    "/sx/index.html",
    "/outside.txt",
)


class HttpStaticConformance:
    """Files as they are, revalidated by what is in them; nothing hidden, nothing from outside the folder."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A folder with files of many kinds, in one that has a file of its own, and links in all directions."""
        root = tmp_path / "site"
        for name, content in FILES.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (tmp_path / "outside.txt").write_bytes(OUTSIDE)
        for hidden in (".hidden", ".git/config", "sub/.env"):
            (root / hidden).parent.mkdir(exist_ok=True)
            (root / hidden).write_bytes(OUTSIDE)
        (root / "leading-out.txt").symlink_to(tmp_path / "outside.txt")
        (root / "leading-out").symlink_to(tmp_path, target_is_directory=True)
        (root / "leading-to-hidden").symlink_to(root / ".hidden")
        (root / "leading-in.css").symlink_to(root / "style.css")
        (root / "dangling").symlink_to(root / "gone")
        return root

    def static_app(self, folder: Path, path: str = "/s") -> App:
        app = App("conformance")
        app.static(path, str(folder))
        return app

    def test_every_file_is_served_with_its_type(self, harness: Harness, folder: Path) -> None:
        from urllib.parse import quote

        with harness.running(self.static_app(folder)) as running:
            for name, content in FILES.items():
                response = running.request("GET", f"/s/{quote(name)}")
                assert (response.status, response.body) == (200, content), name
                assert response.headers["x-content-type-options"] == "nosniff"
                if name in TYPES:
                    assert response.headers["content-type"] == TYPES[name]
            assert running.request("GET", "/s/leading-in.css").body == FILES["style.css"]

    def test_an_index_answers_for_its_folder(self, harness: Harness, folder: Path) -> None:
        with harness.running(self.static_app(folder)) as running:
            for path in ("/s", "/s/", "/s/index.html"):
                assert running.request("GET", path).body == FILES["index.html"]
            for path in ("/s/sub", "/s/sub/", "/s/sub/index.html"):
                assert running.request("GET", path).body == FILES["sub/index.html"]
        with harness.running(self.static_app(folder, "/")) as running:
            assert running.request("GET", "/").body == FILES["index.html"]
            assert running.request("GET", "/sub/deep/page.html").body == b"deep"

    @pytest.mark.parametrize("path", NEVER_SERVED, ids=ascii)
    def test_what_is_hidden_or_outside_is_never_served(self, harness: Harness, folder: Path, path: str) -> None:
        with harness.running(self.static_app(folder)) as running:
            for method in ("GET", "HEAD", "POST"):
                response = running.request(method, path)
                assert response.status in (400, 404), response.body
                assert OUTSIDE not in response.body

    def test_a_client_that_has_a_file_is_told_so(self, harness: Harness, folder: Path) -> None:
        with harness.running(self.static_app(folder)) as running:
            first = running.request("GET", "/s/style.css")
            etag = first.headers["etag"]
            assert etag.startswith('"')
            assert etag.endswith('"')
            assert "must-revalidate" in first.headers["cache-control"]
            for condition in (etag, f"W/{etag}", f'"other", {etag}', "*", f'W/"a",{etag},"b"'):
                for method in ("GET", "HEAD"):
                    again = running.request(method, "/s/style.css", headers=[("If-None-Match", condition)])
                    assert (again.status, again.body) == (304, b""), condition
                    assert again.headers["etag"] == etag
                    assert "cache-control" in again.headers
            for condition in ('"other"', "", etag.strip('"'), f"x{etag}", f'"{etag}"'):
                other = running.request("GET", "/s/style.css", headers=[("If-None-Match", condition)])
                assert (other.status, other.body) == (200, FILES["style.css"]), condition

    def test_the_tag_of_a_file_is_that_of_its_content(self, harness: Harness, folder: Path) -> None:
        with harness.running(self.static_app(folder)) as running:
            tags = {running.request("GET", f"/s/{name}").headers["etag"] for name in ("style.css", "script.js")}
            tags.add(running.request("GET", "/s/module.mjs").headers["etag"])
            assert len(tags) == 3
            assert running.request("GET", "/s/leading-in.css").headers["etag"] in tags
            before = running.request("GET", "/s/style.css").headers["etag"]
            (folder / "style.css").write_bytes(b"b{}")
            os.utime(folder / "style.css", ns=(1, 1))
            changed = running.request("GET", "/s/style.css", headers=[("if-none-match", before)])
            assert (changed.status, changed.body) == (200, b"b{}")
            assert changed.headers["etag"] != before
        with harness.running(self.static_app(folder)) as running:
            assert running.request("GET", "/s/style.css").headers["etag"] == changed.headers["etag"]

    def test_head_says_what_get_would_send(self, harness: Harness, folder: Path) -> None:
        with harness.running(self.static_app(folder)) as running:
            got, head = running.request("GET", "/s/table.csv"), running.request("HEAD", "/s/table.csv")
            assert (head.status, head.body) == (200, b"")
            assert head.headers["content-length"] == str(len(got.body))
            for name in ("etag", "content-type", "cache-control"):
                assert head.headers[name] == got.headers[name]

    def test_files_are_only_read(self, harness: Harness, folder: Path) -> None:
        with harness.running(self.static_app(folder)) as running:
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                response = running.request(method, "/s/style.css", body=b"x")
                problem_of(response, 405)
                assert response.headers["allow"] == "GET, HEAD, OPTIONS"
            options = running.request("OPTIONS", "/s/style.css")
            assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
            assert (folder / "style.css").read_bytes() == FILES["style.css"]

    def test_a_file_that_is_gone_is_404(self, harness: Harness, folder: Path) -> None:
        with harness.running(self.static_app(folder)) as running:
            assert running.request("GET", "/s/style.css").status == 200
            (folder / "style.css").unlink()
            problem_of(running.request("GET", "/s/style.css"), 404)
            (folder / "script.js").unlink()
            (folder / "script.js").mkdir()
            problem_of(running.request("GET", "/s/script.js"), 404)

    def test_a_file_that_becomes_a_link_to_outside_is_not_followed(self, harness: Harness, folder: Path) -> None:
        with harness.running(self.static_app(folder)) as running:
            (folder / "style.css").unlink()
            (folder / "style.css").symlink_to(folder.parent / "outside.txt")
            response = running.request("GET", "/s/style.css")
            assert response.status == 404
            assert OUTSIDE not in response.body

    def test_routes_win_over_files_and_take_only_their_methods(self, harness: Harness, folder: Path) -> None:
        app = App("conformance")
        app.static("/", str(folder))
        declare(app, "GET", "/style.css", "a route")
        declare(app, "POST", "/data.json", "written")
        declare(app, "POST", "/", "posted")
        declare(app, "GET", "/sub/{name}", "a parameter {name}")
        with harness.running(app) as running:
            assert text_of(running.request("GET", "/style.css")) == "a route"
            assert text_of(running.request("POST", "/data.json")) == "written"
            assert running.request("GET", "/data.json").body == b"{}"
            assert running.request("HEAD", "/data.json").status == 200
            assert running.request("GET", "/").body == FILES["index.html"]
            assert text_of(running.request("POST", "/")) == "posted"
            assert text_of(running.request("GET", "/sub/index.html")) == "a parameter index.html"
            problem_of(running.request("PUT", "/data.json"), 405)

    def test_the_longest_folder_wins_and_services_have_their_own(self, harness: Harness, folder: Path) -> None:
        app, service = App("conformance"), Service("part")
        app.static("/", str(folder))
        app.static("/s", str(folder / "sub"))
        service.static("/files", str(folder / "sub/deep"))
        app.include(service, prefix="/part")
        with harness.running(app) as running:
            assert running.request("GET", "/s").body == FILES["sub/index.html"]
            assert running.request("GET", "/s/style.css").status == 404
            assert running.request("GET", "/part/files/page.html").body == b"deep"
            assert running.request("GET", "/sub/deep/page.html").body == b"deep"

    def test_what_cannot_be_served_is_refused_at_declaration(self, harness: Harness, folder: Path) -> None:
        app = App("conformance")
        for wrong in (folder / "none", folder / "style.css"):
            with pytest.raises(DeclarationError) as caught:
                app.static("/s", str(wrong))
            assert caught.value.hint
            assert caught.value.location is not None
        with open(folder / "large.bin", "wb") as stream:
            stream.truncate(4 * 1024 * 1024)
        with harness.running(self.static_app(folder)) as running:
            assert len(running.request("GET", "/s/large.bin").body) == 4 * 1024 * 1024
        with open(folder / "large.bin", "ab") as stream:
            stream.write(b"x")
        with pytest.raises(DeclarationError, match="http_response_bytes") as caught:
            run(harness, self.static_app(folder))
        assert "signed URL" in (caught.value.hint or "")
        (folder / "large.bin").unlink()
        twice = self.static_app(folder)
        twice.static("/s/", str(folder / "sub"))
        with pytest.raises(DeclarationError, match="/s"):
            run(harness, twice)


def run(harness: Harness, app: App) -> None:
    with harness.running(app):
        pass
