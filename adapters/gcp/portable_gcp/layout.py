"""How items lie in Firestore: names of collections and fields that drivers, indexes and triggers share.

An item is the document `roots/{pk}/{collection}/{sk}`, both keys escaped (firestore_keys.py); the document
`roots/{pk}` itself does not exist, and need not. All items of one pk are thus a collection, all of a table a collection
group. A document has the fields below; those that nothing asks for are kept out of the indexes
(firestore_indexes.py), since every index entry is paid for with each write.
"""

ROOTS = "roots"
DOCUMENT = "d"
"""The item's document, a map."""
MARK = "m"
"""A map of what tells this write from others: see firestore_items.py."""
ORDER = "sk"
"""The sort key as bytes, whose order is the same in every Firestore and in both directions."""
TTL = "ttl"
"""The moment from which the item is absent. Firestore erases it within a day."""
INDEXES = "x"
"""A map of the app's indexes that the item belongs to, each a map of FIRST and SECOND."""
FIRST = "a"
SECOND = "b"

TOKEN = "token"  # noqa: S105 - the name of a partition
"""Partition of the framework's collection: increments with a token."""


def field_path(*names: str) -> str:
    """The path of a field in a map, as queries and indexes have it.

    https://firebase.google.com/docs/firestore/reference/rest/v1/StructuredQuery#FieldReference
    """
    return ".".join(name if is_simple(name) else f"`{name}`" for name in names)


def is_simple(name: str) -> bool:
    """Whether a name needs no quotes. Names of indexes have neither backticks nor backslashes."""
    return name.replace("_", "a").isalnum() and name.isascii() and not name[0].isdigit()
