"""Regular expressions that are compiled when first used: compiling all is a good part of importing portable."""

import re
from collections.abc import Callable
from typing import Any


class Pattern:
    """`re.compile(text, flags)`, later. After the first use its methods are those of the compiled pattern."""

    fullmatch: Callable[[str], re.Match[str] | None]
    search: Callable[[str], re.Match[str] | None]
    sub: Callable[[Callable[[re.Match[str]], str], str], str]

    def __init__(self, text: str, flags: int = 0) -> None:
        self.text = text
        self.flags = flags

    def __getattr__(self, name: str) -> Any:
        if name not in ("fullmatch", "search", "sub"):
            raise AttributeError(name)
        compiled = re.compile(self.text, self.flags)
        self.fullmatch, self.search, self.sub = compiled.fullmatch, compiled.search, compiled.sub
        return getattr(compiled, name)
