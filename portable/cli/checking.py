"""What the process that imports the app answers to `portable check`: all findings as JSON values."""

from typing import Any

from portable.app import App
from portable.check import diagnose, diagnose_manifest
from portable.deploy.diagnostics import Diagnostic
from portable.manifest import Manifest, project_root
from portable.manifest_json import relative


def checked(app: App, manifest: Manifest | None = None) -> dict[str, Any]:
    """The app's name and targets, and every finding on any provider, in order.

    With its manifest, whose parts are known to fit: all but what only the template of a provider can show.
    """
    root = project_root(app.location.file)
    found = diagnose(app) if manifest is None else diagnose_manifest(app, manifest)
    return {
        "app": app.name,
        "targets": list(app.targets),
        "root": root,
        "diagnostics": [diagnostic_value(diagnostic, root) for diagnostic in found],
    }


def diagnostic_value(diagnostic: Diagnostic, root: str) -> dict[str, Any]:
    """A Diagnostic as docs/check.schema.json describes it; files are relative to the project."""
    where = diagnostic.location
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "provider": diagnostic.provider,
        "location": {"file": relative(where.file, root), "line": where.line} if where is not None else None,
        "cause": diagnostic.cause,
        "alternative": diagnostic.alternative,
    }
