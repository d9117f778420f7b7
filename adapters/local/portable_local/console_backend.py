"""The console's Backend: what the supervisor has told, what the store has, and what is asked of the supervisor.

It uses the store as any child does: reads on connections of its own, writes through the owner of the data folder.
"""

import http.client
import json
import math
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from portable.adapter import Project
from portable.bucket_keys import check_content_type, check_key, check_prefix
from portable.capabilities import Profile, load_profile
from portable.cli.project import load_described
from portable.config import check_value
from portable.console.backend import Again
from portable.console.description import Description, kind_of, schedule_text
from portable.drivers import Condition, IndexValue, NewItem, StoredItem
from portable.errors import InvalidArgument, NotFound, PortableError, Unavailable
from portable.records import payload_of
from portable.schedules import fire_times
from portable.table_keys import CONSTANT_SK, key_text

from .buckets import LocalBucket
from .item_check import check_item
from .queues import LocalDeadLetters
from .recording import is_recorded
from .remote import RemoteStore
from .store.wiring_ops import index_values
from .tables import LocalTable
from .transport import Channel
from .values import read_values, write_value

Item = dict[str, Any]
Kind = Literal["param", "secret"]

REQUEST_SECONDS = 120.0
"""More than any handler may take; where it may stand at a breakpoint, there is no limit."""
MOST_LETTERS = 10_000
MASK = "••••••••"
LAST_SECOND = 253_402_300_799


class LocalBackend:
    """Implements portable.console.backend.Backend. `tell` takes what the supervisor says."""

    def __init__(
        self,
        project: Project,
        data: Path,
        socket_path: str,
        api_url: str,
        pid: int,
        started_at: float,
        *,
        has_limits: bool = True,
    ) -> None:
        self._request_seconds = REQUEST_SECONDS if has_limits else None
        self._project = project
        self._data = data
        self._socket_path = socket_path
        self._store = RemoteStore(data, socket_path, api_url)
        self._profile: Profile = load_profile()
        self._lock = threading.Lock()
        self._describing = threading.Lock()
        self._description = Description()
        self._full: Description | None = None
        self._openapi: Item | None = None
        self._status: Item = {
            "stage": "dev",
            "pid": pid,
            "started_at": started_at,
            "api_url": api_url,
            "python": "",
            "watched_files": 0,
            "last_reload": None,
            "import_error": None,
            "is_running": False,
            "is_recorded": is_recorded(),
        }

    # What the supervisor tells

    def serves(self, manifest: Item, told: Item) -> None:
        """Another version of the app serves."""
        with self._lock:
            self._description = Description(manifest)
            self._full = self._openapi = None
            self._status.update(told, app=self._description.name, import_error=None, is_running=True)

    def failed(self, error: Item) -> None:
        """What was saved does not import."""
        with self._lock:
            self._status["import_error"] = error

    def status(self) -> Item:
        with self._lock:
            return dict(self._status)

    def described(self) -> Description:
        with self._lock:
            return self._full or self._description

    def full_description(self) -> Description:
        """With grants, which take a look at all of the code: a process of its own does that, once a version."""
        found = self._once(lambda: self._full, lambda: load_described(self._project, "manifest"))
        if found is None:
            return self.described()
        if not isinstance(found, Description):
            with self._lock:
                self._full = found = Description(found)
        return found

    def openapi(self) -> Item:
        found = self._once(lambda: self._openapi, lambda: load_described(self._project, "openapi"))
        if found is None:
            raise Unavailable("the app cannot be loaded now", hint="see the import error")
        with self._lock:
            self._openapi = found
        return dict(found)

    def _once(self, known: Callable[[], Any], load: Callable[[], Item]) -> Any:
        with self._describing:
            with self._lock:
                found = known()
            if found is not None:
                return found
            try:
                return load()
            except PortableError:
                return None

    def module(self) -> tuple[str, str]:
        return self._project.module, self._project.attribute

    # Running things

    def invoke(self, handler: str, payload: str, traceparent: str, again: Again | None = None) -> Item:
        again = again or Again(1, {}, None)
        told = [again.attempt, dict(again.attributes), again.scheduled_at]
        with self._channel() as channel:
            answer: Item = channel.call(["invoke", handler, payload, traceparent, told])
        return answer

    @contextmanager
    def _channel(self) -> Generator[Channel]:
        try:
            channel = Channel.connect(self._socket_path)
        except OSError as error:
            raise Unavailable("`portable dev` has ended", hint="start it again") from error
        try:
            yield channel
        finally:
            channel.close()

    def request(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> Item:
        place = urlsplit(str(self._status["api_url"]))
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=self._request_seconds)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("host", place.netloc)
            for name, value in headers:
                connection.putheader(name, value)
            if body or method in ("POST", "PUT", "PATCH"):
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"the app did not answer: {error}", hint="see what `portable dev` says") from error
        finally:
            connection.close()
        return {"status": answer.status, "headers": answer.getheaders()}

    # Schedules

    def _handler(self, name: str, *kinds: str) -> Item:
        found = self.described().handlers.get(name)
        if found is None or (kinds and kind_of(found) not in kinds) or kind_of(found) == "http":
            raise NotFound(f"there is no {' or '.join(kinds) or 'background handler'} {name}")
        return found

    def schedules(self, count: int) -> list[Item]:
        rows = self._store.read("SELECT handler, cron, zone, last FROM schedules ORDER BY handler")
        fired: dict[str, float] = dict(
            self._store.read("SELECT handler, max(at) FROM fires WHERE outcome = 'queued' GROUP BY handler")
        )
        handlers = self.described().handlers
        paused = self._paused()
        now = self._store.clock.now()
        found: list[Item] = []
        for handler, cron, zone, _ in rows:
            times = fire_times(cron, zone, now)
            found.append(
                {
                    "handler": handler,
                    "service": handlers.get(handler, {}).get("service", ""),
                    "cron": cron,
                    "zone": zone,
                    "text": schedule_text(cron, zone),
                    "next": [at for at, _ in zip(times, range(count), strict=False)],
                    "last": fired.get(handler),
                    "is_paused": handler in paused,
                }
            )
        return found

    def _paused(self) -> set[str]:
        return {row[0] for row in self._store.read("SELECT substr(name, 8) FROM meta WHERE name LIKE 'paused:%'")}

    def run_schedule(self, handler: str) -> None:
        self._handler(handler, "schedule")
        now = self._store.clock.now()
        outcome = self._store.call("schedule.fire", {"handler": handler, "at": now, "manual": True})
        if outcome == "skipped":
            raise Unavailable(f"{handler} is running, or waits to run", hint="its overlap policy is `skip`")

    def pause_schedule(self, handler: str, *, is_paused: bool) -> None:
        self._handler(handler, "schedule")
        self._store.call("schedule.pause", {"handler": handler, "is_paused": is_paused})

    # Queues

    def queues(self) -> list[Item]:
        rows = self._store.read(
            "SELECT handler, state, count(*), min(enqueued_at) FROM deliveries "
            "WHERE state IN ('queued', 'running', 'failed', 'dead') GROUP BY handler, state"
        )
        counts = {(handler, state): (count, oldest) for handler, state, count, oldest in rows}
        found: list[Item] = []
        for handler in self.described().manifest["handlers"]:
            if kind_of(handler) == "http":
                continue
            name = handler["name"]
            waiting = [counts[name, state][1] for state in ("queued", "failed") if (name, state) in counts]
            found.append(
                {
                    "handler": name,
                    "service": handler["service"],
                    "kind": kind_of(handler),
                    "source": source_name(handler),
                    "depth": counts.get((name, "queued"), (0,))[0],
                    "in_flight": counts.get((name, "running"), (0,))[0],
                    "retrying": counts.get((name, "failed"), (0,))[0],
                    "dead": counts.get((name, "dead"), (0,))[0],
                    "oldest_at": min(waiting, default=None),
                }
            )
        return found

    def dead_letters(self, handler: str, *, limit: int, cursor: str | None) -> Item:
        self._handler(handler)
        page = LocalDeadLetters(self._store, handler).list(limit=limit, cursor=cursor)
        items: list[Item] = []
        for letter in page.letters:
            shown = letter._asdict()
            traceparent = shown.pop("traceparent")
            items.append({**shown, "trace_id": traceparent[3:35]})
        return {"items": items, "next": page.cursor}

    def redrive(self, handler: str, ids: list[str] | None) -> int:
        self._handler(handler)
        driver = LocalDeadLetters(self._store, handler)
        return sum(driver.redrive(id) for id in (self._letters(driver) if ids is None else ids))

    def _letters(self, driver: LocalDeadLetters) -> Iterator[str]:
        """The ids of those that there are now, at most so many: one that dies again meanwhile is none of them."""
        found: list[str] = []
        cursor: str | None = None
        while len(found) < MOST_LETTERS:
            page = driver.list(limit=1000, cursor=cursor)
            found += [letter.id for letter in page.letters]
            cursor = page.cursor
            if cursor is None:
                break
        return iter(found)

    def discard(self, handler: str, ids: list[str]) -> int:
        self._handler(handler)
        driver = LocalDeadLetters(self._store, handler)
        return sum(driver.discard(id) for id in ids)

    # Tables

    def _declared(self, kind: str, name: str) -> Item:
        for one in self.described().manifest[f"{kind}s"]:
            if one["name"] == name:
                found: Item = one
                return found
        raise NotFound(f"there is no {kind} {name}")

    def tables(self) -> list[Item]:
        counts: dict[str, int] = dict(
            self._store.read("SELECT t.name, count(*) FROM items i JOIN tables t ON t.id = i.tbl GROUP BY t.name")
        )
        described = self.described()
        return [
            {
                "name": table["name"],
                "service": table["service"],
                "key": table["key"],
                "indexes": [{"name": index["name"], "fields": index["fields"]} for index in table["indexes"]],
                "ttl": table["ttl"],
                "model": table["model"],
                "schema": described.schema(table["model"]),
                "count": counts.get(table["name"], 0),
            }
            for table in described.manifest["tables"]
        ]

    def items(self, table: str, *, pk: str | None, index: str | None, limit: int, cursor: str | None) -> Item:
        """All items, those of a pk, or those of an index whose first field is `pk`."""
        declared = self._declared("table", table)
        driver = LocalTable(self._store, table)
        try:
            if index is not None:
                page = driver.query_index(
                    index, index_value(declared, index, pk), None, reverse=False, limit=limit, cursor=cursor
                )
            elif pk is not None:
                page = driver.query(pk, None, reverse=False, limit=limit, cursor=cursor)
            else:
                page = driver.scan(limit=limit, cursor=cursor)
        except ValueError as error:
            raise InvalidArgument(f"cursor={cursor!r} is not that of a page") from error
        return {"items": [shown_item(item) for item in page.items], "next": page.cursor}

    def put_item(self, table: str, item: Item, version: str | None) -> Item:
        declared = self._declared("table", table)
        new = self._new_item(declared, item)
        if declared["model"] is not None:
            check_item(self._project, table, new.encoded)
        driver = LocalTable(self._store, table)
        written = driver.put(new, Condition(version=version))
        return {"pk": new.pk, "sk": new.sk, "version": written, "item": json.loads(new.encoded)}

    def _new_item(self, table: Item, item: Item) -> NewItem:
        """An item as it is stored. Raises InvalidArgument, LimitExceeded. The app's model is asked by its caller."""
        from portable.documents import decode, encode, rules_for, size_of

        resource = f"table:{table['name']}"
        document = rules_for(self._profile).check(
            decode(json.dumps(item)), what=f"table {table['name']!r}", resource=resource
        )
        for field in table["key"]:
            if field not in document:
                raise InvalidArgument(f"the item has no key field {field!r}", resource=resource)
        keys = [key_text(document[field], self._profile, field, resource) for field in table["key"]]
        encoded = encode(document)
        self._profile.check("item_bytes", size_of(encoded), "the item", resource=resource)
        values = {
            index["name"]: tuple(found)
            for index in table["indexes"]
            if (found := index_values(document, index)) is not None
        }
        expires: Any = document.get(table["ttl"]) if table["ttl"] is not None else None
        if isinstance(expires, datetime):
            expires = math.ceil(expires.timestamp())
        if expires is not None and (type(expires) is not int or not 0 <= expires <= LAST_SECOND):
            raise InvalidArgument(f"the ttl field {table['ttl']!r} is no time", hint="epoch seconds", resource=resource)
        return NewItem(keys[0], keys[1] if len(keys) == 2 else CONSTANT_SK, document, encoded, values, expires)

    def delete_item(self, table: str, pk: str, sk: str, version: str | None) -> None:
        self._declared("table", table)
        LocalTable(self._store, table).delete(pk, sk or CONSTANT_SK, Condition(version=version))

    # Buckets

    def buckets(self) -> list[Item]:
        rows = self._store.read("SELECT bucket, count(*), sum(size) FROM objects GROUP BY bucket")
        sizes = {bucket: (count, size) for bucket, count, size in rows}
        found: list[Item] = []
        for bucket in self.described().manifest["buckets"]:
            count, size = sizes.get(bucket["name"], (0, 0))
            found.append({"name": bucket["name"], "service": bucket["service"], "count": count, "bytes": size})
        return found

    def _bucket(self, name: str) -> LocalBucket:
        self._declared("bucket", name)
        return LocalBucket(self._store, name)

    def objects(self, bucket: str, *, prefix: str, cursor: str | None, limit: int) -> Item:
        driver = self._bucket(bucket)
        check_prefix(prefix, self._profile, f"bucket:{bucket}")
        page = driver.list(prefix, delimiter=None, start_after=cursor, limit=limit)
        items = [
            {"key": one.key, "size": one.size, "etag": one.etag, "modified_at": one.modified} for one in page.objects
        ]
        return {"items": items, "prefixes": page.prefixes, "next": page.cursor}

    def read_object(self, bucket: str, key: str, most: int) -> Item:
        found = self._bucket(bucket).read(key, 0, most)
        if found is None:
            raise NotFound(f"bucket {bucket} has no object {key!r}")
        record, chunks = found
        body = b"".join(chunks)
        # A preview: it is cut to what a record of a body would be, unless it is all that there is.
        kept = payload_of(body)
        return {
            **head_of(record),
            "encoding": kept.encoding,
            "body": kept.body,
            "is_cut": kept.is_cut or record.size > most,
        }

    def write_object(self, bucket: str, key: str, body: bytes, content_type: str) -> Item:
        driver = self._bucket(bucket)
        resource = f"bucket:{bucket}"
        check_key(key, self._profile, resource)
        kind = check_content_type(content_type, resource, key)
        record = driver.write(key, iter([body]), content_type=kind, metadata={}, condition=Condition())
        return head_of(record)

    def delete_object(self, bucket: str, key: str) -> None:
        driver = self._bucket(bucket)
        check_key(key, self._profile, f"bucket:{bucket}")
        driver.delete(key, Condition())

    # Values

    def values(self) -> list[Item]:
        """Of params and secrets alike only whether they are set: the console shows no value."""
        found: list[Item] = []
        kinds: tuple[Kind, ...] = ("param", "secret")
        for kind in kinds:
            known = read_values(self._data, kind)
            found += [
                {
                    "name": one["name"],
                    "kind": kind,
                    "service": one["service"],
                    "is_set": one["name"] in known,
                    "masked": MASK if one["name"] in known else None,
                }
                for one in self.described().manifest[f"{kind}s"]
            ]
        return found

    def write_value(self, name: str, value: str | None) -> None:
        kinds: tuple[Kind, ...] = ("param", "secret")
        for kind in kinds:
            if any(one["name"] == name for one in self.described().manifest[f"{kind}s"]):
                if value is not None:
                    check_value(kind, name, value, self._profile)
                write_value(self._data, kind, name, value)
                return
        raise NotFound(f"there is no param or secret {name}")


def source_name(handler: Item) -> str:
    trigger = handler["trigger"]
    return str(trigger.get("source") or trigger.get("table") or trigger.get("bucket") or handler["name"])


def index_value(table: Item, index: str, text: str | None) -> IndexValue:
    """What an index is asked for, as its first field has it. Raises InvalidArgument, NotFound."""
    for one in table["indexes"]:
        if one["name"] == index:
            if text is None:
                raise InvalidArgument(f"index {index} needs a value", hint=f"pk= is that of {one['fields'][0]}")
            if one["types"][0] != "int":
                return text
            if not text.lstrip("-").isdecimal():
                raise InvalidArgument(f"{one['fields'][0]} is an integer")
            return int(text)
    raise NotFound(f"table {table['name']} has no index {index}")


def shown_item(stored: StoredItem) -> Item:
    """With the tags of what JSON has no words for, so that it can be edited and put back."""
    return {"pk": stored.pk, "sk": stored.sk, "version": stored.version, "item": json.loads(stored.encoded or "{}")}


def head_of(record: Any) -> Item:
    return {
        "key": record.key,
        "size": record.size,
        "version": record.version,
        "content_type": record.content_type,
        "metadata": record.metadata,
        "modified_at": record.modified,
    }
