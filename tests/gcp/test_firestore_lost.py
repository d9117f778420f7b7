"""The table driver where no emulator helps: lost answers, throttling, batches half done, others in the way."""

from collections.abc import Callable
from typing import Any

import pytest
from portable_gcp.clients import Clients
from portable_gcp.errors import classify
from portable_gcp.firestore import FirestoreTable

from portable.documents import encode
from portable.drivers import ALWAYS, Condition, DeleteAction, NewItem, PutAction, WriteAction
from portable.errors import Conflict, PermissionDenied, PortableError, Throttled, Unavailable, Unknown
from portable.testing.clock import ManualClock

from .scripted import LOST, Asked, Reply, Script, Step, answer, refusal, scripted

BOUND = 2**53 - 1
ABSENT, PRESENT = Condition(absent=True), Condition(present=True)
VERSION = "1795738690000001"
TIME = "2026-11-27T00:18:10.000001Z"
LATER = "2026-11-27T00:18:11.000002Z"
LATER_VERSION = "1795738691000002"
EXISTS = refusal(409, "ALREADY_EXISTS")
STALE = refusal(400, "FAILED_PRECONDITION", "the stored version does not match the required base version")
CONTENTION = refusal(409, "ABORTED", "Too much contention on these documents. Please try again.")
THROTTLED = refusal(429, "RESOURCE_EXHAUSTED")


def table_of(clients: Clients, **options: Any) -> FirestoreTable:
    return FirestoreTable(clients, "shop-dev", "items", ManualClock(1_800_000_000.0), **options)


def item_of(sk: str = "s", **fields: Any) -> NewItem:
    document = {"pk": "p", "sk": sk, **fields}
    return NewItem("p", sk, document, encode(document), {}, None)


def stored(asked: Asked, mark: str, time: str = TIME, *, position: int = 0, **fields: int) -> dict[str, Any]:
    """An item as it is read, at a position of the names asked for."""
    document = {name: {"integerValue": str(value)} for name, value in fields.items()}
    return {
        "name": asked.json["documents"][position],
        "fields": {
            "d": {"mapValue": {"fields": document}},
            "m": {"mapValue": {"fields": {"w": {"stringValue": mark}}}},
        },
        "updateTime": time,
    }


def there(mark: str = "other", time: str = TIME, **fields: int) -> Callable[[Asked], Reply]:
    """The answer to a batchGet: the first one is there, and no other."""
    return lambda asked: first_alone(asked, stored(asked, mark, time, **fields))


def first_alone(asked: Asked, found: dict[str, Any]) -> Reply:
    return answer([{"found": found}, *({"missing": name} for name in asked.json["documents"][1:])])


def missing(asked: Asked) -> Reply:
    return answer([{"missing": name} for name in asked.json["documents"]])


def done(asked: Asked) -> Reply:
    return answer({"writeResults": [{"updateTime": LATER} for _ in asked.json["writes"]], "commitTime": LATER})


def mark_of(write: dict[str, Any]) -> str:
    mark: str = write["update"]["fields"]["m"]["mapValue"]["fields"]["w"]["stringValue"]
    return mark


def own(script: Script, time: str = LATER) -> Callable[[Asked], Reply]:
    """What the first commit of the script has written is there."""

    def found(asked: Asked) -> Reply:
        mark = mark_of(script.asked[0].json["writes"][0])
        return first_alone(asked, stored(asked, mark, time))

    return found


def kind_of(error: pytest.ExceptionInfo[Exception]) -> type[PortableError] | None:
    return type(error.value) if isinstance(error.value, PortableError) else classify(error.value)


# Lost answers


def test_a_put_whose_answer_was_lost_and_whose_repetition_is_refused_recognises_its_own_item() -> None:
    with scripted(LOST, EXISTS, missing) as (clients, script):
        script.steps[2] = own(script)
        assert table_of(clients).put(item_of(), ABSENT) == LATER_VERSION
        first, second = script.asked[0].json["writes"], script.asked[1].json["writes"]
        assert first == second
        assert script.verbs == ["commit", "commit", "batchGet"]


def test_a_put_without_a_condition_is_not_repeated_and_looks_if_it_was_done() -> None:
    with scripted(LOST, missing) as (clients, script):
        script.steps[1] = own(script)
        assert table_of(clients).put(item_of(), ALWAYS) == LATER_VERSION
    for seen in (there(), missing, refusal(403, "PERMISSION_DENIED")):
        with scripted(LOST, seen) as (clients, _):
            with pytest.raises(Exception) as error:
                table_of(clients).put(item_of(), ALWAYS)
            assert kind_of(error) is Unknown


@pytest.mark.parametrize("condition", [ABSENT, Condition(version=VERSION)])
def test_a_put_whose_answer_was_lost_and_that_finds_another_item_is_unknown(condition: Condition) -> None:
    with scripted(LOST, STALE, there()) as (clients, _):
        with pytest.raises(Unknown):
            table_of(clients, expires=False).put(item_of(), condition)


def test_a_write_whose_every_answer_was_lost_is_unknown_and_a_read_unavailable() -> None:
    with scripted(*[LOST] * 8) as (clients, script):
        with pytest.raises(Exception) as error:
            table_of(clients).put(item_of(), ABSENT)
        assert kind_of(error) is Unknown
        assert script.verbs == ["commit"] * 4 + ["batchGet"] * 4
    with scripted(*[LOST] * 4) as (clients, _):
        with pytest.raises(Exception) as error:
            table_of(clients).get("p", "s")
        assert kind_of(error) is Unavailable


def test_a_deletion_whose_answer_was_lost_is_unknown_unless_its_repetition_succeeds() -> None:
    version = Condition(version=VERSION)
    with scripted(LOST, done) as (clients, _):
        table_of(clients, expires=False).delete("p", "s", version)
    with scripted(LOST, STALE) as (clients, _):
        with pytest.raises(Unknown):
            table_of(clients, expires=False).delete("p", "s", version)


@pytest.mark.parametrize("reply", [LOST, refusal(503, "UNAVAILABLE")])
def test_a_deletion_without_a_condition_is_sent_once_since_another_may_have_made_the_item_anew(reply: Reply) -> None:
    with scripted(reply, missing) as (clients, script):
        table_of(clients).delete("p", "s", ALWAYS)
        assert script.verbs == ["commit", "batchGet"]
    for seen in (there(), refusal(403, "PERMISSION_DENIED")):
        with scripted(reply, seen) as (clients, script):
            with pytest.raises(Exception) as error:
                table_of(clients).delete("p", "s", ALWAYS)
            assert kind_of(error) is Unknown
            assert script.verbs == ["commit", "batchGet"]


def test_being_throttled_alone_is_retried_and_then_throttled_and_after_a_lost_answer_unknown() -> None:
    with scripted(THROTTLED, THROTTLED, done) as (clients, _):
        assert table_of(clients).put(item_of(), ALWAYS) == LATER_VERSION
    with scripted(*[THROTTLED] * 4) as (clients, _):
        with pytest.raises(Exception) as error:
            table_of(clients).put(item_of(), ALWAYS)
        assert kind_of(error) is Throttled
    with scripted(LOST, THROTTLED, THROTTLED, THROTTLED, missing) as (clients, _):
        with pytest.raises(Exception) as error:
            table_of(clients).put(item_of(), ABSENT)
        assert kind_of(error) is Unknown


# Others in the way


def test_contention_is_waited_for_and_then_throttled() -> None:
    with scripted(CONTENTION, CONTENTION, done) as (clients, _):
        table_of(clients).put(item_of(), ALWAYS)
    with scripted(*[CONTENTION] * 8) as (clients, _):
        with pytest.raises(Exception) as error:
            table_of(clients).put(item_of(), ALWAYS)
        assert kind_of(error) is Throttled


def test_a_condition_that_fails_at_the_first_attempt_is_a_conflict() -> None:
    with scripted(EXISTS, there()) as (clients, _):
        with pytest.raises(Conflict, match="it exists already"):
            table_of(clients).put(item_of(), ABSENT)


def test_a_put_that_others_overtake_is_tried_again_on_what_they_left() -> None:
    with scripted(there(time=TIME), STALE, there(time=LATER), done) as (clients, script):
        table_of(clients).put(item_of(), PRESENT)
        conditions = [asked.json["writes"][0]["currentDocument"] for asked in script.asked if asked.verb == "commit"]
        assert conditions == [{"updateTime": TIME}, {"updateTime": LATER}]


def test_a_put_that_is_always_overtaken_is_throttled_in_the_end() -> None:
    step: list[Step] = [STALE, there()]
    with scripted(there(), *(step * 60)) as (clients, _):
        with pytest.raises(Throttled, match="60 attempts"):
            table_of(clients).put(item_of(), PRESENT)


def test_a_version_is_a_condition_that_needs_no_look_also_where_items_expire() -> None:
    with scripted(done) as (clients, script):
        table_of(clients).put(item_of(), Condition(version=f"{VERSION}.1800000001"))
        assert script.asked[0].json["writes"][0]["currentDocument"] == {"updateTime": TIME}
    with scripted(missing) as (clients, _):
        table = table_of(clients)
        with pytest.raises(Conflict, match="it is not there"):
            table.put(item_of(), Condition(version=f"{VERSION}.1800000000"))
        table.get("p", "s")


# Increments


@pytest.mark.parametrize(("reply", "expected"), [(LOST, Unknown), (refusal(500, "INTERNAL"), Unknown)])
def test_an_increment_without_a_token_is_sent_once(reply: Reply, expected: type[PortableError]) -> None:
    with scripted(there(n=1), reply) as (clients, script):
        with pytest.raises(Exception) as error:
            table_of(clients).increment("p", "s", "n", 1, None, BOUND)
        assert kind_of(error) is expected
        assert script.verbs == ["batchGet", "commit"]


def test_an_increment_that_others_overtake_counts_on_what_they_left() -> None:
    with scripted(there(n=1), STALE, there(n=5, time=LATER), done) as (clients, script):
        assert table_of(clients).increment("p", "s", "n", 1, None, BOUND) == 6
        [write] = script.asked[-1].json["writes"]
        assert write["currentDocument"] == {"updateTime": LATER}
        assert write["update"]["fields"]["d"]["mapValue"]["fields"]["n"] == {"integerValue": "6"}


def test_an_increment_with_a_token_whose_answer_was_lost_finds_its_token() -> None:
    def with_token(asked: Asked) -> Reply:
        record = stored(asked, "x", LATER, position=1, value=42)
        return answer([{"found": stored(asked, "x", LATER, n=99)}, {"found": record}])

    def without(asked: Asked) -> Reply:
        return answer([{"found": stored(asked, "x", n=41)}, {"missing": asked.json["documents"][1]}])

    with scripted(without, LOST, STALE, with_token) as (clients, script):
        assert table_of(clients).increment("p", "s", "n", 1, "t", BOUND) == 42
        assert script.verbs == ["batchGet", "commit", "commit", "batchGet"]
        assert script.asked[1].json == script.asked[2].json


# Several items


def test_a_transaction_whose_answer_was_lost_recognises_what_it_wrote() -> None:
    actions: list[WriteAction] = [PutAction(item_of("a"), ABSENT), DeleteAction("p", "b", ALWAYS)]

    with scripted(LOST, EXISTS, missing) as (clients, script):
        script.steps[2] = own(script)
        assert table_of(clients).transact(actions, "t") == [LATER_VERSION, None]
    with scripted(LOST, EXISTS, there()) as (clients, _):
        with pytest.raises(Unknown):
            table_of(clients).transact(actions, "t")
    with scripted(LOST, missing) as (clients, script):
        script.steps[1] = own(script)
        assert table_of(clients).transact([PutAction(item_of("a"), ALWAYS)], "t") == [LATER_VERSION]
    with scripted(LOST, missing) as (clients, _):
        with pytest.raises(Exception) as error:
            table_of(clients).transact([DeleteAction("p", "b", ALWAYS)], "t")
        assert kind_of(error) is Unknown


def test_a_transaction_that_others_overtake_is_tried_again_if_its_conditions_still_hold() -> None:
    actions: list[WriteAction] = [PutAction(item_of("a"), PRESENT)]
    with scripted(there(), STALE, there(time=LATER), done) as (clients, _):
        assert table_of(clients).transact(actions, "t") == [LATER_VERSION]
    with scripted(there(), STALE, missing) as (clients, _):
        with pytest.raises(Conflict, match=r"step 0, on \('p', 'a'\): it is not there"):
            table_of(clients).transact(actions, "t")


def statuses(*codes: int) -> Callable[[Asked], Reply]:
    """The answer to a batchWrite, by codes of google.rpc; 0: done."""

    def replied(asked: Asked) -> Reply:
        assert len(asked.json["writes"]) == len(codes)
        found = [{"code": code, "message": "so it is"} if code else {} for code in codes]
        return answer({"writeResults": [{} for _ in codes], "status": found})

    return replied


def test_writes_of_a_batch_that_may_succeed_later_are_sent_again_and_then_told() -> None:
    actions: list[PutAction | DeleteAction] = [PutAction(item_of(str(number)), ALWAYS) for number in range(3)]
    with scripted(statuses(0, 10, 14), statuses(8, 0), statuses(0)) as (clients, script):
        assert table_of(clients).batch_write(actions) == []
        assert script.asked[2].json["writes"] == script.asked[0].json["writes"][1:2]
    with scripted(statuses(0, 0, 14), *[statuses(14)] * 7) as (clients, _):
        assert table_of(clients).batch_write(actions) == [2]


def test_a_batch_whose_answer_was_lost_tells_all_its_positions_and_the_others_go_on() -> None:
    actions: list[PutAction | DeleteAction] = [DeleteAction("p", f"{number:03}", ALWAYS) for number in range(202)]
    with scripted(LOST, statuses(0, 0)) as (clients, _):
        assert table_of(clients).batch_write(actions) == list(range(200))


def test_a_batch_that_may_not_be_written_raises() -> None:
    for reply in (refusal(403, "PERMISSION_DENIED"), statuses(7)):
        with scripted(reply) as (clients, _):
            with pytest.raises(Exception) as error:
                table_of(clients).batch_write([PutAction(item_of(), ALWAYS)])
            assert kind_of(error) is PermissionDenied


# Reads


def test_documents_that_an_answer_leaves_out_are_not_taken_for_absent() -> None:
    def one_less(asked: Asked) -> Reply:
        return answer([{"missing": name} for name in asked.json["documents"][1:]])

    with scripted(one_less) as (clients, _):
        with pytest.raises(Exception, match="left out 1 documents") as error:
            table_of(clients).batch_get([("p", "a"), ("p", "b")])
        assert kind_of(error) is Unavailable


@pytest.mark.parametrize(("size", "wanted"), [(100, [100, 100, 50]), (200_000, [100, 41, 41, 41, 27])])
def test_how_many_keys_are_asked_for_depends_on_how_large_the_items_before_were(size: int, wanted: list[int]) -> None:
    def sized(asked: Asked) -> Reply:
        found = [stored(asked, "x", position=position) for position in range(len(asked.json["documents"]))]
        for one in found:
            one["fields"]["m"]["mapValue"]["fields"]["n"] = {"integerValue": str(size)}
        return answer([{"found": one} for one in found])

    with scripted(*[sized] * len(wanted)) as (clients, script):
        found = table_of(clients).batch_get([("p", f"{number:03}") for number in range(250)])
        assert [one.sk for one in found] == [f"{number:03}" for number in range(250)]
        assert [len(asked.json["documents"]) for asked in script.asked] == wanted


def test_a_query_that_breaks_off_with_an_error_is_asked_again() -> None:
    def broken(asked: Asked) -> Reply:
        return answer([{"error": {"code": 503, "status": "UNAVAILABLE", "message": "so it is"}}])

    with scripted(broken, answer([{"readTime": TIME}])) as (clients, script):
        page = table_of(clients).query("p", None, reverse=False, limit=2, cursor=None)
        assert (page.items, page.cursor) == ([], None)
        assert script.verbs == ["runQuery", "runQuery"]


# Pages


def test_a_page_ends_after_some_answers_though_nothing_was_found() -> None:
    def expired(asked: Asked) -> Reply:
        count = asked.json["structuredQuery"]["limit"]
        document = {
            "name": "projects/p/databases/d/documents/roots/p/items/m",
            "fields": {"sk": {"bytesValue": "bQ=="}, "ttl": {"timestampValue": "2020-01-01T00:00:00Z"}},
            "updateTime": TIME,
        }
        return answer([{"document": document}] * count)

    with scripted(*[expired] * 10) as (clients, script):
        page = table_of(clients).query("p", None, reverse=False, limit=2, cursor=None)
        assert (page.items, page.cursor) == ([], "m")
        limits = [asked.json["structuredQuery"]["limit"] for asked in script.asked]
        assert limits[:4] == [3, 6, 12, 24]


def test_how_many_items_are_asked_for_depends_on_how_large_those_before_were() -> None:
    def large(asked: Asked) -> Reply:
        count = asked.json["structuredQuery"]["limit"]
        one = {
            "name": "projects/p/databases/d/documents/roots/p/items/m",
            "fields": {
                "sk": {"bytesValue": "bQ=="},
                "d": {"mapValue": {}},
                "m": {"mapValue": {"fields": {"n": {"integerValue": "50000"}}}},
            },
            "updateTime": TIME,
        }
        return answer([{"document": one}] * count)

    with scripted(large, large) as (clients, script):
        page = table_of(clients).query("p", None, reverse=False, limit=1000, cursor=None)
        limits = [asked.json["structuredQuery"]["limit"] for asked in script.asked]
        assert limits[0] == 100
        assert 8_000_000 <= 50_000 * sum(limits) <= 8_500_000
        assert (len(page.items), page.cursor) == (sum(limits), "m")
