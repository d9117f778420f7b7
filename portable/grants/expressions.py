"""What an expression gives."""

import ast
from typing import Any

from .atoms import (
    ALL,
    ANNOTATIONS,
    EMPTY,
    SENT,
    UNKNOWNS,
    Atom,
    Box,
    Live,
    Parent,
    Value,
    Written,
    WrittenClass,
    join,
)
from .kinds import is_container
from .sources import LIBRARY, Definition, class_of
from .state import Code, constant
from .trees import children, walk
from .variables import Variables

SPECIAL: dict[type, tuple[str, ...]] = {
    ast.Add: ("__add__", "__radd__", "__iadd__"),
    ast.Sub: ("__sub__", "__rsub__", "__isub__"),
    ast.Mult: ("__mul__", "__rmul__", "__imul__"),
    ast.Div: ("__truediv__", "__rtruediv__", "__itruediv__"),
    ast.FloorDiv: ("__floordiv__", "__rfloordiv__", "__ifloordiv__"),
    ast.Mod: ("__mod__", "__rmod__", "__imod__"),
    ast.Pow: ("__pow__", "__rpow__", "__ipow__"),
    ast.MatMult: ("__matmul__", "__rmatmul__", "__imatmul__"),
    ast.LShift: ("__lshift__", "__rlshift__", "__ilshift__"),
    ast.RShift: ("__rshift__", "__rrshift__", "__irshift__"),
    ast.BitOr: ("__or__", "__ror__", "__ior__"),
    ast.BitAnd: ("__and__", "__rand__", "__iand__"),
    ast.BitXor: ("__xor__", "__rxor__", "__ixor__"),
    ast.Eq: ("__eq__",),
    ast.NotEq: ("__ne__", "__eq__"),
    ast.Lt: ("__lt__", "__gt__"),
    ast.LtE: ("__le__", "__ge__"),
    ast.Gt: ("__gt__", "__lt__"),
    ast.GtE: ("__ge__", "__le__"),
    ast.In: ("__contains__", "__iter__", "__next__"),
    ast.NotIn: ("__contains__", "__iter__", "__next__"),
    ast.USub: ("__neg__",),
    ast.UAdd: ("__pos__",),
    ast.Invert: ("__invert__",),
    ast.Not: ("__bool__", "__len__"),
}
COMPARED = ("__eq__", "__hash__", "__lt__", "__gt__", "__ne__")
KEYED = ("__hash__", "__eq__", "__index__")


class Expressions(Variables):
    """One method for each kind of expression that matters; of others the parts are looked at."""

    line: int
    column: int
    called: str

    def expression(self, node: ast.expr | None) -> Value:
        if node is None:
            return EMPTY
        kept = self.line, self.column
        self.line, self.column = node.lineno, node.col_offset
        method = getattr(self, f"_of_{type(node).__name__}", None)
        if method is not None:
            found: Value = method(node)
        else:
            found = join([self.expression(part) for part in children(node) if isinstance(part, ast.expr)])
        self.line, self.column = kept
        return found

    def _of_Constant(self, node: ast.Constant) -> Value:  # noqa: N802
        return self.live(node.value) if type(node.value) in (str, int) else EMPTY

    def _of_Name(self, node: ast.Name) -> Value:  # noqa: N802
        return self.get_name(node.id)

    def _of_Attribute(self, node: ast.Attribute) -> Value:  # noqa: N802
        owner = self.expression(node.value)
        self.line = node.end_lineno or node.lineno
        return self.attribute(owner, node.attr)

    def _of_Subscript(self, node: ast.Subscript) -> Value:  # noqa: N802
        owner = self.expression(node.value)
        if isinstance(node.slice, ast.Slice):
            for part in (node.slice.lower, node.slice.upper, node.slice.step):
                self.special(self.expression(part), ("__index__",), [])
            box = self._container_at(node)
            self.write(box, ALL, self.contents(owner))
            return frozenset((box,)) | self.special(owner, ("__getitem__",), [UNKNOWNS])
        keys = self.expression(node.slice)
        self.special(keys, KEYED, [UNKNOWNS])
        return self.item(owner, keys)

    def _of_Call(self, node: ast.Call) -> Value:  # noqa: N802
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            if len(node.args) == 2:
                after, owners = (self.expression(argument) for argument in node.args)
                return frozenset(Parent((owner, cls)) for owner in owners for cls in after)
            return self._super()
        called = self.expression(node.func)
        positional: list[Value] = []
        named: dict[str, Value] = {}
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                self._spread(self.expression(argument.value), positional, named)
            elif "*" in named:
                named["*"] |= self.expression(argument)
            else:
                positional.append(self.expression(argument))
        for keyword in node.keywords:
            value = self.expression(keyword.value)
            if keyword.arg is not None:
                named[keyword.arg] = value
                continue
            for atom in value:
                self._spread_names(atom, named)
        self.line, self.column = node.lineno, node.col_offset
        if isinstance(node.func, ast.Attribute):
            self.line = node.func.end_lineno or node.lineno
        if not called and self.carries([*positional, *named.values()]):
            # Nothing is known of it, so that it may do anything.
            called = UNKNOWNS
        kept, self.called = self.called, written(node.func)
        result = self.call_value(called, positional, named)
        self.called = kept
        return result

    def _of_Lambda(self, node: ast.Lambda) -> Value:  # noqa: N802
        return self._written(node)

    def _of_IfExp(self, node: ast.IfExp) -> Value:  # noqa: N802
        self._truth(self.expression(node.test))
        return self.expression(node.body) | self.expression(node.orelse)

    def _of_BoolOp(self, node: ast.BoolOp) -> Value:  # noqa: N802
        found = join([self.expression(value) for value in node.values])
        self._truth(found)
        return found

    def _of_NamedExpr(self, node: ast.NamedExpr) -> Value:  # noqa: N802
        value = self.expression(node.value)
        self.assign(node.target, value)
        return value

    def _of_BinOp(self, node: ast.BinOp) -> Value:  # noqa: N802
        left, right = self.expression(node.left), self.expression(node.right)
        made = self.special(left | right, SPECIAL[type(node.op)], [left | right])
        if isinstance(node.op, ast.Mult):
            # How often a list or a text is repeated.
            self.special(left | right, ("__index__",), [])
        if isinstance(node.op, ast.Mod):
            # A text on the left writes out what is on the right.
            self.special(self.deep(right), ("__format__", "__str__", "__repr__", "__int__", "__float__"), [])
        kept = frozenset(
            atom for atom in left | right if not (isinstance(atom, Live) and class_of(atom.held) in (str, int))
        )
        # Containers joined by + hold what both hold; a text made of texts is not known.
        if isinstance(node.op, ast.Add | ast.Mult | ast.BitOr | ast.Sub | ast.BitAnd):
            box = self._container_at(node)
            for atom in kept:
                if isinstance(atom, Box) or (isinstance(atom, Live) and is_container(atom.held)):
                    self.write(box, ALL, self.contents_of(atom))
            made |= frozenset((box,))
        return made | kept | (UNKNOWNS if kept != left | right else EMPTY)

    def _of_UnaryOp(self, node: ast.UnaryOp) -> Value:  # noqa: N802
        value = self.expression(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            return UNKNOWNS
        return self.special(value, SPECIAL[type(node.op)], [])

    def _of_Compare(self, node: ast.Compare) -> Value:  # noqa: N802
        everything = self.expression(node.left) | join([self.expression(part) for part in node.comparators])
        for operator in node.ops:
            names = SPECIAL.get(type(operator))
            if names is not None:
                self.special(everything, names, [everything])
                # Containers compare what they hold.
                self.special(self.deep(everything), COMPARED, [everything])
        return EMPTY

    def _of_JoinedStr(self, node: ast.JoinedStr) -> Value:  # noqa: N802
        for part in walk(node):
            if isinstance(part, ast.FormattedValue):
                self.special(self.expression(part.value), ("__format__", "__str__", "__repr__"), [UNKNOWNS])
        return UNKNOWNS

    def _of_Await(self, node: ast.Await) -> Value:  # noqa: N802
        value = self.expression(node.value)
        waited = frozenset(atom for atom in value if isinstance(atom, Box) and atom.trust == "known")
        return value | self.contents(waited) | self.contents(self.special(value, ("__await__",), []))

    def _of_Yield(self, node: ast.Yield) -> Value:  # noqa: N802
        self.frame.yielded |= self.expression(node.value)
        return UNKNOWNS | self.read(Box((self.call.place, "generator"), "plain"), SENT)

    def _of_YieldFrom(self, node: ast.YieldFrom) -> Value:  # noqa: N802
        iterated = self.expression(node.value)
        inner = self.contents(iterated)
        sent = self.read(Box((self.call.place, "generator"), "plain"), SENT)
        for atom in iterated:
            if isinstance(atom, Box):
                self.write(atom, SENT, sent)
        self.frame.yielded |= inner
        return inner | UNKNOWNS

    def _of_List(self, node: ast.List | ast.Tuple | ast.Set) -> Value:  # noqa: N802
        box = self._container_at(node)
        starred = False
        for position, part in enumerate(node.elts):
            if isinstance(part, ast.Starred):
                starred = True
                self.write(box, ALL, self.contents(self.expression(part.value)))
            else:
                value = self.expression(part)
                if isinstance(node, ast.Set):
                    self.special(value, KEYED, [UNKNOWNS])
                self.write(box, ALL if starred or isinstance(node, ast.Set) else position, value)
                # A position with nothing of interest still counts.
                self.heap.setdefault(box, {}).setdefault(position, EMPTY)
        return frozenset((box,))

    _of_Tuple = _of_List  # noqa: N815

    _of_Set = _of_List  # noqa: N815

    def _of_Dict(self, node: ast.Dict) -> Value:  # noqa: N802
        box = self._container_at(node)
        for key, value in zip(node.keys, node.values, strict=True):
            held = self.expression(value)
            if key is None:
                for atom in held:
                    self._copy(box, atom)
                continue
            keys = self.expression(key)
            self.special(keys, KEYED, [UNKNOWNS])
            known = [constant(atom) for atom in keys]
            for name in known if known and None not in known else [ALL]:
                self.write(box, name, held)
            self.write(box, ("keys",), frozenset(atom for atom in keys if constant(atom) is None))
        return frozenset((box,))

    def _of_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:  # noqa: N802
        return self._comprehended(node, [node.elt])

    _of_SetComp = _of_ListComp  # noqa: N815

    _of_GeneratorExp = _of_ListComp  # noqa: N815

    def _of_DictComp(self, node: ast.DictComp) -> Value:  # noqa: N802
        return self._comprehended(node, [node.key, node.value])

    def _of_Starred(self, node: ast.Starred) -> Value:  # noqa: N802
        return self.contents(self.expression(node.value))

    def _spread(self, value: Value, positional: list[Value], named: dict[str, Value]) -> None:
        """`f(*value)`: by position where the positions are known."""
        boxes = [atom for atom in value if isinstance(atom, Box) and atom.trust == "plain"]
        if len(boxes) == len(value) == 1 and "*" not in named:
            fields = self.fields(boxes[0])
            if fields and all(isinstance(key, int) for key in fields):
                positional.extend(fields.get(position, EMPTY) for position in range(max(fields) + 1))
                return
        live = [atom for atom in value if isinstance(atom, Live) and isinstance(atom.held, list | tuple)]
        if len(live) == len(value) == 1 and "*" not in named and not self.read_all(live[0]):
            positional.extend(self.live(part) for part in live[0].held)  # pyright: ignore[reportUnknownVariableType]
            return
        named["*"] = named.get("*", EMPTY) | self.contents(value)

    def _spread_names(self, atom: Atom, named: dict[str, Value]) -> None:
        if isinstance(atom, Box):
            for key, value in list(self.fields(atom).items()):
                name = key if isinstance(key, str) and key != ALL else "**"
                named[name] = named.get(name, EMPTY) | value
        elif isinstance(atom, Live) and isinstance(atom.held, dict):
            for key, value in atom.held.items():  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
                if isinstance(key, str):
                    named[key] = named.get(key, EMPTY) | self.live(value)
            named["**"] = named.get("**", EMPTY) | self.read_all(atom)
        else:
            named["**"] = named.get("**", EMPTY) | self.contents_of(atom)

    def _super(self) -> Value:
        code = self.frame.code
        while code.owner is None and code.outer is not None and code.outer.code is not None:
            code = code.outer.code
        spec = self.frame.code.node.args
        first = [*spec.posonlyargs, *spec.args][:1]
        if code.owner is None or not first:
            return UNKNOWNS
        owners = self.get_name(first[0].arg)
        return frozenset(Parent((owner, code.owner)) for owner in owners)

    def annotation(self, node: ast.expr) -> Value:
        """What an annotation names, also where it stands as text."""
        found = self.expression(node)
        for part in walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                try:
                    inner = ast.parse(part.value.strip(), mode="eval").body
                except (SyntaxError, ValueError):
                    continue
                ast.increment_lineno(inner, part.lineno - 1)
                found |= self.expression(inner)
        return frozenset(atom for atom in self.deep(found) if isinstance(atom, Live | WrittenClass))

    def _truth(self, value: Value) -> Value:
        return self.special(value, ("__bool__", "__len__"), [])

    def _container_at(self, node: ast.expr) -> Box:
        return Box((self.file, node.lineno, node.col_offset, self.call.place), "plain")

    def _comprehended(self, node: Any, results: list[ast.expr]) -> Value:
        frame = self.frame
        kept = dict(frame.env)
        for generator in node.generators:
            self.assign(generator.target, self.contents(self.expression(generator.iter)))
            for test in generator.ifs:
                self._truth(self.expression(test))
        box = self._container_at(node)
        for result in results:
            self.write(box, ALL, self.expression(result))
        # What := sets belongs to the function around.
        outside = {part.target.id for part in walk(node) if isinstance(part, ast.NamedExpr)}
        frame.env = {**kept, **{name: frame.env[name] for name in outside if name in frame.env}}
        return frozenset((box,))

    def _written(self, node: Definition) -> Value:
        """A function that is made here."""
        spec = node.args
        defaults = [self.expression(value) for value in spec.defaults]
        keywords = {
            argument.arg: self.expression(value)
            for argument, value in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
            if value is not None
        }
        code = Code(
            key=(self.file, node.lineno, node.col_offset, self.call.place),
            node=node,
            file=self.file,
            names=self.frame.names,
            closure=self.frame.code.closure if self.call.code is None else {},
            outer=self.call,
            scope=LIBRARY.scope(node),
            owner=self.frame.cls,
        )
        atom = Written(code.key, code)
        if not isinstance(node, ast.Lambda):
            arguments = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg]
            annotations = [argument.annotation for argument in arguments if argument is not None]
            for annotation in (*annotations, node.returns):
                if annotation is not None:
                    self.write(atom, ANNOTATIONS, self.annotation(annotation))
        for position, value in enumerate(defaults):
            self.write(atom, ("default", position), value)
        for name, value in keywords.items():
            self.write(atom, ("keyword", name), value)
        return frozenset((atom,))


def written(node: ast.expr) -> str:
    """A called expression, shortened."""
    names: list[str] = []
    part = node
    while isinstance(part, ast.Attribute):
        names.append(part.attr)
        part = part.value
    # Nearly all are names with dots, and to write anything is slow.
    text = ".".join((part.id, *reversed(names))) if isinstance(part, ast.Name) else ast.unparse(node)
    return text if len(text) <= 60 else f"{text[:57]}..."
