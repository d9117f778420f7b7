"""How items lie in DynamoDB: names of attributes, indexes and partitions that template, permissions and drivers share.

Every table, also the framework's own, has the key (pk, sk) of texts and the number `ttl` (epoch second); an index has
one or two attributes of its own, written only for items that belong to it, so that two indexes over one field never
get in each other's way.
"""

from collections.abc import Sequence

PK = "pk"
SK = "sk"
TTL = "ttl"
SHORTEST_INDEX_NAME = 3
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GlobalSecondaryIndex.html"""


def index_name(name: str) -> str:
    """The global secondary index of an app's index. No name in an app has a dot, so no two of them meet here."""
    return name if len(name) >= SHORTEST_INDEX_NAME else f"index.{name}"


def index_attributes(name: str) -> tuple[str, str]:
    """The two key attributes of an index: what it is asked for, and what orders it.

    The second one of an index of one field is a text that orders items by their primary key.
    """
    return f"{name}#1", f"{name}#2"


def index_types(types: Sequence[str]) -> tuple[str, str]:
    """DynamoDB's types of both, from those of the declared fields: S or N."""
    found = ["N" if type_ == "int" else "S" for type_ in types]
    return found[0], found[1] if len(found) > 1 else "S"


# Partitions of the framework's table: what stands before the first `#` says whose they are, so that a role can be
# limited to them (dynamodb:LeadingKeys).

RUN = "run"
LETTERS = "letters"
DEDUPLICATION = "dedup"
LEASE = "lease"
IDEMPOTENCY = "idempotency"
TOKEN = "token"  # noqa: S105 - the name of a partition
"""Increments with a token, by the physical name of their table: written in one transaction with the item."""


def partition(kind: str, owner: str, rest: str = "") -> str:
    """The pk of a record: `run#core.import#01J...`, `letters#core.import`. Names of handlers have no `#`."""
    return f"{kind}#{owner}#{rest}" if rest else f"{kind}#{owner}"


def partitions_of(kind: str, owner: str) -> list[str]:
    """Patterns of IAM for all partitions of an owner."""
    return [partition(kind, owner), partition(kind, owner, "*")]


# Subscriptions

MOST_FILTERED = 5
"""Names of attributes in a filter policy; of a filter with more, SNS looks at the first ones and the gateway at all:
https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html"""


def filtered_by_sns(filter_: dict[str, str]) -> dict[str, str]:
    """The part of a subscriber's filter that its filter policy has."""
    return dict(sorted(filter_.items())[:MOST_FILTERED])


LONGEST_NAME = 256


def attribute_name(name: str) -> str:
    """An attribute's name as SNS and SQS both take it, for messages and for filter policies.

    SQS refuses names of 256 bytes, and neither takes dots at the end or side by side; a subscription that delivers raw
    messages drops without a word what SQS does not take. Such a name is stood for by its hash; the event has it.
    https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
    """
    if len(name) < LONGEST_NAME and not name.endswith(".") and ".." not in name:
        return name
    from hashlib import sha256

    return f"portable-{sha256(name.encode()).hexdigest()[:40]}"
