"""What an app answers, as OpenAPI 3.1: `app.openapi()`, `portable openapi`, and `/openapi.json` in `portable dev`.

On top, beside the manifest: nothing that a deployed function imports may import this.
"""

from .document import openapi_document

__all__ = ["openapi_document"]
