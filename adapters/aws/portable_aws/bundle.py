"""What a bundle needs to run in Lambda: the entry module, this adapter's runtime half by files, the limits of a zip.

The rest of a bundle is the same for all providers: portable/deploy/bundle.py.
"""

from pathlib import Path

from portable.adapter import Project
from portable.deploy.bundle import Target
from portable.deploy.runtime_half import RuntimeHalf, RuntimePackage

FOLDER = "/var/task"
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html: LAMBDA_TASK_ROOT"""
ENTRY_FILE = "portable_entry.py"
MOST_BYTES = 250 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: unzipped, with layers."""
PROVIDED = frozenset(
    {"awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "s3transfer", "simplejson", "six", "urllib3"}
)
"""Modules of the managed runtime: https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html"""
MODULES = (
    "__init__", "adapter", "clients", "dead_queues", "deliveries", "drivers", "dynamodb",
    "dynamodb_conditions", "dynamodb_items", "dynamodb_reads", "dynamodb_tokens", "errors", "gateway_events",
    "gateway_http", "lambda_logs", "layout", "names", "recorder", "runtime", "s3", "s3_uploads", "sns", "sqs",
    "traces", "values",
)  # fmt: skip
"""Modules of this package that run in a function. Not here: translate, templates, roles, the test stack's parts."""
ENTRY = '''"""What Lambda calls: made by portable."""

import gc
from os.path import abspath, dirname

from portable_frozen import install

# Nearly nothing that is made now is garbage: it is not looked for again and again, now or later.
before = gc.get_threshold()
gc.set_threshold(200_000, *before[1:])
try:
    install(dirname(abspath(__file__)))

    from portable_aws.runtime import handler as handler_of

    from {module} import {attribute} as app

    handler = handler_of(app)
finally:
    gc.set_threshold(*before)
    gc.freeze()
'''


def target(python: str, architecture: str) -> Target:
    return Target(python, architecture, FOLDER)


def runtime_half(project: Project) -> RuntimeHalf:
    """What is put beside the app."""
    entry = ENTRY.format(module=project.module, attribute=project.attribute)
    package = RuntimePackage("portable_aws", Path(__file__).parent, MODULES)
    return RuntimeHalf((package,), {ENTRY_FILE: entry.encode()}, PROVIDED)
