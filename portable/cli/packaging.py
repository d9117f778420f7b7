"""What the process that imports the app answers to `portable package`: findings, manifest, and what was loaded.

What was loaded is taken after all was planned as a deployed function plans it, and before the checks, which load more.
"""

import ast
import gc
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from portable.app import App
from portable.codec import Codec
from portable.deploy.imports import imports_of
from portable.dispatch import Dispatcher
from portable.errors import DeclarationError
from portable.grants.roots import analyse
from portable.grants.sources import LIBRARY
from portable.idempotency import Once, codec_of
from portable.parameters import Plan
from portable.table_models import ItemModel
from portable.tasks import Task

Before = frozenset[str]


def packaged(app: App, root: str, before: Before) -> Iterator[dict[str, Any]]:
    """What was loaded, and the manifest without grants; then the grants; then the checks.

    Each is told as soon as it is known: a package is put together meanwhile. `before` are the modules that this process
    had before it imported the app, whose parts are known to fit.
    """
    dispatcher = Dispatcher(app)
    found = loaded(root, before, used(dispatcher))
    from portable.manifest import build_manifest

    manifest = build_manifest(app, with_grants=False, is_checked=True)
    yield {"loaded": found, "imports": imported(root, found["files"]), "manifest": manifest.to_dict()}
    # Without what `derive` does to know it the next time: this process ends.
    derived = analyse(app)
    whole = manifest._replace(grants=derived.grants, widenings=derived.widenings)
    yield {"granted": whole.granted()}
    from .checking import checked

    yield {"check": checked(app, whole)}


def imported(root: str, files: Iterable[str]) -> dict[str, Any]:
    """What the files import, by their trees, which the grants were read from."""
    trees: dict[str, ast.Module] = {}
    for name in files:
        file = os.path.join(root, name)
        source = LIBRARY.source(file) if file.endswith(".py") else None
        if source is not None:
            trees[file] = source.tree
    found = imports_of(trees)
    return {"direct": found.direct, "anywhere": sorted(found.anywhere), "later": found.later}


def used(dispatcher: Dispatcher) -> set[str]:
    """Modules that portable loads when they are first needed, of those that this app will need.

    What was planned is found among all objects: it lies in routes, tasks, topics, tables and decorators.
    """
    found: set[str] = set()
    for part in dispatcher.app.parts():
        for handler in part.handlers.values():
            # Some plan what they decode when they are first given something.
            getattr(handler.decode, "annotation", None)
    codecs, tasks = kinds_of(Codec), kinds_of(Task)
    planned = {*codecs, *tasks, ItemModel, Once, Plan}
    # By their exact class: to ask each object of the process for more takes longer than all the rest.
    objects: list[Any] = [one for one in gc.get_objects() if type(one) in planned]
    for one in objects:
        kind = one.__class__
        if kind is Plan:
            is_pydantics = False
            if one.body == "form":
                found.add("python_multipart")
        elif kind in codecs:
            is_pydantics = one._plain is None
        elif kind in tasks:
            is_pydantics = reads_by_pydantic(one)
        elif kind is Once:
            is_pydantics = codec_of(one.function) is not None
        else:
            is_pydantics = one.model is not None
        if is_pydantics:
            found.add("pydantic")
    if any(mount.spec.interface == "wsgi" for _, mount, _ in dispatcher._mounts):
        found.add("a2wsgi")
    return found


def kinds_of(kind: type[Any]) -> set[type[Any]]:
    """A class and all that are made of it."""
    return {kind}.union(*(kinds_of(one) for one in kind.__subclasses__()))


def reads_by_pydantic(task: Task[Any, Any]) -> bool:
    """Whether reading the result of a run takes it. Who reads one is not looked for."""
    try:
        return task._result_codec()._plain is None
    except DeclarationError:
        # Nobody can read one: that is raised where it is tried.
        return False


def loaded(root: str, before: Before, more: set[str]) -> dict[str, list[str]]:
    """Files of the project, by path, and top-level modules that are neither the project's nor Python's."""
    files: set[str] = set()
    modules = set(more)
    inside = os.path.join(os.path.realpath(root), "")
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        file: str | None = getattr(module, "__file__", None)
        if name in before or file is None or top == "portable" or top.startswith("portable_"):
            continue
        real = os.path.realpath(file)
        if real.startswith(inside) and not is_installed(real[len(inside) :]):
            # As it is called in the project, not what a link leads to.
            folder, own = os.path.split(os.path.abspath(file))
            files.add(os.path.relpath(os.path.join(os.path.realpath(folder), own), inside).replace(os.sep, "/"))
        elif top not in sys.stdlib_module_names:
            modules.add(top)
    return {"files": sorted(files), "modules": sorted(modules)}


def is_installed(path: str) -> bool:
    """Whether a file in the project's folder is in an environment that lies there too."""
    return "site-packages" in path.split(os.sep) or "dist-packages" in path.split(os.sep)
