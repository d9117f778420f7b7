"""What `portable dev` answers at /openapi.json and /docs, if nothing of the app does: the document and a page of it.

The page is packaged with its script and style; it asks nobody but this server, and no inline script may run in it.
"""

from collections.abc import Callable
from importlib.resources import files

from portable.app import App
from portable.codec import to_json_bytes
from portable.http import Request, Response

ASSETS = "/_portable/docs/"
"""No route of an app can be there, so that the page works whatever the app answers at /openapi.json."""
NAMES = ("dom.js", "form.js", "icon.svg", "page.js", "request.js", "schema.js", "style.css")
KINDS = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Documentation:
    """The pages of one app. `page(request)` gives what answers a request, or None if it is for none of them."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._document: bytes | None = None
        self._pages: dict[str, Callable[[Request], Response]] = {
            "/openapi.json": self.document,
            f"{ASSETS}openapi.json": self.document,
            "/docs": packaged("index.html"),
            **{f"{ASSETS}{name}": packaged(name) for name in NAMES},
        }

    def page(self, request: Request) -> Callable[[Request], Response] | None:
        if request.method not in ("GET", "HEAD"):
            return None
        return self._pages.get(request.path.rstrip("/"))

    def document(self, request: Request) -> Response:  # noqa: ARG002
        """The OpenAPI document, made when somebody asks for it. Raises what is wrong with a route's types."""
        if self._document is None:
            self._document = to_json_bytes(self.app.openapi())
        return Response(self._document, headers={**HEADERS, "content-type": "application/json"})


def packaged(name: str) -> Callable[[Request], Response]:
    def respond(request: Request) -> Response:  # noqa: ARG001
        content = files(__package__ or "portable_local").joinpath("docs_page", name).read_bytes()
        kind = KINDS[name.rpartition(".")[2]]
        return Response(content, headers={**HEADERS, "content-type": f"{kind}; charset=utf-8"})

    return respond
