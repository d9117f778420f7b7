"""Which app a command is about, and what it declares.

The app is imported in a process of its own: what it prints at import cannot get into a command's data, and what it does
to the interpreter stays there.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from portable.adapter import Project
from portable.errors import ConfigurationError, LoadError, Location, PortableError
from portable.project_file import PROJECT_FILE

FILES = ("app.py", "main.py")
ATTRIBUTE = "app"
DATA_FOLDER = ".portable"
LOADING_SECONDS = 120
SETTINGS = frozenset({"app", "aws", "exclude", "include"})
"""Of [tool.portable]: which app, which files belong to a package whatever else is said, and tables for adapters."""


class AppFailure(LoadError):
    """The app cannot be loaded or is declared wrongly: all that is wrong, and the user's own traceback."""

    def __init__(self, faults: "list[Fault]", trace: str | None) -> None:
        first = faults[0]
        super().__init__(first.message, hint=first.hint, location=first.location)
        self.faults = faults
        self.trace = trace


class Fault(NamedTuple):
    """One thing wrong with an app, as the loading process found it."""

    code: str
    message: str
    hint: str | None
    location: Location | None

    @classmethod
    def of(cls, value: dict[str, Any]) -> "Fault":
        """A fault as the process that imports the app writes it."""
        where = value["location"]
        location = Location(where["file"], where["line"]) if where else None
        return cls(value["code"], value["message"], value["hint"], location)


def find_project(path: str | None = None) -> Project:
    """The app at `path`, a folder or a Python file (default: the current folder); nothing is imported.

    In a folder `[tool.portable] app = "module:app"` of its pyproject.toml says which; else app.py or main.py has `app`.
    Raises LoadError or ConfigurationError.
    """
    place = resolved(path or ".")
    if place.is_file():
        return _of_file(place, path or str(place))
    if not place.is_dir():
        raise LoadError(f"there is no file or folder {path}", hint="give the app's folder, or its Python file")
    configured = _configured(place)
    if configured is not None:
        return configured
    found = [place / name for name in FILES if (place / name).is_file()]
    declaring = [file for file in found if declares(file, ATTRIBUTE)] if len(found) > 1 else found
    if len(declaring) > 1:
        raise LoadError(
            f"{place}: both {' and '.join(file.name for file in declaring)} have an {ATTRIBUTE!r}",
            hint=f'say which in {PROJECT_FILE}: [tool.portable] app = "{declaring[0].stem}:{ATTRIBUTE}"',
        )
    if not found:
        raise LoadError(
            f"{place}: no {' or '.join(FILES)} here",
            hint=f"`portable new NAME` starts an app; or name yours in {PROJECT_FILE}: "
            '[tool.portable] app = "module:app"',
        )
    return Project(place, (declaring or found)[0].stem, ATTRIBUTE)


def resolved(path: str) -> Path:
    """The absolute path without links. Raises ConfigurationError for links that lead nowhere but to themselves."""
    try:
        return Path(path).resolve()
    except RuntimeError as error:
        raise ConfigurationError(f"{path}: its links lead in a circle", hint="give another path") from error


def _of_file(file: Path, shown: str) -> Project:
    if file.name == PROJECT_FILE:
        configured = _configured(file.parent)
        if configured is None:
            raise ConfigurationError(
                f"{shown} has no app under [tool.portable]", hint='[tool.portable]\napp = "app:app"'
            )
        return configured
    if file.suffix != ".py":
        raise LoadError(f"{shown} is not a Python file", hint="give the app's folder, or its Python file")
    names = [file.stem] if file.stem != "__init__" else []
    folder = file.parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    for name in names:
        if not name.isidentifier():
            raise LoadError(f"{shown}: {name!r} cannot be imported", hint="use letters, digits and _ in file names")
    return Project(folder, ".".join(names), ATTRIBUTE)


def _configured(folder: Path) -> Project | None:
    """What pyproject.toml says; None if there is none or it says nothing."""
    file = folder / PROJECT_FILE
    if not file.is_file():
        return None
    settings = project_settings(file)
    if "app" not in settings:
        return None
    entry: object = settings["app"]
    module, colon, attribute = entry.partition(":") if isinstance(entry, str) else ("", "", "")
    if not colon or not all(name.isidentifier() for name in (*module.split("."), attribute)):
        raise ConfigurationError(
            f"{PROJECT_FILE}: [tool.portable] app = {entry!r} is not of the form module:name",
            hint='for instance app = "app:app"',
            location=Location(str(file), line_of(file, "app")),
        )
    return Project(folder, module, attribute)


def project_settings(file: Path) -> dict[str, Any]:
    """The table [tool.portable] of a pyproject.toml. Raises ConfigurationError."""
    import tomllib

    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        text = str(error)
        number = text.partition("(at line ")[2].partition(",")[0]
        raise ConfigurationError(
            f"{PROJECT_FILE} is not TOML: {text}",
            location=Location(str(file), int(number) if number.isdigit() else 1),
        ) from error
    tool: object = data.get("tool", {})
    settings: object = cast("dict[str, Any]", tool).get("portable", {}) if isinstance(tool, dict) else {}
    if not isinstance(settings, dict):
        raise ConfigurationError(
            f"{PROJECT_FILE}: tool.portable is not a table", hint='[tool.portable]\napp = "app:app"'
        )
    known = cast("dict[str, Any]", settings)
    unknown = sorted(set(known) - SETTINGS)
    if unknown:
        raise ConfigurationError(
            f"{PROJECT_FILE}: [tool.portable] has no setting {unknown[0]!r}",
            hint='there are: app = "module:name", include = ["file"], exclude = ["folder"]; [tool.portable.aws]',
            location=Location(str(file), line_of(file, unknown[0])),
        )
    return known


def line_of(file: Path, key: str) -> int:
    """The line on which `key` is set below [tool.portable], or 1."""
    inside = False
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped.startswith("[tool.portable]")
        elif inside and stripped.partition("=")[0].strip() == key:
            return number
    return 1


def declares(file: Path, name: str) -> bool:
    """Whether `name` is bound at the top level of a source file; a file that does not parse may be the one meant."""
    import ast
    import tokenize

    try:
        with tokenize.open(file) as source:
            tree = ast.parse(source.read())
    except (SyntaxError, ValueError, OSError):
        return True
    for node in tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Import | ast.ImportFrom) and any(
            (alias.asname or alias.name) == name for alias in node.names
        ):
            return True
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return True
    return False


def project_file(project: Project) -> Path:
    """The Python file that `project` names, as far as that can be told without importing it."""
    base = project.root.joinpath(*project.module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def place_of(project: Project) -> Location:
    """Where a fault of an app is that cannot be told better."""
    return Location(str(project_file(project)), 1)


def data_folder(project: Project, chosen: str | None) -> Path:
    """Where the local runtime keeps the app's data. Raises ConfigurationError for a file in its place."""
    folder = resolved(chosen) if chosen is not None else project.root / DATA_FOLDER
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file, not a folder", hint="give another folder with --data")
    return folder


def load_manifest(project: Project) -> dict[str, Any]:
    """The app's manifest as JSON values. Raises AppFailure with everything that is wrong."""
    return load_described(project, "manifest")


def load_described(project: Project, wanted: Literal["manifest", "openapi", "check", "package"]) -> dict[str, Any]:
    """What the app declares, as JSON values, made by a process of its own. Raises AppFailure with all that is wrong.

    What the app writes while it is imported goes to stderr.
    """
    from .importing import Importing

    with Importing(project, wanted) as process:
        answer: dict[str, Any] = process.answer()[wanted]
        if wanted != "package":
            return answer
        # What takes long is told apart.
        granted, checked = process.answer()[wanted], process.answer()[wanted]
        return {**answer, "manifest": {**answer["manifest"], **granted["granted"]}, **checked}


def portable_error_fault(error: PortableError) -> Fault:
    return Fault(error.code, error.message, error.hint, error.location)
