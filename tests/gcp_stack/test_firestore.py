"""Our stand-in of Firestore does what Google's own emulator does, as far as drivers and clients can tell.

Each test runs over both where the machine has the emulator; what only the stand-in does has tests of its own.
"""

import json
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count
from typing import Any, NamedTuple

import pytest
from google.api_core.exceptions import Aborted, GoogleAPICallError
from google.cloud import firestore as google
from google.cloud.firestore_v1.base_query import FieldFilter
from google.events.cloud.firestore import DocumentEventData

from .firestore import Firestore
from .firestore_fixtures import control, firestore_fake, firestore_official, google_client
from .firestore_indexes import Indexes, Needed
from .firestore_protos import Refused
from .official import OfficialFirestore

__all__ = ["firestore_fake", "firestore_official"]

DATABASE = "some-database"
projects = count(1)
DECLARED: dict[str, Any] = {
    "indexes": [
        {
            "collectionGroup": "cities",
            "queryScope": scope,
            "fields": [{"fieldPath": "state", "order": "ASCENDING"}, {"fieldPath": "size", "order": direction}],
        }
        for scope in ("COLLECTION", "COLLECTION_GROUP")
        for direction in ("ASCENDING", "DESCENDING")
    ],
}


class Answer(NamedTuple):
    """`reason` is "" where it went well."""

    status: int
    reason: str
    body: Any


class Place:
    """A project of its own in one of the two."""

    def __init__(self, firestore: Firestore | OfficialFirestore) -> None:
        self.project = f"stack-{next(projects)}"
        self.documents = f"projects/{self.project}/databases/{DATABASE}/documents"
        self.grpc = firestore.grpc
        self._connection = HTTPConnection(firestore.rest, timeout=60)
        if isinstance(firestore, Firestore):
            control(firestore, "indexes", project=self.project, database=DATABASE, document=DECLARED)

    def ask(self, verb: str, body: dict[str, Any], parent: str = "") -> Answer:
        path = f"/v1/{self.documents}{parent}:{verb}"
        self._connection.request("POST", path, json.dumps(body), {"Authorization": "Bearer owner"})
        found = self._connection.getresponse()
        content = json.loads(found.read())
        error = content[0] if isinstance(content, list) and content else content
        return Answer(found.status, error.get("error", {}).get("status", ""), content)

    def write(self, *writes: dict[str, Any]) -> Answer:
        return self.ask("commit", {"writes": list(writes)})

    def name(self, id: str = "a") -> str:
        return f"{self.documents}/roots/r/items/{id}"

    def put(self, id: str = "a", /, current: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """A write of ints."""
        values = {name: {"integerValue": str(value)} for name, value in fields.items()}
        write: dict[str, Any] = {"update": {"name": self.name(id), "fields": values}}
        return write if current is None else {**write, "currentDocument": current}

    def read(self, id: str = "a") -> dict[str, Any] | None:
        [one] = self.ask("batchGet", {"documents": [self.name(id)]}).body
        found: dict[str, Any] | None = one.get("found")
        return found

    def client(self) -> google.Client:
        """Google's own."""
        return google_client(self.grpc, self.project, DATABASE)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(params=["ours", "official"])
def place(request: pytest.FixtureRequest) -> Generator[Place]:
    found = Place(request.getfixturevalue("firestore_official" if request.param == "official" else "firestore_fake"))
    yield found
    found.close()


# Writes


def test_a_write_sets_times_that_grow_and_one_that_changes_nothing_leaves_them(place: Place) -> None:
    times = []
    for value in (1, 1, 2):
        answer = place.write(place.put(n=value))
        [result] = answer.body["writeResults"]
        times.append(result["updateTime"])
        assert answer.body["commitTime"] >= result["updateTime"]
    assert times[0] == times[1] < times[2]
    found = place.read()
    assert found is not None
    assert (found["createTime"], found["updateTime"]) == (times[0], times[2])
    place.write({"delete": place.name()})
    [again] = place.write(place.put(n=1)).body["writeResults"]
    assert again["updateTime"] > times[2]


def test_preconditions_are_refused_with_the_same_words(place: Place) -> None:
    old = "2020-01-01T00:00:00.123456Z"
    assert place.write(place.put(n=1, current={"exists": True}))[:2] == (404, "NOT_FOUND")
    assert place.write(place.put(n=1, current={"updateTime": old}))[:2] == (400, "FAILED_PRECONDITION")
    assert place.write({"delete": place.name(), "currentDocument": {"exists": True}})[:2] == (404, "NOT_FOUND")
    assert place.write(place.put(n=1, current={"exists": False})).status == 200
    assert place.write(place.put(n=1, current={"exists": False}))[:2] == (409, "ALREADY_EXISTS")
    assert place.write(place.put(n=1, current={"updateTime": old}))[:2] == (400, "FAILED_PRECONDITION")
    assert place.write({"delete": place.name(), "currentDocument": {"exists": False}})[:2] == (409, "ALREADY_EXISTS")
    found = place.read()
    assert found is not None
    assert place.write(place.put(n=2, current={"updateTime": found["updateTime"]})).status == 200
    assert place.write({"delete": place.name("b"), "currentDocument": {"exists": False}}).status == 200
    assert place.write({"delete": place.name("b")}).status == 200


def test_a_document_that_is_not_there_has_the_time_zero(place: Place) -> None:
    zero = {"updateTime": "1970-01-01T00:00:00Z"}
    assert place.write({"delete": place.name(), "currentDocument": zero}).status == 200
    assert place.write(place.put(n=1, current=zero)).status == 200
    assert place.write(place.put(n=1, current=zero))[:2] == (400, "FAILED_PRECONDITION")


def test_an_update_of_no_field_is_a_check(place: Place) -> None:
    place.write(place.put(n=1))
    before = place.read()
    assert before is not None
    touch = {"update": {"name": place.name()}, "updateMask": {}}
    for current in ({"exists": True}, {"updateTime": before["updateTime"]}):
        [result] = place.write({**touch, "currentDocument": current}).body["writeResults"]
        assert result["updateTime"] == before["updateTime"]
    assert place.write({**touch, "currentDocument": {"exists": False}})[:2] == (409, "ALREADY_EXISTS")
    after = place.read()
    assert after == before


def test_a_commit_is_all_or_nothing(place: Place) -> None:
    place.write(place.put("there", n=1))
    refused = place.write(
        place.put("new", n=1), {"delete": place.name("there")}, place.put("x", current={"exists": True})
    )
    assert refused[:2] == (404, "NOT_FOUND")
    assert place.read("new") is None
    assert place.read("there") is not None


def test_a_batch_is_each_for_itself(place: Place) -> None:
    place.write(place.put("there", n=1))
    writes = [
        place.put("new", n=1),
        place.put("there", n=2, current={"exists": False}),
        place.put("x", current={"exists": True}),
    ]
    answer = place.ask("batchWrite", {"writes": writes})
    assert [status.get("code", 0) for status in answer.body["status"]] == [0, 6, 5]
    assert place.read("new") is not None
    twice = place.ask("batchWrite", {"writes": [place.put(n=1), place.put(n=2)]})
    assert twice[:2] == (400, "INVALID_ARGUMENT")


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"integerValue": "1"}
    for _ in range(depth):
        value = {"mapValue": {"fields": {"a": value}}}
    return value


@pytest.mark.parametrize(
    ("fields", "is_taken"),
    [
        ({"a": {"arrayValue": {"values": [{"arrayValue": {}}]}}}, False),
        ({"__a__": {"integerValue": "1"}}, False),
        ({"a": {"mapValue": {"fields": {"__a__": {"integerValue": "1"}}}}}, False),
        ({"a": {"mapValue": {"fields": {"$a": {"integerValue": "1"}, "x\0y": {"nullValue": None}, " ": {}}}}}, False),
        ({"": {"integerValue": "1"}}, False),
        ({"$a": {"integerValue": "1"}, "x\0y": {"nullValue": None}, " ": {"booleanValue": True}}, True),
        ({"a": {"stringValue": "\0\U0001f600"}, "b": {"bytesValue": "/w=="}, "c": {"arrayValue": {}}}, True),
        ({"a": {"timestampValue": "0001-01-01T00:00:00Z"}}, True),
        ({"a": {"timestampValue": "9999-12-31T23:59:59.999999Z"}}, True),
        ({"a": {"timestampValue": "2026-01-01T00:00:00.123456789Z"}}, True),
        ({f"{number:01000}": {"nullValue": None} for number in range(1_040)}, True),
        ({f"{number:01000}": {"nullValue": None} for number in range(1_050)}, False),
        ({"a": {"stringValue": "x" * 1_040_000}}, True),
        ({"a": {"stringValue": "x" * 1_050_000}}, False),
        ({"a": nested(19)}, True),
        ({"a": nested(25)}, False),
    ],
)  # fmt: skip
def test_the_same_documents_are_taken(place: Place, fields: dict[str, Any], is_taken: bool) -> None:
    answer = place.write({"update": {"name": place.name(), "fields": fields}})
    assert answer[:2] == ((200, "") if is_taken else (400, "INVALID_ARGUMENT")), str(answer.body)[:300]
    found = place.read()
    assert (found is not None) is is_taken
    if found is not None:
        assert set(found["fields"]) == set(fields)


@pytest.mark.parametrize(
    ("id", "is_taken"),
    [
        *((id, True) for id in ("!@", "_-_a__", "é", "a&@b")),
        *((id, False) for id in ("__a__", ".", "..", "")),
    ],
)
def test_the_same_names_are_taken(place: Place, id: str, is_taken: bool) -> None:
    answer = place.write(place.put(id, n=1))
    assert answer[:2] == ((200, "") if is_taken else (400, "INVALID_ARGUMENT")), answer.body


def test_answers_come_in_the_same_form(place: Place) -> None:
    assert place.ask("batchGet", {"documents": [place.name("none")]}).body[0].keys() == {"missing", "readTime"}
    query = {"structuredQuery": {"from": [{"collectionId": "items"}], "orderBy": [{"field": {"fieldPath": "n"}}]}}
    [nothing] = place.ask("runQuery", query, "/roots/r").body
    assert nothing.keys() - {"done"} == {"readTime"}
    place.write(place.put(n=1), place.put("b", n=2))
    found = place.ask("runQuery", query, "/roots/r").body
    assert [one["document"]["name"] for one in found] == [place.name("a"), place.name("b")]
    assert found[0]["document"].keys() == {"name", "fields", "createTime", "updateTime"}
    assert place.ask("commit", {"writes": [{"nonsense": 1}]})[:2] == (400, "INVALID_ARGUMENT")


# Google's own client


def test_every_type_of_value_comes_back(place: Place) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)
    content: dict[str, Any] = {
        "n": None,
        "b": True,
        "i": 5,
        "f": 0.5,
        "s": "é",
        "y": b"\xff",
        "t": moment,
        "l": [1, {"a": [2]}],
        "m": {},
    }
    reference = place.client().collection("things").document("x")
    reference.set(content)
    assert reference.get().to_dict() == content


def test_masks_and_transforms(place: Place) -> None:
    reference = place.client().collection("things").document("x")
    reference.set({"a": {"b": 1, "c": 2}, "n": 1, "l": [1, 2]})
    reference.update(
        {
            "a.b": google.DELETE_FIELD,
            "a.`odd.name`": 5,
            "n": google.Increment(2.5),
            "new": google.Increment(3),
            "l": google.ArrayUnion([2, 3]),
            "at": google.SERVER_TIMESTAMP,
        }
    )
    found = reference.get().to_dict()
    assert found is not None
    assert isinstance(found.pop("at"), datetime)
    assert found == {"a": {"c": 2, "odd.name": 5}, "n": 3.5, "new": 3, "l": [1, 2, 3]}
    reference.update({"l": google.ArrayRemove([1]), "n": google.Maximum(2)})
    assert reference.get(["l", "n"]).to_dict() == {"l": [2, 3], "n": 3.5}
    with pytest.raises(GoogleAPICallError):
        place.client().collection("things").document("gone").update({"a": 1})


CITIES: dict[str, dict[str, Any]] = {
    "sf": {"state": "CA", "size": 860, "tags": ["bay", "west"], "capital": False},
    "la": {"state": "CA", "size": 3900, "tags": ["west"], "capital": False},
    "dc": {"state": None, "size": 680, "tags": [], "capital": True},
    "oak": {"state": "CA", "size": 430, "tags": ["bay"]},
    "ny": {"state": "NY", "size": 8300.5},
}


def test_queries_find_the_same(place: Place) -> None:
    client = place.client()
    cities = client.collection("cities")
    for id, content in CITIES.items():
        cities.document(id).set(content)
    client.document("x/y/cities/deep").set({"state": "CA", "size": 1})

    def ids(query: Any) -> list[str]:
        return [found.id for found in query.stream()]

    def where(field: str, operator: str, value: Any) -> Any:
        return cities.where(filter=FieldFilter(field, operator, value))

    assert ids(cities) == ["dc", "la", "ny", "oak", "sf"]
    assert ids(where("state", "==", "CA")) == ["la", "oak", "sf"]
    assert ids(where("state", "!=", "CA")) == ["ny"]
    assert ids(where("state", "==", None)) == ["dc"]
    assert ids(where("size", ">", 860)) == ["la", "ny"]
    assert ids(where("size", "<=", 680).order_by("size", direction="DESCENDING")) == ["dc", "oak"]
    assert ids(where("state", "in", ["NY", "CA"])) == ["la", "ny", "oak", "sf"]
    assert ids(where("state", "not-in", ["NY"])) == ["la", "oak", "sf"]
    assert ids(where("tags", "array_contains", "bay")) == ["oak", "sf"]
    assert ids(where("tags", "array_contains_any", ["bay", "west"])) == ["la", "oak", "sf"]
    assert ids(where("state", "==", "CA").order_by("size")) == ["oak", "sf", "la"]
    assert ids(where("state", "==", "CA").order_by("size", direction="DESCENDING")) == ["la", "sf", "oak"]
    assert ids(cities.order_by("size").limit(2)) == ["oak", "dc"]
    assert ids(cities.order_by("size").offset(3)) == ["la", "ny"]
    assert ids(cities.order_by("size").start_at({"size": 860})) == ["sf", "la", "ny"]
    assert ids(cities.order_by("size").start_after({"size": 860})) == ["la", "ny"]
    assert ids(cities.order_by("size").end_before({"size": 860})) == ["oak", "dc"]
    assert ids(cities.order_by("size").end_at({"size": 860})) == ["oak", "dc", "sf"]
    assert ids(cities.order_by("__name__").start_after({"__name__": cities.document("la")})) == ["ny", "oak", "sf"]
    group = client.collection_group("cities").where(filter=FieldFilter("state", "==", "CA"))
    assert ids(group.order_by("size")) == ["deep", "oak", "sf", "la"]
    selected = next(iter(where("state", "==", "NY").select(["size"]).stream()))
    assert selected.to_dict() == {"size": 8300.5}


def test_values_of_all_types_are_in_one_order(place: Place) -> None:
    things = place.client().collection("things")
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    ordered: list[Any] = [
        None,
        False,
        True,
        -1.5,
        0,
        7,
        moment,
        "A",
        "a",
        "\uff5e",
        "\U0001f600",
        b"",
        b"\xff",
        [],
        [1],
        {},
        {"a": 1},
    ]
    for number, value in enumerate(reversed(ordered)):
        things.document(f"{number:02}").set({"v": value})
    found = [one.to_dict() for one in things.order_by("v").stream()]
    assert [one and one["v"] for one in found] == ordered


def test_documents_and_collections_are_listed(place: Place) -> None:
    client = place.client()
    client.document("roots/r1/items/a").set({})
    client.document("roots/r2/others/b").set({})
    assert [found.id for found in client.collections()] == ["roots"]
    assert [found.id for found in client.document("roots/r1").collections()] == ["items"]
    assert sorted(found.id for found in client.collection("roots").list_documents()) == ["r1", "r2"]
    found = client.get_all([client.document("roots/r1/items/a"), client.document("roots/r1/items/gone")])
    assert sorted((one.id, one.exists) for one in found) == [("a", True), ("gone", False)]


def test_transactions_lose_nothing(place: Place) -> None:
    client = place.client()
    reference = client.document("things/counter")
    reference.set({"n": 0})

    @google.transactional
    def add(transaction: Any) -> None:
        found = reference.get(transaction=transaction).get("n")
        transaction.update(reference, {"n": found + 1})

    def worker(_: int) -> None:
        for _ in range(2):
            add(client.transaction(max_attempts=20))

    # Few, since Google's emulator waits two seconds for each lock that another transaction holds.
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(worker, range(2)))
    assert reference.get().get("n") == 4


def test_a_transaction_that_was_rolled_back_reads_no_more(place: Place) -> None:
    reference = place.client().document("things/a")
    reference.set({"n": 1})
    transaction = place.client().transaction(read_only=True)
    transaction._begin()
    assert reference.get(transaction=transaction).get("n") == 1
    transaction._rollback()
    with pytest.raises((GoogleAPICallError, ValueError)):
        reference.get(transaction=transaction)


# What our stand-in alone does


@pytest.fixture
def ours(firestore_fake: Firestore) -> Generator[Place]:
    found = Place(firestore_fake)
    yield found
    found.close()


def test_a_transaction_that_was_overtaken_is_aborted(ours: Place) -> None:
    ours.write(ours.put(n=1))
    begun = ours.ask("beginTransaction", {}).body["transaction"]
    ours.ask("batchGet", {"documents": [ours.name()], "transaction": begun})
    ours.write(ours.put(n=2))
    refused = ours.ask("commit", {"writes": [ours.put(n=3)], "transaction": begun})
    assert refused[:2] == (409, "ABORTED")
    assert Aborted.code == 409
    found = ours.read()
    assert found is not None
    assert found["fields"]["n"] == {"integerValue": "2"}


def path(*names: str) -> tuple[str, ...]:
    return names


AUTOMATIC = [
    Needed("c", False, frozenset(), ((("__name__",), False),)),
    Needed("c", False, frozenset(), ((path("a"), True), (("__name__",), True))),
    Needed("c", False, frozenset({path("a")}), ((("__name__",), False),)),
    Needed("c", False, frozenset({path("a"), path("b")}), ((("__name__",), False),)),
    Needed("c", True, frozenset(), ((("__name__",), False),)),
]
DEMANDED = [
    Needed("c", False, frozenset(), ((("__name__",), True),)),
    Needed("c", False, frozenset({path("a")}), ((path("b"), False), (("__name__",), False))),
    Needed("c", False, frozenset(), ((path("a"), False), (path("b"), False), (("__name__",), False))),
    Needed("c", True, frozenset({path("a")}), ((("__name__",), False),)),
    Needed("c", False, frozenset({path("x", "y")}), ((("__name__",), False),)),
]


@pytest.mark.parametrize("needed", AUTOMATIC)
def test_automatic_indexes_serve_what_the_pages_say(needed: Needed) -> None:
    Indexes().demand(needed)


@pytest.mark.parametrize("needed", DEMANDED)
def test_everything_else_is_demanded(needed: Needed) -> None:
    exempt = {"collectionGroup": "c", "fieldPath": "x", "indexes": []}
    with pytest.raises(Refused, match="requires an index"):
        Indexes({"fieldOverrides": [exempt]}).demand(needed)


def test_a_declared_index_serves_its_scope_its_fields_and_its_direction_alone() -> None:
    fields = [{"fieldPath": "x.`a-b`", "order": "ASCENDING"}, {"fieldPath": "y", "order": "DESCENDING"}]
    indexes = Indexes({"indexes": [{"collectionGroup": "c", "queryScope": "COLLECTION_GROUP", "fields": fields}]})
    equal = frozenset({path("x", "a-b")})
    served = Needed("c", True, equal, ((path("y"), True), (("__name__",), True)))
    indexes.demand(served)
    for other in (
        served._replace(is_group=False),
        served._replace(group="d"),
        served._replace(equal=frozenset({path("x", "a")})),
        served._replace(order=((path("y"), False), (("__name__",), False))),
        served._replace(order=((path("y"), True), (("__name__",), False))),
    ):
        with pytest.raises(Refused, match="requires an index"):
            indexes.demand(other)


def test_a_document_with_too_many_automatic_index_entries_is_refused_unless_they_are_exempt(
    ours: Place, firestore_fake: Firestore
) -> None:
    many = {"d": {"arrayValue": {"values": [{"integerValue": "1"}] * 25_000}}}
    write = {"update": {"name": ours.name(), "fields": many}}
    answer = ours.write(write)
    assert answer[:2] == (400, "INVALID_ARGUMENT")
    assert "index entries" in str(answer.body)
    exempt = {"fieldOverrides": [{"collectionGroup": "items", "fieldPath": "d", "indexes": []}]}
    control(firestore_fake, "indexes", project=ours.project, database=DATABASE, document=exempt)
    assert ours.write(write).status == 200


def test_changes_are_told_as_eventarc_tells_them(ours: Place, firestore_fake: Firestore) -> None:
    ours.write(ours.put("é", n=1), ours.put("b", n=1))
    ours.write(ours.put("é", n=1))
    ours.write(ours.put("é", n=2), {"delete": ours.name("b")}, {"delete": ours.name("never")})
    told = control(firestore_fake, "changes", project=ours.project, database=DATABASE)["changes"]
    import base64

    events = [DocumentEventData.deserialize(base64.b64decode(change["body"])) for change in told]
    seen = [
        (
            change["document"],
            event.old_value.fields["n"].integer_value if event.old_value.name else None,
            event.value.fields["n"].integer_value if event.value.name else None,
        )
        for change, event in zip(told, events, strict=True)
    ]
    assert seen == [
        ("roots/r/items/é", None, 1),
        ("roots/r/items/b", None, 1),
        ("roots/r/items/é", 1, 2),
        ("roots/r/items/b", 1, None),
    ]
    assert list(events[2].update_mask.field_paths) == ["n"]
    headers = dict(told[0]["headers"])
    assert headers["ce-type"] == "google.cloud.firestore.document.v1.written"
    assert headers["ce-document"] == "roots/r/items/%C3%A9"
    assert headers["content-type"] == "application/protobuf"
    rest = control(firestore_fake, "changes", project=ours.project, database=DATABASE, after=told[1]["number"], most=1)
    assert rest["changes"] == told[2:3]


def test_a_forgotten_project_is_empty(ours: Place, firestore_fake: Firestore) -> None:
    ours.write(ours.put(n=1))
    control(firestore_fake, "forget", project=ours.project)
    assert ours.read() is None
    with pytest.raises(AssertionError, match="TypeError"):
        control(firestore_fake, "forget", nonsense=1)
