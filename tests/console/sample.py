"""A console over made-up records that look like an evening's work on examples/fatfire: for tests, pages and pictures.

    python -m tests.console.sample --port 0          prints the address with its key, and serves until interrupted

Records are made from a seed, the newest of them now; `--live` goes on making some. What a page changes (schedules,
queues, items, objects, values) is changed in memory.
"""

import argparse
import asyncio
import base64
import json
import random
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

from portable_local.console_server import Console

from portable.cli.project import find_project, load_described, load_manifest
from portable.console.access import link, new_key
from portable.console.backend import Again
from portable.console.description import Description, kind_of, schedule_text
from portable.console.store import Batch
from portable.errors import Conflict, InvalidArgument, NotFound
from portable.identifiers import new_ids, new_span_id
from portable.records import AnyRecord, letter_of, payload_of
from portable.schedules import fire_times
from portable.telemetry import CallRecord, InvocationRecord, Kind, LogRecord, OutcomeName, Record

ROOT = Path(__file__).resolve().parents[2]
FATFIRE = ROOT / "examples" / "fatfire"
HOURS = 6
USERS = ("maya", "jonas", "lena")
ERROR = (
    "ConnectionError: the rates of 2026-11-25 could not be read after 3 "
    "attempts: https://rates.example.org/v2/daily?base=EUR&on=2026-11-25&symbols=USD,GBP,CHF,JPY,SEK answered 503"
)
TRACEBACK = f"""Traceback (most recent call last):
  File "fatfire/services/exchange/__init__.py", line 28, in refresh
    return load_rates()
{ERROR}
"""


@cache
def manifest() -> dict[str, Any]:
    """fatfire's, with its grants."""
    found: dict[str, Any] = load_manifest(find_project(str(FATFIRE)))
    return found


@cache
def openapi() -> dict[str, Any]:
    """fatfire's document."""
    return load_described(find_project(str(FATFIRE)), "openapi")


class Story:
    """Makes the records of transactions."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.records: list[Record] = []
        self.handlers = {one["name"]: one for one in manifest()["handlers"]}
        self.grants: dict[str, list[dict[str, Any]]] = {}
        for grant in manifest()["grants"]:
            self.grants.setdefault(grant["handler"], []).append(grant)
        self._warm: set[str] = set()

    def seconds(self, median: float) -> float:
        return median * self.random.lognormvariate(0, 0.5)

    def invocation(
        self,
        handler: str,
        at: float,
        *,
        trace: str,
        parent: str = "",
        attempt: int = 1,
        error: str | None = None,
        outcome: OutcomeName | None = None,
        median: float = 0.02,
        waited: float = 0.0,
        id: str = "",
        body: Any = None,
        answer: Any = None,
    ) -> tuple[str, float]:
        """One attempt with its calls and lines; its span, and when it ended."""
        declared = self.handlers[handler]
        kind = cast("Kind", kind_of(declared))
        span = new_span_id()
        took = self.seconds(median)
        trigger = declared["trigger"]
        is_cold = handler not in self._warm and self.random.random() < 0.3
        self._warm.add(handler)
        if is_cold:
            took += 0.18
        target = ""
        name = f"{kind}:{trigger.get('source') or trigger.get('table') or trigger.get('bucket') or handler}"
        if kind == "http":
            method, path = trigger["methods"][0], trigger["path"]
            name = f"{method} {path}"
            for parameter, value in (("user", self.random.choice(USERS)), ("portfolio", "growth"), ("asset", "a-17")):
                path = path.replace(f"{{{parameter}}}", value)
            target = f"{method} {path}"
            if "convert" in path or "rates" in path:
                target += "?currency=EUR&on=2026-11-25"
        grants = self.grants.get(handler, [])
        calls = [] if not grants else [self.random.choice(grants) for _ in range(self.random.randint(1, 5))]
        moment = at + took * 0.1
        for number, grant in enumerate(calls):
            spent = took * 0.7 / len(calls) * self.random.uniform(0.4, 0.95)
            failed = error if error is not None and number == len(calls) - 1 and self.random.random() < 0.3 else None
            result = json.dumps({"items": [{"pk": "maya", "sk": "a-17", "item": {"owner": "maya"}}]})
            is_read = grant["verb"] in ("get", "require", "query")
            self.records.append(
                CallRecord(
                    trace,
                    new_span_id(),
                    span,
                    grant["resource"],
                    grant["verb"],
                    f"('{self.random.choice(USERS)}', '2026-11')",
                    moment,
                    spent,
                    failed,
                    result if is_read else None,
                )
            )
            moment += took * 0.7 / len(calls)
        self._lines(handler, trace, span, at, took, error, id or trace)
        refused = kind == "http" and self.random.random() < 0.04
        status = (500 if error else 404 if refused else 200) if kind == "http" else 0
        headers = (
            (("host", "127.0.0.1:8000"), ("accept", "application/json"), ("authorization", "Bearer made-up-0123456789"))
            if kind == "http"
            else ()
        )
        sent = json.dumps(body) if body is not None else "" if kind == "http" else json.dumps({"owner": "maya"})
        said = json.dumps(answer if answer is not None else {"currency": "EUR", "net_worth": "412870.16"})
        frame = None if error is None else ("fatfire/services/exchange/__init__.py", 28, "refresh")
        self.records.append(
            InvocationRecord(
                trace,
                span,
                parent,
                kind,
                handler,
                id or trace,
                attempt,
                at,
                took,
                name,
                outcome or ("failed" if error else "succeeded"),
                status,
                error,
                None if error is None else TRACEBACK,
                frame,
                payload_of(sent, "application/json", headers, target),
                None
                if kind != "http"
                else payload_of(
                    said if not error else '{"status":500}', "application/json", (("x-request-id", trace),)
                ),
                waited,
                is_cold,
                len(calls),
            )
        )
        return span, at + took

    def _lines(self, handler: str, trace: str, span: str, at: float, took: float, error: str | None, id: str) -> None:
        texts = ["rates of 2026-11-25 are there", "recomputed 14 months", "1,284 lines of the statement read"]
        for number in range(self.random.randint(0, 3)):
            level = self.random.choice(("DEBUG", "INFO", "INFO", "INFO", "WARNING"))
            fields: dict[str, Any] = {"owner": self.random.choice(USERS), "months": self.random.randint(1, 60)}
            source: Any = self.random.choice(("logging", "logging", "logging", "stdout"))
            text = self.random.choice(texts)
            moment = at + took * (number + 1) / 5
            self.records.append(LogRecord(trace, span, id, handler, moment, level, handler, text, fields, source, None))
        if error is not None:
            moment = at + took * 0.95
            self.records.append(
                LogRecord(
                    trace, span, id, handler, moment, "ERROR", "portable.background", error, {}, "logging", TRACEBACK
                )
            )

    def transaction(self, at: float) -> None:
        """One of several things that people do."""
        trace = new_ids()[1][3:35]
        draw = self.random.random()
        if draw < 0.55:
            handler = self.random.choice(
                ("core.net_worth", "core.history", "core.independence", "core.read_holdings", "exchange.rates_on")
            )
            self.invocation(handler, at, trace=trace, median=0.018)
        elif draw < 0.75:
            span, ended = self.invocation("core.save_holdings", at, trace=trace, median=0.03, body={"assets": []})
            self.invocation(
                "core.asset_changed", ended + 0.01, trace=trace, parent=span, waited=0.01, median=0.09, id="d-" + span
            )
        elif draw < 0.9:
            span, ended = self.invocation(
                "integration.start_import", at, trace=trace, median=0.02, body={"kind": "ofx"}
            )
            received, ended = self.invocation(
                "integration.statement_received", ended + 0.02, trace=trace, parent=span, median=0.06, waited=0.02
            )
            imported, ended = self.invocation(
                "integration.import_statement",
                ended + 0.03,
                trace=trace,
                parent=received,
                median=1.1,
                waited=0.03,
                id=f"t-{received}",
            )
            self.invocation("core.after_import", ended + 0.02, trace=trace, parent=imported, median=0.4, waited=0.02)
        else:
            span, ended = self.invocation("exchange.refresh_now", at, trace=trace, median=0.012)
            fails = self.random.choice((0, 0, 1, 2, 4))
            for attempt in range(1, fails + 1):
                _, ended = self.invocation(
                    "exchange.refresh",
                    ended + 0.05 * attempt,
                    trace=trace,
                    parent=span,
                    attempt=attempt,
                    error=ERROR,
                    outcome="dead" if attempt == 4 else "failed",
                    median=0.3,
                    id=f"t-{span}",
                )
            if fails < 4:
                self.invocation(
                    "exchange.refresh",
                    ended + 0.05,
                    trace=trace,
                    parent=span,
                    attempt=fails + 1,
                    median=0.9,
                    waited=0.02,
                    id=f"t-{span}",
                )

    def taken(self) -> list[Record]:
        """What was made, in the order in which it ends; nothing is left."""
        found, self.records = self.records, []
        return sorted(found, key=ended_at)


def ended_at(record: Record) -> float:
    return record.at if isinstance(record, LogRecord) else record.started_at + record.seconds


def batch(records: Sequence[AnyRecord]) -> Batch:
    return Batch(0, "sample", {}, [[letter_of(record), json.loads(json.dumps(record))] for record in records])


def batches(story: Story, now: float, count: int) -> Iterator[Batch]:
    """`count` transactions over the last hours, with some reloads between them."""
    times = sorted(now - HOURS * 3600 * story.random.random() ** 2 - 5 for _ in range(count))
    for number, at in enumerate(times):
        story.transaction(at)
        if number % 100 == 99:
            yield batch(story.taken())
    yield batch(story.taken())
    for hours in (0.1, 0.4, 1.5):
        mark = {"kind": "reload", "at": now - hours * 3600, "text": "net_worth.py", "seconds": 0.18}
        yield Batch(0, "supervisor", {}, [["m", mark]])
    yield Batch(0, "worker", {"log": 3}, [])


class SampleBackend:
    """Implements portable.console.backend.Backend in memory."""

    def __init__(self, api_url: str = "http://127.0.0.1:8000") -> None:
        self.started_at = time.time() - 2400
        self.api_url = api_url
        self.description = Description(manifest())
        self.paused: set[str] = set()
        self.stored: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        self.files: dict[str, dict[str, tuple[bytes, str]]] = {}
        self.letters: dict[str, dict[str, dict[str, Any]]] = {}
        self.set_values: dict[str, str] = {}
        self.invoked: list[tuple[str, str, str]] = []
        self.is_recorded = True
        self.repeated: list[Again | None] = []
        self.requested: list[tuple[str, str]] = []
        self.on_invoke: Any = None
        self._lock = threading.Lock()
        for table in self.description.manifest["tables"]:
            rows = self.stored[table["name"]] = {}
            for number in range(140):
                item = {
                    table["key"][0]: USERS[number % 3],
                    **({table["key"][1]: f"{number:04d}"} if table["key"][1:] else {}),
                }
                rows[keys_of(table, item)] = {
                    **item,
                    "amount": {"__decimal__": f"{number * -17}.50"},
                    "currency": "EUR",
                    "description": "SEPA DIRECT DEBIT STADTWERKE MUENCHEN GMBH, MANDATE 4711-0815, CUSTOMER 99817263",
                    "counterparty": {"name": "Stadtwerke Muenchen GmbH", "iban": "DE02120300000000202051"},
                    "booked_at": {"__datetime__": "2026-11-25T08:30:00+00:00"},
                    "tags": ["household", "energy", "monthly", "deductible"],
                    "reference": f"2026-11-{number:08d}-EREF-NOTPROVIDED",
                    "statement": "maya/2026-11.ofx",
                }
        for bucket in self.description.manifest["buckets"]:
            self.files[bucket["name"]] = {
                **{
                    f"maya/2026-{month:02d}.ofx": (b"OFXHEADER:100\r\n" * 20, "application/x-ofx")
                    for month in range(1, 12)
                },
                "maya/logo.png": (
                    base64.b64decode(
                        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
                    ),
                    "image/png",
                ),
                "maya/page.html": (b"<script>alert(1)</script>", "text/html"),
            }
        for number in range(3):
            letter = {
                "id": f"t-{number:016x}",
                "handler": "exchange.refresh",
                "body": '{"day": "2026-11-25"}',
                "attempts": 4,
                "error": ERROR,
                "enqueued_at": self.started_at + number,
                "died_at": self.started_at + number + 240,
                "trace_id": f"{number:032x}",
            }
            self.letters.setdefault("exchange.refresh", {})[str(letter["id"])] = letter

    def status(self) -> dict[str, Any]:
        return {
            "app": self.description.name,
            "stage": "dev",
            "pid": 4711,
            "started_at": self.started_at,
            "api_url": self.api_url,
            "python": "3.11.9",
            "watched_files": 41,
            "last_reload": {"at": self.started_at + 2000, "seconds": 0.18, "text": "net_worth.py"},
            "import_error": None,
            "is_running": True,
            "is_recorded": self.is_recorded,
        }

    def described(self) -> Description:
        return self.description

    def full_description(self) -> Description:
        return self.description

    def module(self) -> tuple[str, str]:
        return "fatfire.app", "app"

    def openapi(self) -> dict[str, Any]:
        return openapi()

    def invoke(self, handler: str, payload: str, traceparent: str, again: Again | None = None) -> dict[str, Any]:
        self.invoked.append((handler, payload, traceparent))
        self.repeated.append(again)
        if self.on_invoke is not None:
            self.on_invoke(handler, traceparent)
        return {"status": "succeeded", "result": "null", "error": None, "traceback": None}

    def request(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
        self.requested.append((method, target))
        if self.on_invoke is not None:
            self.on_invoke("core.net_worth", dict(headers)["traceparent"])
        return {"status": 200, "headers": [], "body": ""}

    def _handler(self, name: str, *kinds: str) -> dict[str, Any]:
        found = self.description.handlers.get(name)
        if found is None or kind_of(found) not in (kinds or ("task", "topic", "schedule", "bucket", "table")):
            raise NotFound(f"there is no {kinds[0] if kinds else 'queue'} {name}")
        return found

    def schedules(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for handler in self.description.manifest["handlers"]:
            trigger = handler["trigger"]
            if trigger["type"] == "schedule":
                times = fire_times(trigger["cron"], trigger["zone"], time.time())
                found.append(
                    {
                        "handler": handler["name"],
                        "service": handler["service"],
                        "cron": trigger["cron"],
                        "zone": trigger["zone"],
                        "text": schedule_text(trigger["cron"], trigger["zone"]),
                        "next": [next(times) for _ in range(count)],
                        "last": self.started_at,
                        "is_paused": handler["name"] in self.paused,
                    }
                )
        return found

    def run_schedule(self, handler: str) -> None:
        self._handler(handler, "schedule")
        self.invoked.append((handler, "schedule", ""))

    def pause_schedule(self, handler: str, *, is_paused: bool) -> None:
        self._handler(handler, "schedule")
        (self.paused.add if is_paused else self.paused.discard)(handler)

    def queues(self) -> list[dict[str, Any]]:
        return [
            {
                "handler": handler["name"],
                "service": handler["service"],
                "kind": kind_of(handler),
                "source": str(handler["trigger"].get("source", handler["name"])),
                "depth": 2,
                "in_flight": 1,
                "retrying": 1,
                "dead": len(self.letters.get(handler["name"], {})),
                "oldest_at": self.started_at,
            }
            for handler in self.description.manifest["handlers"]
            if kind_of(handler) != "http"
        ]

    def dead_letters(self, handler: str, *, limit: int, cursor: str | None) -> dict[str, Any]:
        self._handler(handler)
        found = list(self.letters.get(handler, {}).values())
        start = int(cursor or 0)
        more = len(found) > start + limit
        return {"items": found[start : start + limit], "next": str(start + limit) if more else None}

    def redrive(self, handler: str, ids: list[str] | None) -> int:
        self._handler(handler)
        return self._drop(handler, ids)

    def discard(self, handler: str, ids: list[str]) -> int:
        self._handler(handler)
        return self._drop(handler, ids)

    def _drop(self, handler: str, ids: list[str] | None) -> int:
        letters = self.letters.get(handler, {})
        wanted = list(letters) if ids is None else ids
        return sum(letters.pop(id, None) is not None for id in wanted)

    def _table(self, name: str) -> dict[str, Any]:
        for table in self.description.manifest["tables"]:
            if table["name"] == name:
                return cast("dict[str, Any]", table)
        raise NotFound(f"there is no table {name}")

    def tables(self) -> list[dict[str, Any]]:
        return [
            {
                "name": table["name"],
                "service": table["service"],
                "key": table["key"],
                "indexes": [{"name": one["name"], "fields": one["fields"]} for one in table["indexes"]],
                "ttl": table["ttl"],
                "model": table["model"],
                "schema": self.description.schema(table["model"]),
                "count": len(self.stored[table["name"]]),
            }
            for table in self.description.manifest["tables"]
        ]

    def items(self, table: str, *, pk: str | None, index: str | None, limit: int, cursor: str | None) -> dict[str, Any]:
        self._table(table)
        rows = sorted(self.stored[table].items())
        rows = [row for row in rows if pk is None or row[0][0] == pk]
        start = int(cursor or 0)
        items = [entry(*row) for row in rows[start : start + limit]]
        return {"items": items, "next": str(start + limit) if len(rows) > start + limit else None}

    def put_item(self, table: str, item: dict[str, Any], version: str | None) -> dict[str, Any]:
        key = keys_of(self._table(table), item)
        if version is not None and version != "1":
            raise Conflict(f"{table}: the item has changed")
        self.stored[table][key] = item
        return entry(key, item)

    def delete_item(self, table: str, pk: str, sk: str, version: str | None) -> None:
        self._table(table)
        self.stored[table].pop((pk, sk), None)

    def buckets(self) -> list[dict[str, Any]]:
        return [
            {
                "name": bucket["name"],
                "service": bucket["service"],
                "count": len(self.files[bucket["name"]]),
                "bytes": sum(len(data) for data, _ in self.files[bucket["name"]].values()),
            }
            for bucket in self.description.manifest["buckets"]
        ]

    def _bucket(self, name: str) -> dict[str, tuple[bytes, str]]:
        if name not in self.files:
            raise NotFound(f"there is no bucket {name}")
        return self.files[name]

    def objects(self, bucket: str, *, prefix: str, cursor: str | None, limit: int) -> dict[str, Any]:
        found = sorted(key for key in self._bucket(bucket) if key.startswith(prefix) and key > (cursor or ""))
        items = [
            {"key": key, "size": len(self.files[bucket][key][0]), "etag": "1", "modified_at": self.started_at}
            for key in found[:limit]
        ]
        return {"items": items, "prefixes": [], "next": found[limit - 1] if len(found) > limit else None}

    def _head(self, bucket: str, key: str) -> dict[str, Any]:
        if key not in self._bucket(bucket):
            raise NotFound(f"{bucket} has no object {key}")
        data, kind = self.files[bucket][key]
        return {
            "key": key,
            "size": len(data),
            "version": "1",
            "content_type": kind,
            "metadata": {},
            "modified_at": self.started_at,
        }

    def read_object(self, bucket: str, key: str, most: int) -> dict[str, Any]:
        head = self._head(bucket, key)
        found = payload_of(self.files[bucket][key][0][:most])
        return {**head, "encoding": found.encoding, "body": found.body, "is_cut": found.is_cut}

    def write_object(self, bucket: str, key: str, body: bytes, content_type: str) -> dict[str, Any]:
        self._bucket(bucket)[key] = (body, content_type)
        return self._head(bucket, key)

    def delete_object(self, bucket: str, key: str) -> None:
        self._bucket(bucket).pop(key, None)

    def values(self) -> list[dict[str, Any]]:
        return [
            {
                "name": one["name"],
                "kind": kind,
                "service": one["service"],
                "is_set": one["name"] in self.set_values,
                "masked": "••••••••" if one["name"] in self.set_values else None,
            }
            for kind in ("param", "secret")
            for one in self.description.manifest[f"{kind}s"]
        ]

    def write_value(self, name: str, value: str | None) -> None:
        if name not in [one["name"] for one in self.values()]:
            raise NotFound(f"there is no param or secret {name}")
        if value is None:
            self.set_values.pop(name, None)
        else:
            self.set_values[name] = value


def keys_of(table: dict[str, Any], item: dict[str, Any]) -> tuple[str, str]:
    try:
        pk, *sk = [str(item[field]) for field in table["key"]]
    except KeyError as error:
        raise InvalidArgument(f"the item has no {error.args[0]}") from error
    return pk, sk[0] if sk else ""


def entry(key: tuple[str, str], item: dict[str, Any]) -> dict[str, Any]:
    return {"pk": key[0], "sk": key[1], "version": "1", "item": item}


def listening(port: int) -> socket.socket:
    found = socket.create_server(("127.0.0.1", port))
    found.setblocking(False)
    return found


async def serve(port: int, key: str, count: int, seed: int, *, live: bool) -> None:
    story = Story(seed)
    with tempfile.TemporaryDirectory() as folder, listening(port) as listener:
        bound = listener.getsockname()[1]
        backend = SampleBackend()
        console = Console(Path(folder), key, bound, backend, root=FATFIRE)
        console.store.declare(manifest())
        again = Story(seed + 1)

        def record(handler: str, traceparent: str) -> None:
            """What a page runs is recorded, as a real one would be; it answers otherwise than the first time."""
            again.invocation(
                handler, time.time(), trace=traceparent[3:35], answer={"currency": "EUR", "net_worth": "7"}
            )
            console.hub.publish(console.write(lambda store: store.write([batch(again.taken())])))

        backend.on_invoke = record
        console.store.write(batches(story, time.time(), count))
        await console.start([listener], None)
        print(link(f"http://127.0.0.1:{bound}", console.access.new_code()), flush=True)
        try:
            while True:
                await asyncio.sleep(story.random.uniform(0.2, 2.0))
                if live:
                    story.transaction(time.time() - 0.5)
                    await console.take(batch(story.taken()))
        finally:
            await console.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="A console over made-up records.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="")
    parser.add_argument("--count", type=int, default=900, help="transactions")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--live", action="store_true", help="go on making records")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.port, options.key or new_key(), options.count, options.seed, live=options.live))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
