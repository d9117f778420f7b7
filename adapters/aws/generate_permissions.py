"""Writes portable_aws/permissions.json anew: what CloudFormation does with the caller's rights, by type of resource.

    python adapters/aws/generate_permissions.py

The source are the handlers in AWS's own resource schemas as cfn-lint carries them, for the types that templates of ours
hold. Users need no cfn-lint: they have the file.
"""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from generate_replacement import REGION, TYPES

TARGET = Path(__file__).with_name("portable_aws") / "permissions.json"


def data() -> dict[str, Any]:
    types: dict[str, list[str]] = {}
    for type_ in TYPES:
        handlers = dict(PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type_).schema).get("handlers", {})
        types[type_] = sorted({action for one in handlers.values() for action in one.get("permissions", ())})
    return {"source": f"AWS's resource schemas, {REGION}, by cfn-lint {version('cfn-lint')}", "types": types}


def main() -> None:
    found = {"as_of": f"{datetime.now(UTC):%Y-%m}", **data()}
    TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
