"""`portable check`: what is wrong with an app, or would be on some provider, as Diagnostics, all at once.

Declarations are judged by their manifest (graph.py, limits.py, differences.py) and code by its syntax trees together
with the objects that its names stand for (code.py). Rules are few and certain: what they cannot know they leave out.
Nothing is run, nothing is sent anywhere.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from portable.adapter import ADAPTERS, Packager
from portable.capabilities import PROVIDERS
from portable.deploy.diagnostics import Diagnostic
from portable.deploy.grant_diagnostics import diagnose_grants
from portable.errors import Location
from portable.manifest import Manifest, build_manifest, declaration_errors

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
    errors = [
        Diagnostic(error.code, "error", error.location, None, error.message, error.hint)
        for error in declaration_errors(app)
    ]
    if errors:
        return sorted({*errors, *diagnose_code(app)}, key=_order)
    manifest = build_manifest(app, is_checked=True)
    return sorted({*diagnose_manifest(app, manifest, stage), *of_adapters(manifest, stage)}, key=_order)


def diagnose_manifest(app: "App", manifest: Manifest, stage: str = STAGE) -> list[Diagnostic]:
    """What is found about an app whose parts fit together, but for what only a provider's template can show."""
    found = {
        *diagnose_graph(manifest, app, stage),
        *diagnose_limits(manifest, stage),
        *diagnose_differences(manifest),
        *diagnose_grants(manifest),
        *diagnose_code(app),
    }
    return sorted(found, key=_order)


def of_adapters(manifest: Manifest, stage: str) -> list[Diagnostic]:
    """What only the template of a provider can show, from the adapters that are installed."""
    from importlib.metadata import entry_points

    found: list[Diagnostic] = []
    for entry in entry_points(group=ADAPTERS):
        if entry.name in PROVIDERS:
            adapter: object = entry.load()
            if isinstance(adapter, Packager):
                found += adapter.findings(manifest.to_dict(), stage)
    return [one._replace(location=whole(one.location, manifest.root)) for one in found]


def whole(location: Location | None, root: str) -> Location | None:
    """A location of a manifest's JSON, which is relative to the project, as others have it."""
    if location is None or location.file.startswith("<"):
        return location
    return Location(os.path.join(root, location.file), location.line)


def selected(found: Iterable[Diagnostic], targets: Iterable[str]) -> list[Diagnostic]:
    """Those that concern one of `targets`."""
    wanted = set(targets)
    return [diagnostic for diagnostic in found if diagnostic.provider is None or diagnostic.provider in wanted]


def _order(diagnostic: Diagnostic) -> tuple[str, int, int, str, int, str]:
    where = diagnostic.location
    provider = PROVIDERS.index(diagnostic.provider) if diagnostic.provider in PROVIDERS else -1
    file, line = (where.file, where.line) if where is not None else ("", 0)
    return (file, line, RANKS.index(diagnostic.severity), diagnostic.code, provider, diagnostic.cause)
