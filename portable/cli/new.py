"""`portable new NAME`: an app to start from, the smallest one that shows a table, a task and a test."""

import re
from importlib.resources import files
from pathlib import Path

import click

from portable.app import suggest_name

from .options import Misuse, Occupied, common
from .project import resolved
from .render import Output

NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
FILES = {
    "app.py": "app.py.txt",
    "pyproject.toml": "pyproject.toml.txt",
    "tests/test_app.py": "test_app.py.txt",
    "README.md": "README.md.txt",
    ".gitignore": "gitignore.txt",
    ".vscode/launch.json": "launch.json.txt",
    ".vscode/tasks.json": "tasks.json.txt",
}
"""What is written, and from which template."""


@click.command("new")
@click.argument("name")
@common
def command(output: Output, name: str) -> None:
    """Start an app in the new folder NAME, which may be a path; its last part is the app's name."""
    folder = Path(name)
    title = resolved(name).name
    if NAME.fullmatch(title) is None:
        raise Misuse(
            f"{title!r} is not lower-case letters, digits and hyphens (1-63, a letter first)",
            hint=f"portable new {suggest_name(title)}",
        )
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise Occupied(f"{name} is there and no folder", hint="choose another name")
    if folder.is_dir() and any(folder.iterdir()):
        raise Occupied(f"the folder {name} is not empty", hint="choose another name, or empty it")
    written = write_app(folder, title)
    output.data(
        {"name": title, "folder": str(folder.resolve()), "files": written},
        "\n".join(f"{folder / file}" for file in written),
    )
    output.say(f"\nNow: cd {name} && portable dev")


def write_app(folder: Path, name: str) -> list[str]:
    """Writes the templates into `folder`; returns what was written, relative to it."""
    templates = files("portable.cli").joinpath("template")
    for target, template in FILES.items():
        file = folder / target
        file.parent.mkdir(parents=True, exist_ok=True)
        text = templates.joinpath(template).read_text(encoding="utf-8")
        file.write_text(text.replace("{{name}}", name), encoding="utf-8")
    return list(FILES)
