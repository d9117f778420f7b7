"""Zips that are the same bytes for the same contents: what a function is deployed as.

Entries are sorted, have one time and one of two modes. The writer is our own, 80 lines over `struct`, because zipfile
cannot take an entry that is compressed already: dependencies are compressed once and kept so.
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

import calendar
import hashlib
import os
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from portable.errors import ConfigurationError

FIRST_SECOND = calendar.timegm((1980, 1, 1, 0, 0, 0))
LAST_SECOND = calendar.timegm((2107, 12, 31, 23, 59, 58))
PLAIN, EXECUTABLE = 0o644, 0o755
LEVEL = 6
STORED, DEFLATED = 0, 8
UNIX = 3 << 8
UTF8 = 0x800
MOST_BYTES = 0xFFFFFFFF
MOST_FILES = 0xFFFF
COMPRESSED = frozenset(
    {
        ".7z", ".br", ".bz2", ".frozen", ".gif", ".gz", ".jpeg", ".jpg", ".mp4", ".png", ".webp", ".woff2", ".xz",
        ".zip",
    }
)  # fmt: skip
"""Endings of files that deflating makes no smaller."""


class Entry(NamedTuple):
    """One file of a zip, as it lies there. `part` says whose it is: "app", "portable", or a distribution's name.

    `digest` is of the data: it stays the same where another zlib packs it to other bytes.
    """

    part: str
    digest: str
    packed: bytes
    method: int
    crc: int
    size: int
    is_executable: bool

    def data(self) -> bytes:
        return self.packed if self.method == STORED else zlib.decompress(self.packed, -zlib.MAX_WBITS)


Contents = Mapping[str, Entry]
"""Files by their path in the zip, `/`-separated."""


def entry(name: str, data: bytes, part: str, *, is_executable: bool = False) -> Entry:
    """A file as it will lie in a zip."""
    packed, method = data, STORED
    if PurePosixPath(name).suffix.lower() not in COMPRESSED:
        compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        smaller = compressor.compress(data) + compressor.flush()
        if len(smaller) < len(data):
            packed, method = smaller, DEFLATED
    return Entry(part, sha256(data), packed, method, zlib.crc32(data), len(data), is_executable)


def zip_time() -> tuple[int, int]:
    """Time and date of all entries as a zip has them: SOURCE_DATE_EPOCH if it is set, else the beginning of 1980.

    https://reproducible-builds.org/specs/source-date-epoch/ Raises ConfigurationError.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH") or "0"
    if not (text.isascii() and text.isdigit()) or int(text) > LAST_SECOND:
        raise ConfigurationError(
            f"SOURCE_DATE_EPOCH={text!r} is no time that a zip can have",
            hint="seconds since 1970, at most the year 2107; or leave it out",
        )
    when = time.gmtime(max(int(text), FIRST_SECOND))
    return (
        when.tm_hour << 11 | when.tm_min << 5 | when.tm_sec // 2,
        when.tm_year - 1980 << 9 | when.tm_mon << 5 | when.tm_mday,
    )


def zip_bytes(contents: Contents) -> bytes:
    """The zip. Raises ConfigurationError for more than a zip of the old kind can hold, which no function takes."""
    clock, date = zip_time()
    pieces: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name, one in sorted(contents.items()):
        raw = name.encode()
        version = 20
        flags = 0 if raw.isascii() else UTF8
        common = struct.pack(
            "<HHHHHIIIHH",
            version, flags, one.method, clock, date, one.crc, len(one.packed), one.size, len(raw), 0,
        )  # fmt: skip
        mode = stat.S_IFREG | (EXECUTABLE if one.is_executable else PLAIN)
        pieces += [b"PK\x03\x04", common, raw, one.packed]
        directory += [
            b"PK\x01\x02",
            struct.pack("<H", UNIX | version),
            common,
            struct.pack("<HHHII", 0, 0, 0, mode << 16, offset),
            raw,
        ]
        offset += 4 + len(common) + len(raw) + len(one.packed)
    listing = b"".join(directory)
    if len(contents) > MOST_FILES or offset + len(listing) > MOST_BYTES:
        raise ConfigurationError(
            f"the bundle has {len(contents):,} files of {offset:,} bytes", hint="leave out what is not needed to run"
        )
    end = struct.pack("<HHHHIIH", 0, 0, len(contents), len(contents), len(listing), offset, 0)
    return b"".join([*pieces, listing, b"PK\x05\x06", end])


def read_zip(file: Path, known: Mapping[str, Sequence[str]]) -> dict[str, Entry]:
    """The entries of a zip that `zip_bytes` made, still compressed. `known` has part and digest of each file.

    Raises zipfile.BadZipFile or OSError for a file that is damaged: sizes are checked, contents are not.
    """
    raw = file.read_bytes()
    found: dict[str, Entry] = {}
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            start = info.header_offset + 30 + len(info.filename.encode())
            packed = raw[start : start + info.compress_size]
            if len(packed) != info.compress_size or info.filename not in known:
                raise zipfile.BadZipFile(f"{file}: {info.filename} is damaged")
            part, digest = known[info.filename]
            is_executable = bool(info.external_attr >> 16 & stat.S_IXUSR)
            found[info.filename] = Entry(
                part, digest, packed, info.compress_type, info.CRC, info.file_size, is_executable
            )
    return found


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def unpacked_size(contents: Contents) -> int:
    return sum(one.size for one in contents.values())


def merged(parts: Iterable[Contents]) -> dict[str, Entry]:
    """All files of all parts. Raises ConfigurationError for a path that two of them have with other data."""
    found: dict[str, Entry] = {}
    for part in parts:
        for name, one in part.items():
            other = found.setdefault(name, one)
            if other is not one and other.digest != one.digest:
                raise ConfigurationError(
                    f"both {other.part} and {one.part} have a file {name}",
                    hint="one would hide the other in the function: rename yours, or leave one of them out",
                )
    return found
