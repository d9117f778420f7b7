"""Quick walks over code, held against Python's own."""

import ast
import collections
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from portable.grants import relevance
from portable.grants.sources import mark_private
from portable.grants.trees import children, walk

HERE = Path(__file__).resolve().parents[2]
FILES = sorted([*HERE.glob("portable/**/*.py"), *HERE.glob("examples/**/*.py"), *HERE.glob("tests/grants/**/*.py")])
LIBRARY = [Path(module.__file__ or "") for module in (ast, collections, types)]
MATCHING = """
match point:
    case {"x": [first, *rest], **more} if first: pass
    case Point(x=0) as found: pass
    case None | 1: pass
{**a, 1: 2}
async def f(a, /, b, *c, d=lambda x: x, **e) -> [y for y in z if y]:
    global g
    async with a as (b, c.d[e]): yield
    try: pass
    except* (A, B) as error: raise X from Y
    print(f"{a!r:>{width}}")
"""


def plain(node: ast.AST) -> bool:
    return not isinstance(node, ast.expr_context | ast.operator | ast.unaryop | ast.boolop | ast.cmpop)


@pytest.mark.parametrize("text", [MATCHING, *(path.read_text() for path in [*FILES, *LIBRARY])])
def test_all_nodes_are_found_but_contexts_and_operators(text: str) -> None:
    tree = ast.parse(text)
    assert walk(tree) == [node for node in ast.walk(tree) if plain(node)]
    for node in ast.walk(tree):
        if plain(node) and not isinstance(node, ast.alias):
            assert children(node) == [child for child in ast.iter_child_nodes(node) if plain(child)]


def test_private_names_are_given_their_class_once() -> None:
    tree = ast.parse("class A:\n class _B:\n  def f(self, __x): self.__y = __x\n  __z__ = 1\n def g(self): self.__w\n")
    for node in walk(tree):
        if isinstance(node, ast.ClassDef):
            mark_private(node, node.name)
    attributes = [node.attr for node in walk(tree) if isinstance(node, ast.Attribute)]
    names = [node.id for node in walk(tree) if isinstance(node, ast.Name)]
    assert sorted(attributes) == ["_A__w", "_B__y"]
    assert "_B__x" in names
    assert "__z__" in names


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from codes(inner)


def test_the_names_of_instructions_are_those_that_dis_finds() -> None:
    many = "\n".join(f"name{number} = other{number}.attribute{number}" for number in range(400))
    sources = [many, f"def f():\n global name1\n {many.replace(chr(10), chr(10) + ' ')}\n super().x", MATCHING]
    sources += [path.read_text() for path in [*FILES, *LIBRARY]]
    checked = 0
    for source in sources:
        for code in codes(compile(source, "given", "exec", dont_inherit=True)):
            assert relevance.named_quickly(code) == relevance.named_by_dis(code)
            checked += 1
    assert checked > 1000
