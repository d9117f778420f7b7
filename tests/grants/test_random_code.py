"""Programs made at random: whichever way a resource takes to its call, what is used was derived, and exactly so."""

import importlib
import random
import sys
from pathlib import Path

import pytest

from portable.grants import derive
from portable.testing import running
from portable.testing.grants import observed

HANDLERS = 60
DEEPEST = 4
WAYS = (
    "(lambda x: x)({})",
    "(lambda *a, **k: k['t'])(t={})",
    "(lambda x, *rest: rest[0])(None, {})",
    "(lambda x={}: x)()",
    "[{}, None][0]",
    "({}, None)[0]",
    "{{'k': {}}}['k']",
    "{{'k': {}}}.get('k')",
    "next(iter([{}]))",
    "next(x for x in [{}])",
    "functools.partial(same, {})()",
    "functools.partial(same)({})",
    "Holder({}).table",
    "Holder({}).give()",
    "Holder({}).given",
    "Holder.of({}).table",
    "Child({}).table",
    "vars(Holder({}))['table']",
    "getattr(Holder({}), 'table')",
    "types.SimpleNamespace(v={}).v",
    "list(map(same, [{}]))[0]",
    "list(filter(None, [{}]))[0]",
    "[x for x in ({},)][0]",
    "{{k: v for k, v in [('a', {})]}}['a']",
    "copy.copy([{}])[0]",
    "dict(zip(['a'], [{}]))['a']",
    "dict([('a', {})])['a']",
    "max([(0, {})], key=lambda p: p[0])[1]",
    "sorted([{}], key=id)[0]",
    "list(reversed([None, {}]))[0]",
    "operator.itemgetter(1)([None, {}])",
    "operator.attrgetter('table')(Holder({}))",
    "list(generated({}))[0]",
    "functools.reduce(lambda a, b: b, [None, {}])",
    "functools.reduce(lambda a, b: a, [None], {})",
    "(None or {})",
    "({} if True else None)",
    "contextvars.copy_context().run(same, {})",
    "list(itertools.chain([], [{}]))[0]",
    "[None, {}][::-1][0]",
    "([None] + [{}])[1]",
    "[*[{}]][0]",
    "({{**{{'a': {}}}}})['a']",
    "first(*[{}])",
    "keyword(**{{'table': {}}})",
    "unpacked(({}, None))",
    "caught({})",
    "managed({})",
    "kept({})",
    "closed({})()",
    "decorated({})",
    "recursive(2, {})",
    "matched([{}])",
    "Pair({}, None).one",
    "Pair({}, None)[0]",
    "collections.deque([{}]).popleft()",
    "collections.ChainMap({{'a': {}}})['a']",
    "asyncio.run(awaited({}))",
    "list(enumerate([{}]))[0][1]",
    "typing.cast(object, {})",
    "Lazy({}).anything",
    "str and {}",
)
HEAD = """
import asyncio, collections, contextlib, contextvars, copy, dataclasses, functools, itertools, operator, types, typing

from portable import App

app = App("random")
tables = [app.table(f"t{number}") for number in range(4)]
t0, t1, t2, t3 = tables
store = {}


def same(x):
    return x


class Holder:
    def __init__(self, table):
        self.table = table

    def give(self):
        return self.table

    @property
    def given(self):
        return self.table

    @classmethod
    def of(cls, table):
        return cls(table)


@dataclasses.dataclass
class Child:
    table: object


class Pair(typing.NamedTuple):
    one: object
    two: object


class Lazy:
    def __init__(self, table):
        self.held = table

    def __getattr__(self, name):
        return self.held


def generated(x):
    yield x


def first(x):
    return x


def keyword(*, table):
    return table


def unpacked(pair):
    one, two = pair
    return one


class Carrier(Exception):
    def __init__(self, table):
        self.table = table


def caught(x):
    try:
        raise Carrier(x)
    except Carrier as error:
        return error.table


@contextlib.contextmanager
def manager(x):
    yield x


def managed(x):
    with manager(x) as inner:
        return inner


def kept(x):
    store["last"] = x
    return store["last"]


def closed(x):
    def inner():
        return x
    return inner


def through(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


@through
def decorated(x):
    return x


def recursive(depth, x):
    return x if not depth else recursive(depth - 1, x)


def matched(values):
    match values:
        case [one]:
            return one


async def awaited(x):
    return x
"""


def program(source: random.Random) -> tuple[str, dict[str, str]]:
    """The text of a module, and the expression of each of its handlers."""
    parts, expressions = [HEAD], {}
    for number in range(HANDLERS):
        # Every way is taken as the outermost one by some handler.
        expression = f"t{source.randrange(4)}"
        for depth in range(source.randint(1, DEEPEST)):
            way = WAYS[number % len(WAYS)] if depth == 0 else source.choice(WAYS)
            expression = way.format(expression)
        verb = source.choice(("get('1')", "scan()", "delete('1')"))
        name = f"h{number}"
        expressions[name] = f"{expression}.{verb}"
        parts.append(f'@app.post("/{name}")\ndef {name}():\n    {expression}.{verb}\n')
    return "\n\n".join(parts), expressions


@pytest.mark.parametrize("round", range(3))
def test_whatever_way_a_resource_takes_its_use_is_derived(
    round: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    text, expressions = program(random.Random(seed))
    name = f"random_app_{round}"
    (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module(name)
    try:
        granted = {(g.handler, g.resource, g.verb): g.how for g in derive(module.app).grants}
        with observed() as seen, running(module.app) as started:
            for handler, expression in expressions.items():
                answer = started.request("POST", f"/{handler}")
                assert answer.status == 204, f"seed {seed}: {expression}: {answer.body!r}"
        assert len(seen.uses) == HANDLERS
        missed = [expressions[use[0]] for use in seen.uses if use not in granted]
        assert missed == [], f"seed {seed}"
        guessed = [expressions[use[0]] for use in seen.uses if granted[use] != "exact"]
        assert guessed == [], f"seed {seed}"
    finally:
        sys.modules.pop(name, None)
