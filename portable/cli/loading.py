"""What is done in the process that imports the user's app for a command: `python -P -m portable.cli.loading REQUEST`.

It writes lines of JSON to its stdout: the manifest, or what is wrong. While the app is imported, descriptor 1 is
stderr, so that nothing the app prints (also from C) gets into the document.
"""

import gc
import importlib
import json
import os
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from portable.errors import DeclarationError, LoadError, Location, NotBound, PortableError, text_of

from .project import ATTRIBUTE, Fault, portable_error_fault

Answer = dict[str, Any]
OURS = ("portable", "importlib", "runpy")
NEEDED_LATER = (threading,)
"""By the look at the code: an app may have taken from Python what it takes to import it."""


def load(
    root: str, module: str, attribute: str, wanted: str = "manifest", tell: Callable[[Answer], None] | None = None
) -> Answer:
    """`{"manifest": ...}` or `{"faults": [...], "trace": ...}`; never raises for a fault of the app.

    With `wanted` "openapi" it is `{"openapi": ...}`; with "wiring" the manifest is without grants, which take a look at
    all of the code; with "package" there are the parts of what a bundle needs to know, which `tell` gets.
    """
    before = frozenset(sys.modules)
    sys.path.insert(0, root)
    file = os.path.join(root, *module.split("."))
    location = Location(os.path.join(file, "__init__.py") if os.path.isdir(file) else f"{file}.py", 1)
    try:
        imported = import_app(module)
        return describe(imported, attribute, wanted, root, before, tell)
    except NotBound as error:
        hint = "resources work inside handlers; at import there is no app running yet"
        where = user_location(error) or location
        return failed([Fault(error.code, error.message, hint, where)], user_trace(error))
    except PortableError as error:
        own = isinstance(error, DeclarationError | LoadError)
        fault = portable_error_fault(error)
        return failed(
            [fault._replace(location=error.location or user_location(error))], None if own else user_trace(error)
        )
    except SyntaxError as error:
        found = Location(error.filename or location.file, error.lineno or 1)
        return failed([Fault("P2002", f"not Python: {error.msg}", None, found)], user_trace(error))
    except ModuleNotFoundError as error:
        return failed([_missing(error, root, module, location)], user_trace(error))
    except SystemExit as error:
        fault = Fault(
            "P2002",
            f"importing {module} ends the program (SystemExit: {error.code})",
            "put what ends it under `if __name__ == '__main__':`",
            user_location(error) or location,
        )
        return failed([fault], user_trace(error))
    except BaseException as error:
        # Also what is no Exception: it is the app's, and told like any other.
        relative = isinstance(error, ImportError) and "no known parent package" in str(error)
        fault = Fault(
            "P2002",
            f"importing {module} fails: {type(error).__name__}: {text_of(error)}",
            f"{module}.py is in no package: import its neighbours by name, or make the folder a package (__init__.py) "
            "and give its file"
            if relative
            else None,
            user_location(error) or location,
        )
        return failed([fault], user_trace(error))


def _missing(error: ModuleNotFoundError, root: str, module: str, location: Location) -> Fault:
    name = error.name or ""
    if name == module or module.startswith(f"{name}."):
        message = f"there is no module {module!r} in {root}"
        return Fault("P2002", message, 'look at [tool.portable] app = "module:name" in pyproject.toml', None)
    where = user_location(error) or location
    message = f"{module} imports {name!r}, which is not installed for {sys.executable}"
    return Fault("P2002", message, f"install it into that Python: uv pip install {name.partition('.')[0]}", where)


def import_app(module: str) -> ModuleType:
    """Imports the app's module. One that takes folders out of sys.path takes them from itself, not from us."""
    search = list(sys.path)
    try:
        return importlib.import_module(module)
    finally:
        sys.path.extend(folder for folder in search if folder not in sys.path)


def describe(
    module: ModuleType,
    attribute: str,
    wanted: str = "manifest",
    root: str = "",
    before: frozenset[str] = frozenset(),
    tell: Callable[[Answer], None] | None = None,
) -> Answer:
    """The manifest (or what is wanted) of the App that the module holds, or all that is wrong with it.

    Raises LoadError.
    """
    from portable.app import App, Service
    from portable.manifest import build_manifest, declaration_errors

    file = module.__file__ or module.__name__
    names = [name for name, value in vars(module).items() if isinstance(value, App)]
    found: object = getattr(module, attribute, None)
    setting = f'[tool.portable] app = "{module.__name__}:{{name}}" in pyproject.toml'
    if isinstance(found, App):
        if wanted == "check":
            from .checking import checked

            return {wanted: checked(found)}
        errors = declaration_errors(found)
        if errors:
            return failed([portable_error_fault(error) for error in errors], None)
        if wanted == "package":
            from .packaging import packaged

            for part in packaged(found, root, before):
                if tell is not None:
                    tell({wanted: part})
            return {wanted: {}}
        if wanted == "openapi":
            return {wanted: found.openapi()}
        return {"manifest": build_manifest(found, with_grants=wanted != "wiring").to_dict()}
    if found is not None:
        kind = "a Service, which is only a part of one" if isinstance(found, Service) else f"a {type(found).__name__}"
        raise LoadError(
            f"{attribute!r} in {module.__name__} is no App but {kind}",
            hint=setting.format(name=names[0]) if names else f'{ATTRIBUTE} = App("name")',
            location=Location(file, 1),
        )
    import difflib

    near = difflib.get_close_matches(attribute, names, 1) or names
    several = f"; it has the Apps {', '.join(names)}" if len(names) > 1 else ""
    raise LoadError(
        f"{module.__name__} has no {attribute!r}{several}",
        hint=f"name it {attribute}, or say so: {setting.format(name=near[0])}"
        if near
        else 'from portable import App; app = App("name")',
        location=Location(file, 1),
    )


def failed(faults: list[Fault], trace: str | None) -> Answer:
    listed = [
        {
            "code": fault.code,
            "message": fault.message,
            "hint": fault.hint,
            "location": fault.location._asdict() if fault.location else None,
        }
        for fault in faults
    ]
    return {"faults": listed, "trace": trace}


def is_ours(name: str) -> bool:
    package = name.partition(".")[0]
    return package in OURS or package.startswith("portable_") or name.startswith("_frozen_importlib")


def user_location(error: BaseException) -> Location | None:
    """The innermost line of the user's own code (not of a library) that an exception went through."""
    best: Location | None = None
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        name = str(trace.tb_frame.f_globals.get("__name__", ""))
        installed = "site-packages" in file or file.startswith((sys.base_prefix, "<"))
        if not is_ours(name) and name != "__main__" and (not installed or best is None):
            best = Location(file, trace.tb_lineno)
        trace = trace.tb_next
    return best


def user_trace(error: BaseException, hidden: tuple[str, ...] = ()) -> str:
    """The traceback as Python prints it, without the frames of portable, the import system and `hidden` folders."""
    import traceback

    own = (*own_folders(), *hidden)
    shown = traceback.TracebackException.from_exception(error)
    inside: traceback.TracebackException | None = shown
    while inside is not None:
        inside.stack = traceback.StackSummary.from_list(
            [frame for frame in inside.stack if not _hidden(frame.filename, own)]
        )
        inside = inside.__cause__ or (None if inside.__suppress_context__ else inside.__context__)
    return "".join(shown.format())


def own_folders() -> tuple[str, ...]:
    """Where portable and the loaded adapters lie."""
    packages = [name for name in list(sys.modules) if name == "portable" or name.startswith("portable_")]
    places = [folder for name in packages for folder in getattr(sys.modules[name], "__path__", ())]
    return tuple(os.path.abspath(folder) + os.sep for folder in places)


def _hidden(file: str, own: tuple[str, ...]) -> bool:
    return file.startswith(("<frozen importlib", "<frozen runpy", *own)) or (
        f"{os.sep}importlib{os.sep}__init__" in file
    )


def main() -> None:
    request = json.loads(sys.argv[1])
    sys.argv = [request["module"]]
    answer(request, os.dup(1))


def answer(request: dict[str, str], target: int) -> NoReturn:
    """Writes what is wanted to the descriptor `target`, and ends the process."""
    os.dup2(2, 1)
    # It ends in a moment: to look for garbage among the trees of the app's code would be a tenth of its work.
    gc.disable()
    # What was here before the app is none of its: whoever looks through all objects need not see it.
    gc.freeze()

    def tell(value: Answer) -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (ValueError, AttributeError, OSError):
                # The app has closed or replaced it.
                continue
        with open(target, "wb", closefd=False) as document:
            document.write(json.dumps(value).encode() + b"\n")

    tell(load(request["root"], request["module"], request["attribute"], request["wanted"], tell))
    # Threads and exit handlers of the app must not hold the command up.
    os._exit(0)


if __name__ == "__main__":
    main()
