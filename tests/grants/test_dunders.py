"""Special methods: of each a class of its own, and what calls it without naming it. Nothing of it is missed."""

import importlib
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from portable.grants import Derived, derive
from portable.testing import running
from portable.testing.grants import observed

HEAD = """
import collections, contextlib, copy, dataclasses, functools, heapq, io, itertools, math, operator, os, pathlib
import string, sys

from portable import App

app = App("dunders")
t = app.table("t")


def look(value=1):
    t.get("1")
    return value
"""
BODIES: dict[str, tuple[str, str]] = {
    "__round__": ("look()", "round(X())"),
    "__abs__": ("look()", "abs(X())"),
    "__floor__": ("look()", ""),
    "__divmod__": ("look()", "divmod(X(), 1)"),
    "__rdivmod__": ("look()", "divmod(1, X())"),
    "__pow__": ("look()", "pow(X(), 2)"),
    "__int__": ("look()", "int(X())"),
    "__float__": ("look(1.0)", "float(X())"),
    "__complex__": ("look(1j)", "complex(X())"),
    "__bytes__": ("look(b'')", "bytes(X())"),
    "__format__": ("look('')", "format(X(), '') | f'{X()}' | '{}'.format(X())"),
    "__str__": ("look('')", "str(X()) | print(X(), file=io.StringIO()) | '%s' % X() | ','.join(map(str, [X()]))"),
    "__repr__": ("look('')", "repr([X()]) | f'{X()!r}' | ascii(X()) | str(X()) | repr(Plain(X()))"),
    "__hash__": (
        "look()",
        (
            "hash(X()) | {X(): 1} | {X()} | set([X()]) | frozenset([X()]) | {}.get(X()) | hash((X(),)) | cached(X())"
            " | collections.Counter([X()]) | dict([(X(), 1)]) | hash(Frozen(X()))"
        ),
    ),
    "__eq__": (
        "look()",
        (
            "X() == 1 | X() != 1 | [X()] == [X()] | [1].count(X()) | [X()].index(1) | 1 in [X()] | operator.eq(X(), 1)"
            " | {1: X()} == {1: X()} | Plain(X()) == Plain(X()) | same_case(X())"
        ),
    ),
    "__lt__": (
        "look()",
        (
            "X() < 1 | sorted([X(), X()]) | max([X(), X()]) | [X(), X()].sort() | heapq.heapify([X(), X()])"
            " | sorted([(X(), 1), (X(), 2)]) | [X()] < [X()]"
        ),
    ),
    "__le__": ("look()", "X() <= 1 | operator.le(X(), 1)"),
    "__bool__": (
        "bool(look())",
        (
            "bool(X()) | not X() | X() and 1 | X() or 1 | (1 if X() else 2) | [1 for _ in [1] if X()] | any([X()])"
            " | all([X()]) | list(filter(None, [X()]))"
        ),
    ),
    "__len__": ("look()", "len(X()) | bool(X()) | not X()"),
    "__iter__": (
        "iter([look()])",
        (
            "list(X()) | tuple(X()) | [*X()] | [_ for _ in X()] | (lambda *_: 1)(*X()) | sum(X()) | 1 in X()"
            " | enumerate(X())"
            " | dict(zip(X(), X())) | sorted(X()) | ','.join(map(str, X())) | list(itertools.chain(X())) | max(X())"
            " | collections.deque(X()) | unpacked(X()) | looped(X())"
        ),
    ),
    "__next__": ("look()", "next(X())"),
    "__reversed__": ("iter([look()])", "list(reversed(X()))"),
    "__contains__": ("bool(look())", "1 in X() | 1 not in X() | operator.contains(X(), 1)"),
    "__getitem__": ("look()", "X()[1] | X()[1:2] | operator.getitem(X(), 1) | operator.itemgetter(1)(X())"),
    "__index__": ("look()", "[1, 2][X()] | [1, 2][X():] | range(X()) | hex(X()) | bin(X()) | [1] * X() | chr(X())"),
    "__call__": ("look()", "X()() | list(map(X(), [1])) | sorted([1], key=X()) | functools.partial(X())(1)"),
    "__add__": ("look()", "X() + 1 | sum([1], X()) | operator.add(X(), 1) | functools.reduce(operator.add, [X(), 1])"),
    "__radd__": ("look()", "1 + X() | sum([X()])"),
    "__iadd__": ("look()", "added(X())"),
    "__neg__": ("look()", "-X() | operator.neg(X())"),
    "__invert__": ("look()", "~X()"),
    "__matmul__": ("look()", "X() @ 1"),
    "__enter__": ("look()", "entered(X())"),
    "__exit__": ("look()", "entered(X()) | stacked(X())"),
    "__copy__": ("look()", "copy.copy(X())"),
    "__deepcopy__": ("look()", "copy.deepcopy([X()])"),
    "__dir__": ("[str(look())]", "dir(X())"),
    "__instancecheck__": ("bool(look())", "isinstance(1, X())"),
    "__getattr__": ("look()", "X().any | getattr(X(), 'any') | hasattr(X(), 'any') | operator.attrgetter('any')(X())"),
    "__setattr__": ("look()", "assigned(X()) | setattr(X(), 'any', 1)"),
    "__delattr__": ("look()", "deleted(X()) | delattr(X(), 'any')"),
    "__set_name__": ("look()", "named(X)"),
    "__init__": ("look() and None", "X() | [X for _ in [1]][0]() | type(X())()"),
    "__new__": ("look(object.__new__(*given))", "X()"),
    "__del__": ("look()", "forgotten(X())"),
    "__class_getitem__": ("look()", "X[1]"),
    "__init_subclass__": ("look()", "below(X)"),
    "__getattribute__": ("look()", "X().any"),
}
WIDENED: dict[str, tuple[str, str]] = {
    "__floor__": ("look()", "math.floor(X())"),
    "__ceil__": ("look()", "math.ceil(X())"),
    "__fspath__": ("look('/')", "os.fspath(X()) | pathlib.Path(X())"),
    "__str__": ("look('')", "string.Template('$a').substitute(a=X())"),
    "__init_subclass__": ("look()", "type('Y', (X,), {})"),
    "__sizeof__": ("look()", "sys.getsizeof(X())"),
}
TAIL = """
@dataclasses.dataclass
class Plain:
    inner: object


@dataclasses.dataclass(frozen=True)
class Frozen:
    inner: object


@functools.lru_cache(None)
def cached(x):
    return 1


def same_case(x):
    match x:
        case 5:
            return 1


def unpacked(x):
    (a,) = x


def looped(x):
    for _ in x:
        return 1


def added(x):
    x += 1


def entered(x):
    with x:
        pass


def stacked(x):
    with contextlib.ExitStack() as stack:
        stack.push(x)


def assigned(x):
    x.any = 1


def deleted(x):
    del x.any


def named(kind):
    class Made:
        any = kind()


def forgotten(x):
    del x


def below(kind):
    class Below(kind):
        pass
"""


class Case(NamedTuple):
    handler: str
    method: str
    expression: str
    exactly: bool


def cases() -> list[tuple[Case, str]]:
    """Each expression, with the body of its special method."""
    found: list[tuple[Case, str]] = []
    for exactly, table in ((True, BODIES), (False, WIDENED)):
        for method, (body, expressions) in table.items():
            for number, expression in enumerate(filter(None, expressions.split(" | "))):
                name = f"{'exact' if exactly else 'widened'}{method}{number}"
                found.append((Case(name, method, expression, exactly), body))
    return found


CASES = [case for case, _ in cases()]
OTHERS = {
    "__enter__": "def __exit__(self, *given): pass",
    "__exit__": "def __enter__(self): pass",
    "__eq__": "__hash__ = object.__hash__",
    "__next__": "def __iter__(self): return self",
    "__reversed__": "def __len__(self): return 1",
}


def text() -> str:
    parts = [HEAD]
    for case, body in cases():
        name = f"X{case.handler}"
        other = OTHERS.get(case.method, "pass")
        parts.append(f"class {name}:\n    def {case.method}(*given): return {body}\n    {other}\n")
        expression = case.expression.replace("X()", f"{name}()").replace("X[", f"{name}[").replace("(X)", f"({name})")
        expression = expression.replace("(X,)", f"({name},)").replace("[X for", f"[{name} for")
        parts.append(f'@app.post("/{case.handler}")\ndef {case.handler}():\n    {expression}\n')
    return "\n\n".join([*parts, TAIL])


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("dunders")
    (folder / "dunders_app.py").write_text(text(), encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("dunders_app").app
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("dunders_app", None)


@pytest.fixture(scope="module")
def derived(app: Any) -> Derived:
    return derive(app)


@pytest.fixture(scope="module")
def used(app: Any) -> set[str]:
    """The handlers that came to their special method."""
    with observed() as seen, running(app) as started:
        for case in CASES:
            # Some of what the methods give is not what Python wants of them: then the answer is 500, after the use.
            started.request("POST", f"/{case.handler}")
    return {handler for handler, _, _ in seen.uses | seen.refused}


@pytest.mark.parametrize("case", CASES, ids=[f"{case.handler}" for case in CASES])
def test_a_special_method_is_granted_what_it_uses(derived: Derived, used: set[str], case: Case) -> None:
    assert case.handler in used, f"{case.expression} does not call {case.method}"
    hows = {grant.verb: grant.how for grant in derived.grants if grant.handler == case.handler}
    assert hows == {"get": "exact" if case.exactly else "widened"}, case.expression
    assert bool([found for found in derived.widenings if found.handler == case.handler]) != case.exactly
