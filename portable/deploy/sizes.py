"""How large a bundle is, of what, and whether a provider takes it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from portable.errors import LimitExceeded

from .archive import Contents, unpacked_size

BIGGEST = 10
OWN_PARTS = ("app", "portable")


class Size(NamedTuple):
    """Of one zip, in bytes. `parts` are unpacked sizes of "app", "portable" and "dependencies"; `biggest` files or,
    for dependencies, distributions.
    """

    zipped: int
    unpacked: int
    files: int
    parts: dict[str, int]
    biggest: tuple[tuple[str, int], ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "zipped": self.zipped,
            "unpacked": self.unpacked,
            "files": self.files,
            "parts": dict(self.parts),
            "biggest": [{"name": name, "bytes": count} for name, count in self.biggest],
        }


def size_of(contents: Contents, zipped: int) -> Size:
    parts: dict[str, int] = {"app": 0, "dependencies": 0, "portable": 0}
    heaps: dict[str, int] = {}
    for name, one in contents.items():
        parts[one.part if one.part in OWN_PARTS else "dependencies"] += one.size
        heap = name if one.part in OWN_PARTS else one.part
        heaps[heap] = heaps.get(heap, 0) + one.size
    ordered = sorted(heaps.items(), key=lambda item: (-item[1], item[0]))[:BIGGEST]
    return Size(zipped, unpacked_size(contents), len(contents), parts, tuple(ordered))


def check_size(size: Size, most: int, provider: str, what: str) -> None:
    """Raises LimitExceeded, naming the biggest parts, for a bundle that the provider does not take."""
    if size.unpacked <= most:
        return
    listed = "\n".join(f"  {shown(count):>9}  {name}" for name, count in size.biggest)
    raise LimitExceeded(
        f"{what} is {shown(size.unpacked)} unpacked; {provider} takes {shown(most)}. The biggest of it:\n{listed}",
        hint='leave out what it does not need to run: dependencies, or files by [tool.portable] exclude = ["data"]',
        limit="bundle_bytes",
        provider=provider,
    )


def shown(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"


def totals(sizes: Mapping[str, Size]) -> dict[str, Any]:
    return {name: size.to_dict() for name, size in sorted(sizes.items())}
