"""What a zip needs to run on Cloud Run functions: the entry module, this adapter's runtime half by files, requirements.

Google's builder makes an image of the zip with pip, and of Google's own host of functions, functions-framework. So the
app's dependencies are named in requirements.txt, resolved together with that host, in exact versions with the hashes of
their wheels; docs/design/0018 says why. The rest is the same for all providers: portable/deploy/bundle.py.
"""

from pathlib import Path

from portable.adapter import Project
from portable.deploy.bundle import Target
from portable.deploy.runtime_half import RuntimeHalf, RuntimePackage

from .template_functions import ENTRY, ENTRY_FILE

FOLDER = "/workspace"
"""Where the builder unpacks a zip: https://github.com/GoogleCloudPlatform/buildpacks"""
MOST_BYTES = 250 * 1024 * 1024
"""Of a package with its dependencies, on every provider (docs/portability.md); Google itself has no such limit."""
FRAMEWORK = "functions-framework>=3.8,<4"
"""Named, so that the builder adds none of its own choice beside it."""
MODULES = (
    "__init__", "adapter", "arrivals", "change_events", "clients", "cloud_logs", "cloud_tasks", "dead_letters",
    "deliveries", "document_events", "drivers", "endpoints", "errors", "events", "firestore", "firestore_batches",
    "firestore_conditions", "firestore_items", "firestore_keys", "firestore_queries", "firestore_reads",
    "firestore_tokens", "firestore_values", "http_requests", "layout", "names", "pubsub", "recorder", "rest",
    "rest_answers", "runtime", "storage", "storage_signing", "storage_uploads", "tokens", "values",
)  # fmt: skip
"""Modules of this package that run in a function. Not here: translate, templates, roles, what deploys."""
TEXT = '''"""What functions-framework calls: made by portable."""

import gc
from os.path import abspath, dirname

from portable_frozen import install

# Nearly nothing that is made now is garbage: it is not looked for again and again, now or later.
before = gc.get_threshold()
gc.set_threshold(200_000, *before[1:])
try:
    install(dirname(abspath(__file__)))

    from portable_gcp.runtime import handler as handler_of

    from {module} import {attribute} as app

    {entry} = handler_of(app)
finally:
    gc.set_threshold(*before)
    gc.freeze()
'''


def target(python: str, architecture: str) -> Target:
    return Target(python, architecture, FOLDER, True)


def runtime_half(project: Project) -> RuntimeHalf:
    """What is put beside the app."""
    entry = TEXT.format(module=project.module, attribute=project.attribute, entry=ENTRY)
    package = RuntimePackage("portable_gcp", Path(__file__).parent, MODULES)
    return RuntimeHalf((package,), {ENTRY_FILE: entry.encode()}, frozenset(), (FRAMEWORK,))
