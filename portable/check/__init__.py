"""`portable check`: what is wrong with an app, or would be on some provider, as Diagnostics, all at once.

Declarations are judged by their manifest (graph.py, limits.py, differences.py) and code by its syntax trees together
with the objects that its names stand for (code.py). Rules are few and certain: what they cannot know they leave out.
Nothing is run, nothing is sent anywhere.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from portable.capabilities import PROVIDERS
from portable.deploy.diagnostics import Diagnostic
from portable.deploy.grant_diagnostics import diagnose_grants
from portable.manifest import build_manifest, declaration_errors

from .code import diagnose_code
from .differences import diagnose_differences
from .graph import diagnose_graph
from .limits import diagnose_limits

if TYPE_CHECKING:
    from portable.app import App

__all__ = ["STAGE", "diagnose", "selected"]

STAGE = "prod"
"""The stage whose name is a part of physical names, unless another is given."""
RANKS = ("error", "warning", "note")


def diagnose(app: "App", stage: str = STAGE) -> list[Diagnostic]:
    """Everything that is found about `app` on any provider, by file, line, code and provider.

    If its parts do not fit together there is no manifest, and only that and its code is judged.
    """
    found = [
        Diagnostic(error.code, "error", error.location, None, error.message, error.hint)
        for error in declaration_errors(app)
    ]
    if not found:
        manifest = build_manifest(app)
        found += diagnose_graph(manifest, app, stage)
        found += diagnose_limits(manifest, stage)
        found += diagnose_differences(manifest)
        found += diagnose_grants(manifest)
    found += diagnose_code(app)
    return sorted(set(found), key=_order)


def selected(found: Iterable[Diagnostic], targets: Iterable[str]) -> list[Diagnostic]:
    """Those that concern one of `targets`."""
    wanted = set(targets)
    return [diagnostic for diagnostic in found if diagnostic.provider is None or diagnostic.provider in wanted]


def _order(diagnostic: Diagnostic) -> tuple[str, int, int, str, int, str]:
    where = diagnostic.location
    provider = PROVIDERS.index(diagnostic.provider) if diagnostic.provider in PROVIDERS else -1
    file, line = (where.file, where.line) if where is not None else ("", 0)
    return (file, line, RANKS.index(diagnostic.severity), diagnostic.code, provider, diagnostic.cause)
