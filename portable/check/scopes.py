"""Code of the app as `check` reads it: pieces of syntax trees, and the live objects that their names stand for.

A name is resolved only where it can be one thing: a module's name as it is once the app is imported, a variable that a
closure holds, an import. What a function assigns or takes as an argument is not known, and so never accused.
"""

import ast
import builtins
import importlib
import sys
from collections.abc import Iterable, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from portable.binding import Handler
from portable.grants.roots import app_modules
from portable.grants.sources import BINDING, DEFINITIONS, LIBRARY, Definition, bound_names, is_app_function, members
from portable.grants.trees import children, walk

if TYPE_CHECKING:
    from portable.app import App

UNRESOLVED = object()
NOT_LOADED = object()
ROOTS = frozenset(
    (
        "asyncio",
        "concurrent.futures",
        "datetime",
        "io",
        "multiprocessing",
        "os",
        "pathlib",
        "shutil",
        "sqlite3",
        "subprocess",
        "threading",
        "time",
    )
)
"""Modules of the standard library that rules know; a function may import them itself."""
MOST_FUNCTIONS = 5_000
NAMING = (
    *(ast.Name, ast.arg, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Global, ast.Nonlocal),
    *BINDING,
)
"""Nodes that say something about names."""
INNER = (*DEFINITIONS, ast.ClassDef)
"""What has names, and code, of its own."""
BRANCHING = (*INNER, ast.If)
"""What may hold nodes that are not run, or not here."""


class Piece:
    """Some statements, and what names in them stand for. `node` is None for those of a module itself."""

    def __init__(self, file: str, node: ast.AST, names: Mapping[str, Any], closure: Mapping[str, Any]) -> None:
        self.file = file
        self.node = node
        self.names = names
        self.closure = closure
        self.is_function: bool = isinstance(node, DEFINITIONS)
        self.own: set[str] = set()
        self.global_names: set[str] = set()
        self.shared_names: set[str] = set()
        """Names that the function says are not its own: `global` and `nonlocal`."""
        self.imported_from: dict[str, str] = {}
        """What the function imports itself: the whole name of each, also of what is not installed here."""
        self._imports: dict[str, Any] = {}
        self._own_nodes: list[ast.AST] | None = None
        self._has_inner = False
        if self.is_function:
            self._bind()

    def _bind(self) -> None:
        """All names that the function or one inside it binds: which of the two is not told apart."""
        often: dict[str, int] = {}
        every = walk(self.node)
        if not any(isinstance(part, BRANCHING) for part in every[1:]):
            # Most functions: what runs when they are called is all that is in them.
            self._own_nodes = every[1:]
        for part in every:
            if not isinstance(part, NAMING):
                continue
            bound = bound_names(part)
            if isinstance(part, ast.arg):
                bound = [part.arg]
            elif isinstance(part, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and part is not self.node:
                bound = [part.name]
            elif isinstance(part, ast.Global):
                self.global_names.update(part.names)
                self.shared_names.update(part.names)
            elif isinstance(part, ast.Nonlocal):
                self.shared_names.update(part.names)
            for name in bound:
                often[name] = often.get(name, 0) + 1
            if isinstance(part, ast.Import | ast.ImportFrom):
                self._imports.update(imported(part))
                self.imported_from.update(imported_names(part))
        self.own = set(often) - self.global_names
        self._imports = {name: value for name, value in self._imports.items() if often.get(name) == 1}
        self.imported_from = {name: whole for name, whole in self.imported_from.items() if often.get(name) == 1}

    def resolve(self, node: ast.AST) -> Any:
        """What an expression stands for, or UNRESOLVED. Follows names and attributes, never calls anything."""
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.resolve(node.value)
            return UNRESOLVED if owner is UNRESOLVED else members(owner).get(node.attr, UNRESOLVED)
        return UNRESOLVED

    def _named(self, name: str) -> Any:
        if name in self._imports:
            return self._imports[name]
        if name in self.own:
            return UNRESOLVED
        for names in (self.closure, self.names, vars(builtins)):
            if name in names:
                return names[name]
        return UNRESOLVED

    def literal(self, node: ast.AST | None) -> Any:
        """The number or text that an expression always is (`60 * 60`, `timedelta(days=2)`, `LIMIT`), or UNRESOLVED."""
        if isinstance(node, ast.Constant):
            return plain(node.value)
        if isinstance(node, ast.BinOp):
            return _computed(node.op, self.literal(node.left), self.literal(node.right))
        if isinstance(node, ast.Call):
            return self._timedelta(node)
        return plain(self.resolve(node)) if node is not None else UNRESOLVED

    def _timedelta(self, node: ast.Call) -> Any:
        kind = self.resolve(node.func)
        if getattr(kind, "__module__", None) != "datetime" or getattr(kind, "__name__", None) != "timedelta":
            return UNRESOLVED
        positional = [self.literal(value) for value in node.args]
        named = {keyword.arg or "**": self.literal(keyword.value) for keyword in node.keywords}
        if not all(type(value) in (int, float) for value in (*positional, *named.values())):
            return UNRESOLVED
        try:
            return kind(*positional, **named).total_seconds()
        except (TypeError, OverflowError):
            return UNRESOLVED

    def nodes(self) -> list[ast.AST]:
        """Everything in it; a module's functions and classes are pieces of their own."""
        own = self.own_nodes()
        # Most functions have none inside.
        return _walk(self.node, into_functions=True) if self.is_function and self._has_inner else own

    def own_nodes(self) -> list[ast.AST]:
        """What runs when the function is called: not what is inside functions that it defines. Each rule asks."""
        if self._own_nodes is None:
            self._own_nodes = _walk(self.node, into_functions=False)
            self._has_inner = any(isinstance(node, INNER) for node in self._own_nodes)
        return self._own_nodes


class Reached(NamedTuple):
    """A function that a handler runs. `handlers` are (qualified name, Handler) of all that reach it."""

    piece: Piece
    handlers: list[tuple[str, Handler]]
    is_handler: bool


def plain(value: Any) -> Any:
    """A number or a text; UNRESOLVED for anything else, as for None and booleans."""
    return value if type(value) in (int, float, str) else UNRESOLVED


def _computed(operator: ast.operator, left: Any, right: Any) -> Any:
    if type(left) not in (int, float) or type(right) not in (int, float):
        return UNRESOLVED
    if isinstance(operator, ast.Mult):
        return left * right
    if isinstance(operator, ast.Add):
        return left + right
    return left - right if isinstance(operator, ast.Sub) else UNRESOLVED


def imported(node: ast.Import | ast.ImportFrom) -> dict[str, Any]:
    """What an import inside a function gives, as far as it is loaded or known to the rules."""
    found: dict[str, Any] = {}
    if isinstance(node, ast.Import):
        for alias in node.names:
            module = _module(alias.name if alias.asname else alias.name.partition(".")[0])
            if module is not None:
                found[alias.asname or alias.name.partition(".")[0]] = module
    elif node.module is not None and node.level == 0:
        module = _module(node.module)
        for alias in node.names:
            if module is not None and alias.name in vars(module):
                found[alias.asname or alias.name] = vars(module)[alias.name]
    return found


def imported_names(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """The whole names of what an import binds; nothing is looked for."""
    if isinstance(node, ast.Import):
        return {
            alias.asname or alias.name.partition(".")[0]: alias.name if alias.asname else alias.name.partition(".")[0]
            for alias in node.names
        }
    if node.module is None or node.level:
        return {}
    return {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}


def loaded(module: str, name: str) -> Any:
    """Something of a module by its name, if the module is loaded; else what no expression stands for.

    For what only code can name that has imported it: asyncio and sqlite3 take longer to import than most apps.
    """
    return getattr(sys.modules.get(module), name, None) or NOT_LOADED


def _module(name: str) -> ModuleType | None:
    return importlib.import_module(name) if name in ROOTS else sys.modules.get(name)


def _walk(root: ast.AST, *, into_functions: bool) -> list[ast.AST]:
    found: list[ast.AST] = []
    stack = children(root)
    while stack:
        node = stack.pop()
        if type(node) is ast.If and _is_for_scripts(node):
            continue
        found.append(node)
        if into_functions or not isinstance(node, INNER):
            stack += children(node)
    return found


def _is_for_scripts(node: ast.If) -> bool:
    """`if __name__ == "__main__":`, which no import runs."""
    return any(isinstance(part, ast.Name) and part.id == "__name__" for part in walk(node.test))


def module_pieces(app: "App") -> list[Piece]:
    """All code of the app's modules: each module's own statements, each outermost function, each method."""
    found: list[Piece] = []
    for _, module in sorted(app_modules(app).items()):
        file = getattr(module, "__file__", None)
        source = LIBRARY.source(file) if isinstance(file, str) else None
        if source is None:
            continue
        names = vars(module)
        stack: list[ast.AST] = [source.tree]
        while stack:
            node = stack.pop()
            found.append(Piece(source.file, node, names, {}))
            if not isinstance(node, DEFINITIONS):
                stack.extend(child for child in found[-1].own_nodes() if isinstance(child, INNER))
    return found


def reached_functions(app: "App", modules: Iterable[Piece] = ()) -> list[Reached]:
    """The handlers, and the functions of the app that they call by name, and so on.

    A function that is among the pieces of its module is that same piece: what is known of it is not worked out again.
    """
    there = {id(piece.node): piece for piece in modules}
    found: dict[FunctionType, Reached] = {}
    for name, handler in app.all_handlers().items():
        stack = [(function, True) for function in [live_function(handler.function)] if function is not None]
        seen: set[FunctionType] = set()
        while stack and len(seen) < MOST_FUNCTIONS:
            function, is_handler = stack.pop()
            if function in seen:
                continue
            seen.add(function)
            reached = found.get(function)
            if reached is None:
                piece = function_piece(function, there)
                if piece is None:
                    continue
                reached = found[function] = Reached(piece, [], is_handler)
            reached.handlers.append((name, handler))
            for node in reached.piece.own_nodes():
                if isinstance(node, ast.Call):
                    called = live_function(reached.piece.resolve(node.func))
                    if called is not None:
                        stack.append((called, False))
    return list(found.values())


def live_function(value: object) -> FunctionType | None:
    """The app's function that a value is, under decorators that say what they wrap."""
    found: Any = value.__func__ if isinstance(value, MethodType) else value
    for _ in range(32):
        inner = members(found).get("__wrapped__")
        if inner is None:
            break
        found = inner
    return found if is_app_function(found) else None


def function_piece(function: FunctionType, there: Mapping[int, Piece]) -> Piece | None:
    """None for one whose source is not there, or could be one of several. `there`: pieces by the id of their node."""
    definitions: list[Definition] = LIBRARY.definitions(function)
    if len(definitions) != 1:
        return None
    closure: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            closure[name] = cell.cell_contents
        except ValueError:
            # A variable that has no value yet.
            continue
    known = there.get(id(definitions[0]))
    file = function.__code__.co_filename
    if known is not None and not closure and known.names is function.__globals__ and known.file == file:
        return known
    return Piece(file, definitions[0], function.__globals__, closure)
