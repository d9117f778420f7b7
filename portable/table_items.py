"""What a table's items are made into before a driver sees them, and made of again: keys, indexes, ttl, conditions.

One ItemRules per declared table: declaration checks when it is made, item checks when it runs. No I/O.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from .capabilities import Profile
from .documents import DocumentRules, decode, encode, size_of
from .drivers import ALWAYS, Condition, IndexValue, NewItem, StoredItem
from .errors import DeclarationError, InvalidArgument, Location
from .patterns import Pattern
from .specs import IndexSpec
from .table_keys import CONSTANT_SK, index_value, key_text
from .table_models import ItemModel

if TYPE_CHECKING:
    from .table_keys import KeyValue

T = TypeVar("T")

# 9999-12-31T23:59:59Z; anything later is a count of milliseconds, or a mistake.
LAST_SECOND = 253_402_300_799
INDEX_NAME = Pattern(r"[a-z][a-z0-9_-]{0,62}")


class ItemRules(Generic[T]):
    """The rules for the items of the table `name`; `id` is the resource's, for errors.

    Raises DeclarationError unless key, index and ttl fields exist in the model and have types that serve.
    """

    def __init__(
        self,
        name: str,
        id: str,
        model: Any,
        key: Any,
        indexes: "dict[str, Any]",
        ttl: Any,
        location: Location,
    ) -> None:
        self.name = name
        self.id = id
        self.location = location
        self.model: ItemModel[T] = ItemModel(model, name, location)
        self.key: tuple[str, ...] = self._check_fields((key,) if isinstance(key, str) else key, "key")
        for field in self.key:
            self.model.check_key(field)
        if not isinstance(cast("object", indexes), dict):
            raise self.declaration(f"indexes {indexes!r} is no dict", 'indexes={"by_owner": ("owner", "id")}')
        self.indexes: dict[str, IndexSpec] = {
            index: self._check_index(index, fields) for index, fields in indexes.items()
        }
        if ttl is not None:
            if ttl in self.key:
                raise self.declaration(f"ttl field {ttl!r} is a key field", "take another field")
            self._check_fields((ttl,), "ttl")
            self.model.check_ttl(ttl)
        self.ttl: str | None = ttl

    def declaration(self, message: str, hint: str) -> DeclarationError:
        """A mistake in how the table is declared."""
        return DeclarationError(f"table {self.name!r}: {message}", hint=hint, location=self.location)

    def _check_fields(self, fields: Any, role: str) -> tuple[str, ...]:
        if not isinstance(fields, (tuple, list)):
            raise self.declaration(f"{role} {fields!r} is no tuple of field names", f'for instance {role}=("id",)')
        names = tuple(cast("Sequence[Any]", fields))
        if not 1 <= len(names) <= 2 or (names[0] == names[-1] and len(names) == 2):
            raise self.declaration(
                f"{role} {names!r} does not name one or two different fields",
                "the second one orders the items",
            )
        for field in names:
            reserved = isinstance(field, str) and len(field) >= 4 and field[:2] == field[-2:] == "__"
            if not isinstance(field, str) or not 1 <= len(field.encode(errors="replace")) <= 255 or reserved:
                raise self.declaration(f"{role} field {field!r} is no field name", "1-255 bytes, not __x__")
        return cast("tuple[str, ...]", names)

    def _check_index(self, name: Any, fields: Any) -> IndexSpec:
        if not isinstance(name, str) or INDEX_NAME.fullmatch(name) is None:
            raise self.declaration(
                f"index name {name!r} is not lower-case letters, digits, _ and -", 'for instance "by_owner"'
            )
        names = self._check_fields(fields, f"indexes[{name!r}]")
        return IndexSpec(name, names, tuple(self.model.check_index(field) for field in names))

    def item_key(self, key: "tuple[KeyValue, ...]", profile: Profile) -> tuple[str, str]:
        """pk and sk of the key fields' values."""
        fields = self.key
        if len(key) != len(fields):
            raise InvalidArgument(
                f"table {self.name!r} has {len(fields)} key field{'s' * (len(fields) - 1)} "
                f"({', '.join(fields)}), not {len(key)}",
                resource=self.id,
                key=key,
            )
        pk = key_text(key[0], profile, fields[0], self.id, key=key)
        return pk, key_text(key[1], profile, fields[1], self.id, key=key) if len(fields) == 2 else CONSTANT_SK

    def shown(self, pk: str, sk: str) -> str | tuple[str, str]:
        """A key as messages have it."""
        return pk if len(self.key) == 1 else (pk, sk)

    def new_item(self, item: T, rules: DocumentRules) -> NewItem:
        """The item as drivers take it. Raises InvalidArgument or LimitExceeded."""
        fields, id_ = self.key, self.id
        plain = self.model.plain(item)
        document = rules.check(plain, what=f"table {self.name!r}", resource=id_)
        for field in fields:
            if field not in document:
                raise InvalidArgument(f"table {self.name!r}: the item has no key field {field!r}", resource=id_)
        pk = key_text(document[fields[0]], rules.profile, fields[0], id_)
        sk = key_text(document[fields[1]], rules.profile, fields[1], id_) if len(fields) == 2 else CONSTANT_SK
        encoded = encode(document)
        size = size_of(encoded)
        rules.profile.check("item_bytes", size, "the item", resource=id_, key=self.shown(pk, sk))
        values: dict[str, tuple[IndexValue, ...]] = {}
        for index in self.indexes.values():
            found = [document.get(field) for field in index.fields]
            if None not in found:
                values[index.name] = tuple(
                    index_value(value, type_, rules.profile, f"index field {field!r}", id_)
                    for value, type_, field in zip(found, index.types, index.fields, strict=True)
                )
        expires_at = None if self.ttl is None else self._expiry(document.get(self.ttl))
        return NewItem(pk, sk, document, encoded, values, expires_at)

    def _expiry(self, value: Any) -> int | None:
        """The second from which the item is absent; a datetime within a second counts to its end, never early."""
        if value is None:
            return None
        if hasattr(value, "timestamp"):
            seconds = value.timestamp()
            value = int(seconds) + (seconds % 1 > 0)
        if type(value) is not int or not 0 <= value <= LAST_SECOND:
            raise InvalidArgument(
                f"table {self.name!r}: ttl field {self.ttl!r} is {value!r}",
                hint="an aware datetime, or epoch seconds (not milliseconds), or None",
                resource=self.id,
            )
        return value

    def load(self, stored: StoredItem) -> T:
        """The item of a stored document. Raises DeclarationError, naming the key, if it no longer fits the model."""
        document = stored.document
        if document is None:
            assert stored.encoded is not None
            document = decode(stored.encoded)
        try:
            return self.model.load(document)
        except InvalidArgument as error:
            key = self.shown(stored.pk, stored.sk)
            raise DeclarationError(
                f"table {self.name!r}: the stored item {key!r} no longer fits {self.model.name}: {error.message}",
                hint="give new fields a default, or write the stored items anew",
                location=self.location,
                resource=self.id,
                key=key,
            ) from error

    def condition(self, absent: bool, present: bool, version: str | None) -> Condition:
        """The condition of a write. Raises InvalidArgument for more than one."""
        if not absent and not present and version is None:
            return ALWAYS
        if bool(absent) + bool(present) + (version is not None) > 1:
            raise InvalidArgument("if_absent, if_present and if_version exclude one another", resource=self.id)
        if version is not None and (type(version) is not str or not version):
            raise InvalidArgument(
                f"if_version={version!r} is no version",
                hint="take it from get_entry or put",
                resource=self.id,
            )
        return Condition(bool(absent), bool(present), version)
