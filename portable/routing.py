"""Which route answers a path: a tree of segments that is built once and walked in time linear in the number of routes.

Path rules, the same on every provider: a path is percent-decoded once, segment by segment; `//`, dot segments (encoded
too), malformed escapes and escaped slashes are refused with 400; a trailing slash is the same route; a literal segment
wins over a parameter. Nothing of a user's template is ever run as a regular expression.
"""

from typing import Generic, NamedTuple, TypeVar

from .errors import DeclarationError, InvalidArgument, Location

E = TypeVar("E")

HEX = frozenset("0123456789abcdefABCDEF")
SAFE = "!$&'()*+,;=:@"
"""What may stand in a segment beside letters, digits and `-._~` (RFC 3986, section 3.3)."""


class Match(NamedTuple, Generic[E]):
    """What the router found: an entry with its path parameters, or the methods that the path does have."""

    entry: E | None
    params: dict[str, str]
    allowed: tuple[str, ...]


class Node(Generic[E]):
    """One position in the tree: what may follow, and the routes that end here by method."""

    __slots__ = ("literals", "methods", "parameter")

    def __init__(self) -> None:
        self.literals: dict[str, Node[E]] = {}
        self.parameter: Node[E] | None = None
        self.methods: dict[str, Ending[E]] = {}


class Ending(Generic[E]):
    """A route at the end of its template: `names` of its parameters in order."""

    # No NamedTuple: its fields are read on every request, and take four times as long.
    __slots__ = ("entry", "location", "name", "names")

    def __init__(self, entry: E, names: tuple[str, ...], location: Location) -> None:
        self.entry: E = entry
        self.names: tuple[str, ...] = names
        self.name: str | None = names[0] if len(names) == 1 else None
        """Of the only parameter, if there is one alone."""
        self.location: Location = location


class Router(Generic[E]):
    """Routes by method and template. Raises DeclarationError, naming both places, when two answer the same."""

    def __init__(self) -> None:
        self._root: Node[E] = Node()

    def add(self, method: str, template: str, entry: E, location: Location) -> None:
        """Lets `entry` answer `method` on `template` (checked by app.check_path)."""
        node = self._root
        names: list[str] = []
        for segment in template.split("/")[1:] if template not in ("", "/") else ():
            if segment.startswith("{"):
                names.append(segment[1:-1])
                if node.parameter is None:
                    node.parameter = Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, Node())
        if len(set(names)) != len(names):
            raise DeclarationError(f"path {template!r} uses a parameter twice", location=location)
        taken = node.methods.get(method)
        if taken is not None:
            raise DeclarationError(
                f"{method} {template} is answered twice: here and at {taken.location}",
                hint="give one of them another path or method",
                location=location,
            )
        node.methods[method] = Ending(entry, tuple(names), location)

    def find(self, method: str, path: str) -> tuple[E, dict[str, str]] | None:
        """The common case of `match`, straight down the tree; None only says that `match` has to look."""
        node = self._root
        values: list[str] = []
        parts = path.split("/")
        if parts[0] or len(parts) < 2:
            return None
        del parts[0]
        for segment in parts:
            literals = node.literals
            if segment in literals:
                node = literals[segment]
                continue
            # Literals of templates are plain; what fills a parameter may need decoding, or refusal.
            following = node.parameter
            if following is None or not segment or "%" in segment or " " in segment or segment[0] == ".":
                return None
            if not segment.isascii() or not segment.isprintable():
                return None
            values.append(segment)
            node = following
        methods = node.methods
        if method not in methods:
            return None
        ending = methods[method]
        name = ending.name
        if name is not None:
            return ending.entry, {name: values[0]}
        return ending.entry, dict(zip(ending.names, values, strict=True))

    def match(self, method: str, path: str) -> Match[E]:
        """The route for a path as it was sent. Raises InvalidArgument (status 400) on a malformed one.

        HEAD falls back to GET. Without an `entry`, `allowed` is empty (404) or lists the methods (405), sorted.
        """
        return self.match_segments(method, segments(path))

    def match_segments(self, method: str, found: list[str]) -> Match[E]:
        """`match` for a path that `segments` has taken apart."""
        ends: list[tuple[Node[E], tuple[str, ...]]] = []
        hit = self._walk(self._root, method, found, 0, (), ends)
        if hit is None and method == "HEAD" and ends:
            hit = next(((node.methods["GET"], values) for node, values in ends if "GET" in node.methods), None)
        if hit is not None:
            ending, values = hit
            return Match(ending.entry, dict(zip(ending.names, values, strict=True)), ())
        methods = {method for node, _ in ends for method in node.methods}
        if not methods:
            return Match(None, {}, ())
        if "GET" in methods:
            methods.add("HEAD")
        methods.add("OPTIONS")
        return Match(None, {}, tuple(sorted(methods)))

    def _walk(
        self,
        node: Node[E],
        method: str,
        found: list[str],
        depth: int,
        values: tuple[str, ...],
        ends: list[tuple[Node[E], tuple[str, ...]]],
    ) -> tuple[Ending[E], tuple[str, ...]] | None:
        """Depth first, literals before parameters: every node is met at most once, for its own depth only."""
        if depth == len(found):
            if not node.methods:
                return None
            ending = node.methods.get(method)
            if ending is not None:
                return ending, values
            ends.append((node, values))
            return None
        segment = found[depth]
        literal = node.literals.get(segment)
        if literal is not None:
            hit = self._walk(literal, method, found, depth + 1, values, ends)
            if hit is not None:
                return hit
        if node.parameter is not None:
            return self._walk(node.parameter, method, found, depth + 1, (*values, segment), ends)
        return None


def segments(path: str) -> list[str]:
    """The decoded segments of a path as it was sent; `/` has none and a trailing slash adds none.

    Raises InvalidArgument with status 400 on what the module's rules refuse.
    """
    if path[:1] != "/":
        raise _refused(path, "it does not start with '/'")
    if "//" in path:
        raise _refused(path, "it has an empty segment ('//')")
    if not path.isascii() or not path.isprintable() or " " in path:
        raise _refused(path, "it has characters that must be percent-encoded")
    found = path.split("/")
    if not found[-1]:
        found.pop()
    del found[:1]
    if "%" in path:
        found = [_decoded(segment, path) if "%" in segment else segment for segment in found]
    if "." in found or ".." in found:
        raise _refused(path, "it has a dot segment")
    return found


def spelled(found: list[str]) -> str:
    """The one spelling of a path that `segments` has taken apart: escapes in capitals, only where they are needed."""
    # Here and below, because it brings milliseconds of other modules, and most paths need none of it.
    from urllib.parse import quote

    return "/" + "/".join(quote(segment, safe=SAFE) for segment in found)


def _decoded(segment: str, path: str) -> str:
    position = segment.find("%")
    while position >= 0:
        if len(segment) < position + 3 or segment[position + 1] not in HEX or segment[position + 2] not in HEX:
            raise _refused(path, "it has a malformed percent escape")
        position = segment.find("%", position + 3)
    from urllib.parse import unquote_to_bytes

    try:
        decoded = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise _refused(path, "its percent escapes are not UTF-8") from None
    if "/" in decoded:
        raise _refused(path, "it has an escaped slash")
    return decoded


def _refused(path: str, why: str) -> InvalidArgument:
    shown = path if len(path) <= 200 else path[:200] + "..."
    error = InvalidArgument(f"the path {shown!r} is malformed: {why}")
    error.status = 400
    return error
