"""What strace saw, judged: no acknowledgement leaves while something of the data folder is not on the disk. Pure.

A file is dirty from a write to its next fsync or fdatasync, a folder from a new or changed name in it to its fsync. An
acknowledgement leaves when its call begins, every other call has happened when it ends, and not at all if it fails.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

CALLS = (
    "openat,write,writev,pwrite64,pwritev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,"
    "unlink,unlinkat,sendto,sendmsg"
)
LINE = re.compile(r"(?:\[pid +)?(\d+)\]? +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))", re.DOTALL)
DESCRIPTOR = re.compile(r"(\d+|AT_FDCWD)<([^>]*)>")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
WRITES = frozenset(("write", "writev", "pwrite64", "pwritev", "ftruncate"))
SYNCS = frozenset(("fsync", "fdatasync"))
NAMES = frozenset(("rename", "renameat", "renameat2", "link", "linkat", "mkdir", "mkdirat"))


class Verdict(NamedTuple):
    """How many acknowledgements left, how many syncs there were, and which left too early."""

    acknowledgements: int
    syncs: int
    faults: list[str]


def judge(lines: Iterable[str], is_data: Callable[[str], bool], acknowledges: Callable[[str, str], bool]) -> Verdict:
    """`is_data(path)`: whether what is in the path must last; `acknowledges(call, arguments)`: whether that answers."""
    dirty: set[str] = set()
    logs: set[str] = set()
    begun: dict[str, tuple[str, str]] = {}
    faults: list[str] = []
    answers = syncs = 0
    for line in lines:
        found = LINE.match(line.rstrip("\n"))
        if found is None:
            continue
        pid, name, arguments, resumed, rest = found.groups()
        if resumed is not None:
            name, before = begun.pop(pid, (resumed, ""))
            arguments = before + rest
        elif acknowledges(name, arguments):
            answers += 1
            faults.extend(f"{path} was not on the disk when this left: {arguments[:120]}" for path in sorted(dirty))
            continue
        elif arguments.endswith("<unfinished ...>"):
            begun[pid] = (name, arguments.removesuffix("<unfinished ...>"))
            continue
        if " = -1 " in arguments:
            continue
        touched = [path for path in paths(name, arguments) if is_data(path)]
        if name in SYNCS:
            syncs += 1
            dirty.difference_update(touched)
        elif name in ("unlink", "unlinkat"):
            dirty.difference_update(touched)
            logs.difference_update(touched)
        elif name == "openat":
            # A log that is new: its folder must name it. Other files are new under another name, which is renamed.
            for path in touched:
                if path.endswith("-wal") and "O_CREAT" in arguments and path not in logs:
                    logs.add(path)
                    dirty.add(path.rpartition("/")[0])
        elif name in WRITES or name in NAMES:
            dirty.update(touched)
    return Verdict(answers, syncs, faults)


def paths(name: str, arguments: str) -> list[str]:
    """What a call makes dirty or clean: a file, or for a new name its folder."""
    descriptors = [match[2] for match in DESCRIPTOR.finditer(arguments.partition(") = ")[0])]
    texts = [match[1] for match in QUOTED.finditer(arguments)]
    if name in ("unlink", "unlinkat", "openat"):
        return [full(descriptors, texts)]
    if name not in NAMES:
        return descriptors[:1]
    if name.startswith("mkdir"):
        return [full(descriptors, texts).rpartition("/")[0]]
    return [full(descriptors[-1:], texts[-1:]).rpartition("/")[0]]


def full(descriptors: list[str], texts: list[str]) -> str:
    """A name, below the folder that it is relative to."""
    text = texts[0] if texts else ""
    return text if text.startswith("/") or not descriptors else f"{descriptors[0]}/{text}"
