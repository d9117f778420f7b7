"""Writes docs/console-api.schema.json from the code: python -m tests.console.publish"""

import json
import tempfile
from pathlib import Path

from .sample import ROOT
from .serving import served


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as console:
        found = console.get("schema").json
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    (ROOT / "docs" / "console-api.schema.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
