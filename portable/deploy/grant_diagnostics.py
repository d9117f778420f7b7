"""What `portable check` says about grants: every place at which more is granted than is known to be needed."""

from portable.manifest import Manifest

from .diagnostics import Diagnostic

GRANT_WIDENED = "P3001"


def diagnose_grants(manifest: Manifest) -> list[Diagnostic]:
    """A warning for each widening: the line that could not be followed, and the `uses=` to write at the handler.

    Several handlers that reach one line give one finding each, since each needs its own `uses=`.
    """
    return [
        Diagnostic(
            code=GRANT_WIDENED,
            severity="warning",
            location=widening.location,
            provider=None,
            cause=f"{widening.handler} is granted more of {widening.resource} than it surely needs: {widening.what}",
            alternative=f"{widening.instead} at {widening.handler}, with the verbs that it needs",
        )
        for widening in manifest.widenings
    ]
