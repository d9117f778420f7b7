"""Keys as names of documents. No I/O.

A name of a document is no `.` or `..`, not of the form `__x__`, and has no slash
(https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields). Keys may be all of that, and have
what the path of a request should not have, however well it is quoted: control characters, white space (cut at ends),
percent signs (read twice), colons (a verb follows). The escape keeps the order of keys as UTF-8 bytes: each character
becomes itself or a pair, no pair is the start of another, and pairs are in the order of what they stand for. A run of
neighbouring characters shares the first of its pairs, which is one of the run; the second counts from `@`.

    NUL to `!`           `!@` to `!a`
    `%` and `&`          `&@` and `&A`
    `.` and `/`          `.@` and `.A`
    `:` and `;`          `;@` and `;A`
    white space          as above
    `_` at the start     `_-`

A key of 330 bytes is at most 660 bytes long, of 1500.
"""

import re

RUNS = (
    (0x00, 0x21, 0x21),
    (0x25, 0x26, 0x26),
    (0x2E, 0x2F, 0x2E),
    (0x3A, 0x3B, 0x3B),
    (0x85, 0x86, 0x86),
    (0xA0, 0xA1, 0xA1),
    (0x1680, 0x1681, 0x1681),
    (0x180E, 0x180F, 0x180F),
    (0x2000, 0x200B, 0x200B),
    (0x2028, 0x202A, 0x202A),
    (0x202F, 0x2030, 0x2030),
    (0x205F, 0x2060, 0x2060),
    (0x3000, 0x3001, 0x3001),
)
"""First, last, and the one that begins the pairs: Unicode's white space, and what is named above."""
FIRST_SIGN = 0x40
UNDERSCORE = "_-"
PAIRS = {
    chr(code): chr(begin) + chr(FIRST_SIGN + code - first)
    for first, last, begin in RUNS
    for code in range(first, last + 1)
}
CHARACTERS = {pair: character for character, pair in PAIRS.items()}

ODD = re.compile(f"[{re.escape(''.join(PAIRS))}]")
PAIR = re.compile(f"{ODD.pattern}.?", re.DOTALL)

SEPARATOR = b"\0\1"
NUL = b"\0\2"


def escaped(key: str) -> str:
    """The name of a document for a key."""
    if key[0] == "_":
        key = UNDERSCORE + key[1:]
    return ODD.sub(pair_of, key)


def unescaped(name: str) -> str:
    """The key that a document's name stands for. Raises ValueError for a name that stands for none."""
    if name[:1] == "_":
        if name[:2] != UNDERSCORE:
            raise ValueError(f"{name!r} is no key: portable did not write it")
        name = "_" + name[2:]
    return PAIR.sub(character_of, name)


def pair_of(match: "re.Match[str]") -> str:
    return PAIRS[match[0]]


def character_of(match: "re.Match[str]") -> str:
    try:
        return CHARACTERS[match[0]]
    except KeyError:
        raise ValueError(f"{match[0]!r} is no part of a key: portable did not write it") from None


def key_order(pk: str, sk: str) -> bytes:
    """Bytes whose order is that of the pairs (pk, sk), at most 1322 of them: Firestore orders by the first 1500."""
    return pk.encode().replace(b"\0", NUL) + SEPARATOR + sk.encode().replace(b"\0", NUL)
