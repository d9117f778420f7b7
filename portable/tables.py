"""Tables of documents under a partition key and a sort key: what handlers hold.

Every argument is checked here, before any I/O; a driver sees only plain values. How values, keys and models are checked
stands in documents.py, table_keys.py and table_models.py; changes of tables in changes.py.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from .binding import Grant, Registry, Resource
from .changes import Change, ChangeCodec
from .documents import DocumentRules, rules_for, size_of
from .drivers import (
    ALWAYS,
    CheckAction,
    Condition,
    DeleteAction,
    DriverFactory,
    NewItem,
    PutAction,
    SortCondition,
    StoredPage,
    TableDriver,
    WriteAction,
)
from .errors import Conflict, InvalidArgument, Location, NotFound, caller_location
from .retries import check_retry
from .specs import RetryPolicy, TableChange, TableSpec
from .table_items import ItemRules
from .table_keys import (
    CONSTANT_SK,
    between,
    check_sort,
    eq,
    ge,
    gt,
    index_value,
    key_text,
    le,
    lt,
    open_cursor,
    prefix,
    seal_cursor,
)
from .table_records import Action, Entry, Failures, Page

if TYPE_CHECKING:
    from .table_keys import KeyValue, SortValue

__all__ = [
    "CONSTANT_SK",
    "Action",
    "Change",
    "Entry",
    "Failures",
    "Page",
    "Table",
    "between",
    "eq",
    "ge",
    "gt",
    "le",
    "lt",
    "prefix",
]

T = TypeVar("T")
ChangeFunction = TypeVar("ChangeFunction", bound=Callable[..., Any])

UPDATE_TRIES = 8
QUERY_MOST = 1000


class Table(Resource[TableDriver], Generic[T]):
    """A table of documents, declared by `app.table(...)`. Items are of the model `T`, or dicts without one.

    Keys are 1-330 bytes of UTF-8 for each field; UUIDs, dates and Enums stand for their text. Reads by key and queries
    of one pk see every write acknowledged before (pass `eventual=True` where an older state will do: it costs less on
    some providers); index queries lag behind. An item past its ttl is absent to every method from that second on.

    Every method raises InvalidArgument or LimitExceeded before any I/O for what no provider could take, and
    Throttled, Unavailable or Unknown for what the provider answers.
    """

    kind = "table"
    verbs: tuple[str, ...] = (
        "get",
        "require",
        "get_entry",
        "put",
        "update",
        "delete",
        "increment",
        "query",
        "query_index",
        "transact",
        "batch_get",
        "batch_write",
        "scan",
    )

    def __init__(
        self,
        registry: Registry,
        name: str,
        model: Any,
        *,
        key: str | tuple[str, str],
        indexes: "dict[str, tuple[str] | tuple[str, str]]",
        ttl: str | None,
        location: Location,
    ) -> None:
        super().__init__(registry, name, location)
        items: ItemRules[T] = ItemRules(name, self.id, model, key, indexes, ttl, location)
        self._items = items
        self.spec: TableSpec = TableSpec(
            name,
            registry.name,
            items.key,
            tuple(items.indexes.values()),
            items.ttl,
            items.model.name,
            location,
        )
        self._rules: DocumentRules | None = None

    def _make_driver(self, factory: DriverFactory) -> TableDriver:
        return factory.table(self.spec)

    def rebound(self) -> None:
        super().rebound()
        self._rules = None

    # Shorthands

    @property
    def _checks(self) -> DocumentRules:
        rules = self._rules
        if rules is None:
            rules = self._rules = rules_for(self._profile)
        return rules

    def _item_key(self, key: "tuple[KeyValue, ...]") -> tuple[str, str]:
        return self._items.item_key(key, self._checks.profile)

    def _new_item(self, item: T) -> NewItem:
        return self._items.new_item(item, self._checks)

    def _limit(self, limit: int) -> int:
        if type(limit) is not int or not 1 <= limit <= QUERY_MOST:
            raise InvalidArgument(f"limit={limit!r} is not 1-{QUERY_MOST}", resource=self.id)
        return limit

    def _scope(self, *query: object) -> tuple[object, ...]:
        return (self._registry.binding.adapter, self.id, *query)

    def _page(self, page: StoredPage, scope: tuple[object, ...]) -> Page[T]:
        return Page([self._items.load(stored) for stored in page.items], seal_cursor(page.cursor, scope))

    # One item

    def get(self, *key: "KeyValue", eventual: bool = False) -> T | None:
        """The item of `key` (one or two values, as declared), or None."""
        pk, sk = self._item_key(key)
        stored = self._call("get", self._items.shown(pk, sk), self._driver.get, pk, sk, eventual=eventual)
        return None if stored is None else self._items.load(stored)

    def require(self, *key: "KeyValue", eventual: bool = False) -> T:
        """The item of `key`. Raises NotFound (404 over HTTP) when it is absent."""
        pk, sk = self._item_key(key)
        stored = self._call("require", self._items.shown(pk, sk), self._driver.get, pk, sk, eventual=eventual)
        if stored is None:
            raise self._absent(pk, sk)
        return self._items.load(stored)

    def get_entry(self, *key: "KeyValue", eventual: bool = False) -> Entry[T] | None:
        """The item of `key` with its version, or None."""
        pk, sk = self._item_key(key)
        stored = self._call("get_entry", self._items.shown(pk, sk), self._driver.get, pk, sk, eventual=eventual)
        return None if stored is None else Entry(self._items.load(stored), stored.version)

    def _absent(self, pk: str, sk: str) -> NotFound:
        key = self._items.shown(pk, sk)
        return NotFound(f"table {self.name!r} has no item {key!r}", resource=self.id, key=key)

    def put(self, item: T, *, if_absent: bool = False, if_present: bool = False, if_version: str | None = None) -> str:
        """Writes `item` whole under the key that its fields give, and returns its new version.

        At most one condition: nothing is written and Conflict (409 over HTTP) is raised if there is such an item
        already, is none, or is one of another version.
        """
        condition = self._items.condition(if_absent, if_present, if_version)
        new = self._new_item(item)
        return self._call("put", self._items.shown(new.pk, new.sk), self._driver.put, new, condition)

    def update(self, *key: "KeyValue", change: Callable[[T], T]) -> str:
        """Reads the item, applies `change`, writes what it returns if nobody wrote meanwhile; the new version.

        `change` may run up to 8 times, so it should only compute; it must return the item (the same one, altered, will
        do) and leave its key alone. Raises NotFound when the item is absent and Conflict after 8 lost races.
        """
        pk, sk = self._item_key(key)
        shown = self._items.shown(pk, sk)
        for attempt in range(UPDATE_TRIES):
            stored = self._call("update", shown, self._driver.get, pk, sk)
            if stored is None:
                raise self._absent(pk, sk)
            changed = cast("T | None", change(self._items.load(stored)))
            if changed is None:
                raise InvalidArgument(
                    f"update of {shown!r}: change returned None",
                    hint="return the item",
                    resource=self.id,
                    key=shown,
                )
            new = self._new_item(changed)
            if (new.pk, new.sk) != (pk, sk):
                raise InvalidArgument(
                    f"update of {shown!r}: change gave it the key {self._items.shown(new.pk, new.sk)!r}",
                    hint="put the item under its new key and delete the old one, in one transact if the pk stays",
                    resource=self.id,
                    key=shown,
                )
            try:
                return self._call("update", shown, self._driver.put, new, Condition(version=stored.version))
            except Conflict:
                if attempt + 1 < UPDATE_TRIES:
                    _pause(attempt)
        raise Conflict(
            f"table {self.name!r}: update of {shown!r} lost {UPDATE_TRIES} races",
            hint="an item takes about one write a second on every provider; spread the load over several items",
            resource=self.id,
            key=shown,
        )

    def delete(self, *key: "KeyValue", if_present: bool = False, if_version: str | None = None) -> None:
        """Removes the item of `key`; an absent one is fine unless a condition is given, which raises Conflict."""
        pk, sk = self._item_key(key)
        condition = self._items.condition(False, if_present, if_version)
        self._call("delete", self._items.shown(pk, sk), self._driver.delete, pk, sk, condition)

    def increment(self, *key: "KeyValue", field: str, by: int = 1, token: str | None = None) -> int:
        """Adds `by` to the int in the top-level `field` (0 if missing) and returns the result; atomic.

        n increments add exactly n and each returns a value of its own. Without a `token` (1-100 characters, unique to
        this increment) it is never retried, and a lost answer is raised as Unknown; with one it may be called again
        for at least 10 minutes, applies once and answers alike. Key, index and ttl fields are not for counting.
        Raises NotFound when the item is absent, Conflict when the field holds no int, LimitExceeded past ±(2^53-1).
        """
        pk, sk = self._item_key(key)
        shown, profile = self._items.shown(pk, sk), self._checks.profile
        taken = {
            *self._items.key,
            self._items.ttl,
            *(name for index in self._items.indexes.values() for name in index.fields),
        }
        if type(field) is not str or field in taken or not self._items.model.check_counter(field):
            raise InvalidArgument(
                f"table {self.name!r}: field {field!r} cannot be incremented",
                hint="it is an int field of the item, and not of its key, ttl or an index (update can change those)",
                resource=self.id,
                key=shown,
            )
        self._checks.check({field: 0}, what="field", resource=self.id, key=shown)
        if type(by) is not int:
            raise InvalidArgument(f"by={by!r} is no int", resource=self.id, key=shown)
        profile.check("integer", abs(by), "by", resource=self.id, key=shown)
        if token is not None and (type(token) is not str or not 1 <= len(token) <= 100 or not token.isprintable()):
            raise InvalidArgument(
                f"token={token!r} is no token", hint="1-100 printable characters", resource=self.id, key=shown
            )
        bound = profile.value("integer")
        return self._call("increment", shown, self._driver.increment, pk, sk, field, by, token, bound)

    # Many items

    def query(
        self,
        pk: "KeyValue",
        sk: "str | SortCondition | KeyValue | None" = None,
        *,
        reverse: bool = False,
        limit: int = 100,
        cursor: str | None = None,
        eventual: bool = False,
    ) -> Page[T]:
        """The items of one pk in the byte order of their sort keys, `limit` (1-1000) at a time.

        `sk` restricts the sort key: a value, or one of eq, lt, le, gt, ge, between, prefix. While others write, paging
        shows every item that is there throughout exactly once. `cursor` is that of the page before, of the same query.
        """
        profile, id_ = self._checks.profile, self.id
        text = key_text(pk, profile, self._items.key[0], id_)
        if sk is not None and len(self._items.key) == 1:
            raise InvalidArgument(f"table {self.name!r} has no sort key", resource=id_)
        sort = check_sort(sk, "str", profile, self._items.key[-1], id_)
        scope = self._scope("query", text, sort, bool(reverse))
        page = self._call(
            "query",
            text,
            self._driver.query,
            text,
            sort,
            reverse=bool(reverse),
            limit=self._limit(limit),
            cursor=open_cursor(cursor, scope, id_),
            eventual=eventual,
        )
        return self._page(page, scope)

    def query_index(
        self,
        name: str,
        value: "SortValue",
        sk: "SortCondition | SortValue | None" = None,
        *,
        reverse: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[T]:
        """The items whose first field of index `name` is `value`, ordered by the second one (else by key).

        Eventually consistent on every provider: a write shows within seconds. `sk` restricts the second field.
        Without a second field the order is by primary key. Items that lack a field of the index are not in it.
        """
        profile, id_ = self._checks.profile, self.id
        index = self._items.indexes.get(name)
        if index is None:
            raise InvalidArgument(
                f"table {self.name!r} has no index {name!r}",
                hint=f"it has {', '.join(self._items.indexes) or 'none'}",
                resource=id_,
            )
        first = index_value(value, index.types[0], profile, index.fields[0], id_)
        if sk is not None and len(index.fields) == 1:
            raise InvalidArgument(f"index {name!r} has no second field", resource=id_)
        sort = check_sort(sk, index.types[-1], profile, index.fields[-1], id_)
        scope = self._scope("index", name, first, sort, bool(reverse))
        page = self._call(
            "query_index",
            first,
            self._driver.query_index,
            name,
            first,
            sort,
            reverse=bool(reverse),
            limit=self._limit(limit),
            cursor=open_cursor(cursor, scope, id_),
        )
        return self._page(page, scope)

    def scan(self, *, limit: int = 100, cursor: str | None = None) -> Page[T]:
        """Every item of the table once, in no promised order: for export. It reads, and costs, the whole table."""
        scope = self._scope("scan")
        opened = open_cursor(cursor, scope, self.id)
        return self._page(self._call("scan", None, self._driver.scan, limit=self._limit(limit), cursor=opened), scope)

    def batch_get(self, keys: "Iterable[KeyValue | tuple[KeyValue, ...]]") -> list[T]:
        """The items of `keys` (values, or tuples for a key of two fields) that are there, in the order of `keys`.

        Any number; a key given twice counts once. Not a snapshot: each item is read by itself.
        """
        wanted = dict.fromkeys(self._item_key(key if isinstance(key, tuple) else (key,)) for key in keys)
        if not wanted:
            return []
        stored = self._call("batch_get", None, self._driver.batch_get, list(wanted))
        found = {(item.pk, item.sk): item for item in stored}
        return [self._items.load(found[key]) for key in wanted if key in found]

    def batch_write(
        self, puts: Iterable[T] = (), *, deletes: "Iterable[KeyValue | tuple[KeyValue, ...]]" = ()
    ) -> Failures[T]:
        """Writes and deletes any number of different items, without conditions, not atomically, in no order.

        Returns what was not written (false when all was): try that again.
        """
        items, keys = list(puts), [key if isinstance(key, tuple) else (key,) for key in deletes]
        actions: list[PutAction | DeleteAction] = [PutAction(self._new_item(item), ALWAYS) for item in items]
        actions += [DeleteAction(*self._item_key(key), ALWAYS) for key in keys]
        self._check_distinct(actions)
        failures: Failures[T] = Failures([], [])
        if actions:
            for position in sorted(self._call("batch_write", None, self._driver.batch_write, actions)):
                if position < len(items):
                    failures.puts.append(items[position])
                else:
                    failures.deletes.append(keys[position - len(items)])
        return failures

    # Transactions

    def putting(
        self, item: T, *, if_absent: bool = False, if_present: bool = False, if_version: str | None = None
    ) -> Action:
        """A `put` as a step of `transact`."""
        return Action(
            self.id, PutAction(self._new_item(item), self._items.condition(if_absent, if_present, if_version))
        )

    def deleting(self, *key: "KeyValue", if_present: bool = False, if_version: str | None = None) -> Action:
        """A `delete` as a step of `transact`."""
        pk, sk = self._item_key(key)
        return Action(self.id, DeleteAction(pk, sk, self._items.condition(False, if_present, if_version)))

    def checking(
        self,
        *key: "KeyValue",
        if_absent: bool = False,
        if_present: bool = False,
        if_version: str | None = None,
    ) -> Action:
        """A condition on an item that `transact` does not write."""
        pk, sk = self._item_key(key)
        condition = self._items.condition(if_absent, if_present, if_version)
        if condition == ALWAYS:
            raise InvalidArgument("checking needs if_absent, if_present or if_version", resource=self.id)
        return Action(self.id, CheckAction(pk, sk, condition))

    def transact(self, actions: Iterable[Action]) -> list[str | None]:
        """Does all of `actions` or, when one condition fails (Conflict), nothing; the version of each put, else None.

        At most 100 steps and 1 MiB, on different items of one pk of this table; writes only: reading several items
        together is no snapshot on every provider. The steps come from `putting`, `deleting` and `checking`.
        """
        steps = list(actions)
        for position, step in enumerate(steps):
            if type(step) is not Action or step.table != self.id:
                raise InvalidArgument(
                    f"step {position} of transact is not of table {self.name!r}",
                    hint="make it with putting, deleting or checking of this table",
                    resource=self.id,
                )
        if not steps:
            return []
        writes = [step.write for step in steps]
        profile = self._checks.profile
        profile.check("transaction_items", len(writes), "steps of transact", resource=self.id)
        pks = {_key_of(write)[0] for write in writes}
        if len(pks) > 1:
            raise InvalidArgument(
                f"transact on {len(pks)} values of {self._items.key[0]!r}: a transaction stays within one",
                hint="give the items that change together one pk",
                resource=self.id,
            )
        self._check_distinct(writes)
        size = sum(size_of(write.item.encoded) for write in writes if isinstance(write, PutAction))
        profile.check("transaction_bytes", size, "items of transact together", resource=self.id)
        import os

        return self._call("transact", pks.pop(), self._driver.transact, writes, os.urandom(16).hex())

    def _check_distinct(self, writes: Sequence[WriteAction]) -> None:
        seen: set[tuple[str, str]] = set()
        for write in writes:
            key = _key_of(write)
            if key in seen:
                shown = self._items.shown(*key)
                raise InvalidArgument(f"{shown!r} is written twice in one call", resource=self.id, key=shown)
            seen.add(key)

    # Changes

    @overload
    def on_change(self, function: ChangeFunction) -> ChangeFunction: ...
    @overload
    def on_change(
        self,
        *,
        max_attempts: int = 5,
        min_backoff: float = 1.0,
        max_backoff: float = 300.0,
        timeout: int = 300,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
        service: Registry | None = None,
    ) -> Callable[[ChangeFunction], ChangeFunction]: ...
    def on_change(
        self,
        function: Callable[..., Any] | None = None,
        *,
        max_attempts: int = 5,
        min_backoff: float = 1.0,
        max_backoff: float = 300.0,
        timeout: int = 300,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
        service: Registry | None = None,
    ) -> Any:
        """Calls the decorated function with a Change after every write and deletion of an item: `@notes.on_change`.

        One item a call, at least once, in no order, within seconds; versions in between may be skipped, so keep the
        last version handled and ask `change.is_newer_than(seen)`. Failures are tried again as declared (`max_attempts`
        1-100), then kept with the dead letters. `timeout` is at most 540 seconds. `service` has the handler, and its
        permissions, in another service than the table's. Raises DeclarationError.
        """
        retry = check_retry(
            f"table {self.name!r}: on_change", RetryPolicy(max_attempts, min_backoff, max_backoff), caller_location()
        )

        def register(handler: ChangeFunction) -> ChangeFunction:
            (service or self._registry).register_handler(
                handler,
                TableChange(self._registry.qualify(self.name), retry),
                timeout=timeout,
                decode=ChangeCodec(self._items.model, self.name),
                memory=memory,
                uses=uses,
                name=name,
            )
            return handler

        return register if function is None else register(function)


def _key_of(write: WriteAction) -> tuple[str, str]:
    return (write.item.pk, write.item.sk) if isinstance(write, PutAction) else (write.pk, write.sk)


def _pause(attempt: int) -> None:
    """Full jitter before the next try of an update, so that writers who met once do not meet again."""
    import random

    time.sleep(random.uniform(0, min(0.2, 0.004 * 2**attempt)))  # noqa: S311
