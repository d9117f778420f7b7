"""Figures over many invocations: the overview, the map with its traffic, and what each function did."""

import math
from collections import defaultdict
from typing import Any, NamedTuple

from portable.cost import cost_of
from portable.cost.invocations import MILLION

from .description import Description, nodes_of, source_of
from .reading import Filters, Item, Reading, where

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
BARS = 60
SPARKS = 20
LISTED = 5
TRANSACTIONS = 8
MAP_SECONDS = 3600.0
COLUMNS = "i.started, i.seconds, i.outcome, i.handler, i.service, i.cold, i.kind"


def quantile(ordered: list[float], share: float) -> float | None:
    """The nearest rank: a duration that was measured."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


class Totals:
    """The five figures of one span of time."""

    def __init__(self) -> None:
        self.unkept: int = 0
        self.seconds: list[float] = []
        self.cold: list[float] = []
        self.failed: int = 0
        self.cost: float = 0.0

    def add(self, seconds: float, outcome: str, cold: int, cost: float) -> None:
        self.seconds.append(seconds)
        self.cost += cost
        self.failed += outcome != "succeeded"
        if cold:
            self.cold.append(seconds)

    def count(self, number: int, failed: int, cost: float) -> None:
        """Those of which no record is kept; how long each of them took is not known."""
        self.unkept += number
        self.failed += failed
        self.cost += cost

    @property
    def number(self) -> int:
        return len(self.seconds) + self.unkept

    def to_dict(self) -> Item:
        ordered, cold = sorted(self.seconds), sorted(self.cold)
        return {
            "invocations": self.number,
            "unkept": self.unkept,
            "failed": self.failed,
            "p50": quantile(ordered, 0.5),
            "p95": quantile(ordered, 0.95),
            "cold": len(cold),
            "cold_median": quantile(cold, 0.5),
            # Of a million invocations like these.
            "cost": round(self.cost / self.number * MILLION, 4) if self.number else None,
        }


class Minute(NamedTuple):
    """What of one minute is only counted, of one handler."""

    at: float
    handler: str
    service: str
    number: int
    failed: int
    cost: float


def unkept_of(reading: Reading, described: Description, filters: Filters, since: float, until: float) -> list[Minute]:
    """By whole minutes: also those in which the span begins and ends."""
    rows = reading.rows(
        "SELECT minute, kind, handler, service, number, failed, seconds FROM unkept WHERE minute >= ? AND minute < ?",
        (math.floor(since / 60), math.ceil(until / 60)),
    )
    found: list[Minute] = []
    for minute, kind, handler, service, number, failed, seconds in rows:
        if filters.service not in ("", service):
            continue
        cost = cost_of(described.provider, seconds / number, described.memory(handler), is_http=kind == "http")
        # Of those that failed for good no more is known than that they failed.
        wanted = {"": number, "succeeded": number - failed, "failed": failed}.get(filters.outcome, 0)
        if wanted:
            bad = 0 if filters.outcome == "succeeded" else failed
            found.append(Minute(minute * 60.0, handler, service, wanted, bad, cost * wanted))
    return found


def totals_of(
    reading: Reading, described: Description, filters: Filters, minutes: list[Minute]
) -> tuple[Totals, list[tuple[Any, ...]]]:
    clauses, values = filters.where()
    rows = reading.rows(f"SELECT {COLUMNS} FROM invocations i {where(clauses)}", values)  # noqa: S608
    totals = Totals()
    for _, seconds, outcome, handler, _, cold, kind in rows:
        cost = cost_of(described.provider, seconds, described.memory(handler), is_http=kind == "http")
        totals.add(seconds, outcome, cold, cost)
    for minute in minutes:
        totals.count(minute.number, minute.failed, minute.cost)
    return totals, rows


def overview(reading: Reading, filters: Filters, since: float, until: float) -> Item:
    """All that the first page shows but for the next schedules."""
    described = reading.describe()
    span = until - since
    step = next((step for step in STEPS if span / step <= BARS), 86400)
    minutes = unkept_of(reading, described, filters, since, until)
    totals, rows = totals_of(reading, described, filters._replace(since=since, until=until), minutes)
    # The minute that both touch is in the later one.
    earlier = unkept_of(reading, described, filters, since - span, math.floor(since / 60) * 60)
    before, _ = totals_of(reading, described, filters._replace(since=since - span, until=since), earlier)
    first = math.floor(since / step) * step
    bars: dict[float, list[int]] = {first + index * step: [0, 0] for index in range(math.ceil((until - first) / step))}
    sparks = [Totals() for _ in range(SPARKS)]
    handlers: dict[str, Totals] = defaultdict(Totals)
    service_of: dict[str, str] = {}
    for started, seconds, outcome, handler, service, cold, kind in rows:
        bar = bars.get(math.floor(started / step) * step)
        if bar is not None:
            bar[0] += 1
            bar[1] += outcome != "succeeded"
        cost = cost_of(described.provider, seconds, described.memory(handler), is_http=kind == "http")
        sparks[min(SPARKS - 1, int((started - since) / span * SPARKS))].add(seconds, outcome, cold, cost)
        if handler:
            handlers[handler].add(seconds, outcome, cold, cost)
            service_of[handler] = service
    for minute in minutes:
        at = max(since, minute.at)
        bar = bars.get(math.floor(at / step) * step)
        if bar is not None:
            bar[0] += minute.number
            bar[1] += minute.failed
        sparks[min(SPARKS - 1, int((at - since) / span * SPARKS))].count(minute.number, minute.failed, minute.cost)
        if minute.handler:
            handlers[minute.handler].count(minute.number, minute.failed, minute.cost)
            service_of[minute.handler] = minute.service
    figures = [(name, service_of[name], found.to_dict()) for name, found in handlers.items()]
    failed = sorted((one for one in figures if one[2]["failed"]), key=lambda one: (-one[2]["failed"], one[0]))
    invoked = sorted(figures, key=lambda one: (-one[2]["invocations"], one[0]))
    spark_dicts = [spark.to_dict() for spark in sparks]
    recent = reading.traces(filters._replace(since=since, until=until), limit=TRANSACTIONS, cursor="")
    return {
        "from": since,
        "to": until,
        "step": step,
        "provider": described.provider,
        "totals": totals.to_dict(),
        "before": before.to_dict(),
        "series": [{"at": at, "all": bar[0], "failed": bar[1]} for at, bar in bars.items()],
        "sparks": {
            name: [spark[name] or 0 for spark in spark_dicts] for name in ("invocations", "failed", "p95", "cold")
        }
        | {"cost": [round(spark.cost, 9) for spark in sparks]},
        "marks": reading.marks(since, until),
        "most_failed": [
            {"handler": name, "service": service, "failed": found["failed"], "all": found["invocations"]}
            for name, service, found in failed[:LISTED]
        ],
        "most_invoked": [
            {"handler": name, "service": service, "all": found["invocations"], "p95": found["p95"]}
            for name, service, found in invoked[:LISTED]
        ],
        "transactions": recent["items"],
    }


def handler_figures(reading: Reading, since: float) -> dict[str, Item]:
    """By handler: when it ran last, how often, how often it failed, how long it took, its largest bodies."""
    found: dict[str, Totals] = defaultdict(Totals)
    last: dict[str, float] = {}
    sizes: dict[str, Item] = defaultdict(lambda: {"request_bytes": None, "response_bytes": None})
    rows = reading.rows(
        "SELECT i.handler, i.started, i.seconds, i.outcome, json_extract(d.request, '$.size'), "
        "json_extract(d.response, '$.size') FROM invocations i LEFT JOIN details d ON d.n = i.n WHERE i.started >= ?",
        (since,),
    )
    for handler, started, seconds, outcome, *bodies in rows:
        found[handler].add(seconds, outcome, 0, 0.0)
        for name, size in zip(("request_bytes", "response_bytes"), bodies, strict=True):
            if size is not None:
                sizes[handler][name] = max(size, sizes[handler][name] or 0)
        last[handler] = max(started, last.get(handler, started))
    for minute, handler, number, failed in reading.rows(
        "SELECT minute, handler, number, failed FROM unkept WHERE minute >= ?", (math.floor(since / 60),)
    ):
        found[handler].count(number, failed, 0.0)
        last[handler] = max(minute * 60.0, last.get(handler, 0.0))
    return {
        handler: {
            "last_at": last[handler],
            "all": totals.number,
            "failed": totals.failed,
            "p95": quantile(sorted(totals.seconds), 0.95),
            **sizes[handler],
        }
        for handler, totals in found.items()
    }


def system_map(reading: Reading, now: float) -> Item:
    """What is declared, what the grants say is used, and what was called in the last hour."""
    described = reading.describe()
    edges: dict[tuple[str, str], Item] = {}

    def edge(start: str, end: str, verb: str) -> Item:
        found = edges.setdefault((start, end), {"from": start, "to": end, "verbs": [], "calls": 0, "failed": 0})
        if verb not in found["verbs"]:
            found["verbs"].append(verb)
        return found

    nodes = nodes_of(described)
    known = {node["id"] for node in nodes}
    figures = handler_figures(reading, now - MAP_SECONDS)
    for handler in described.manifest["handlers"]:
        source, verb = source_of(handler)
        found = edge(source, f"function:{handler['name']}", verb)
        seen = figures.get(handler["name"])
        if seen is not None:
            found["calls"] += seen["all"]
            found["failed"] += seen["failed"]
    for grant in described.manifest["grants"]:
        if grant["resource"] in known:
            edge(f"function:{grant['handler']}", grant["resource"], grant["verb"])
    rows = reading.rows(
        "SELECT i.handler, c.resource, c.verb, count(*), count(c.error) FROM calls c "
        "JOIN invocations i ON i.span = c.parent WHERE c.started >= ? GROUP BY 1, 2, 3",
        (now - MAP_SECONDS,),
    )
    for handler, resource, verb, count, failed in rows:
        start = f"function:{handler}"
        if start in known and resource in known:
            found = edge(start, resource, verb)
            found["calls"] += count
            found["failed"] += failed
    return {"from": now - MAP_SECONDS, "to": now, "nodes": nodes, "edges": list(edges.values())}
