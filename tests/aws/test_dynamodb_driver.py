"""The table driver where no emulator helps: lost answers, throttling, batches half done, transactions in the way."""

from typing import Any

import pytest
from portable_aws.clients import Clients
from portable_aws.dynamodb import DynamoTable
from portable_aws.dynamodb_items import Versions
from portable_aws.errors import classify

from portable.documents import encode
from portable.drivers import ALWAYS, Condition, DeleteAction, NewItem, PutAction
from portable.errors import Conflict, LimitExceeded, PortableError, Throttled, Unavailable, Unknown
from portable.testing.clock import ManualClock

from .scripted import LOST, Asked, Reply, answer, refusal, scripted

ABSENT = Condition(absent=True)
BOUND = 2**53 - 1


@pytest.fixture(autouse=True)
def own_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test makes this process believe of other clocks is not for the next one."""
    made = Versions()
    monkeypatch.setattr("portable_aws.dynamodb.versions", made)
    monkeypatch.setattr("portable_aws.dynamodb_tokens.versions", made)


def table_of(clients: Clients, **options: Any) -> DynamoTable:
    return DynamoTable(clients, "items", ManualClock(1_800_000_000.0), state="state", **options)


def item_of(sk: str = "s", **fields: Any) -> NewItem:
    document = {"pk": "p", "sk": sk, **fields}
    return NewItem("p", sk, document, encode(document), {}, None)


def stored(sk: str = "s", version: str = "1" * 22, **fields: Any) -> dict[str, Any]:
    return {
        "pk": {"S": "p"},
        "sk": {"S": sk},
        "doc": {"M": {name: {"N": str(value)} for name, value in fields.items()}},
        "_v": {"N": version},
    }


def sent_version(asked: Asked) -> str:
    version: str = asked.json["Item"]["_v"]["N"]
    return version


def kind_of(error: pytest.ExceptionInfo[Exception]) -> type[PortableError] | None:
    return type(error.value) if isinstance(error.value, PortableError) else classify(error.value)


# Lost answers


def test_a_put_whose_answer_was_lost_recognises_its_own_item() -> None:
    seen: list[str] = []

    def lost(asked: Asked) -> Reply:
        seen.append(sent_version(asked))
        return LOST

    def refused(asked: Asked) -> Reply:
        seen.append(sent_version(asked))
        return refusal("ConditionalCheckFailedException", Item=stored(version=seen[0]))

    with scripted(lost, refused) as (clients, _):
        assert table_of(clients).put(item_of(), ABSENT) == seen[0]
    assert seen == [seen[0]] * 2


def test_a_put_whose_answer_was_lost_and_that_finds_another_item_is_unknown() -> None:
    for condition in (ALWAYS, ABSENT, Condition(present=True), Condition(version="1" * 22)):
        with scripted(LOST, refusal("ConditionalCheckFailedException", Item=stored(version="9" * 22))) as (clients, _):
            with pytest.raises(Unknown):
                table_of(clients).put(item_of(), condition)


def test_a_condition_that_fails_at_the_first_attempt_is_a_conflict() -> None:
    with scripted(refusal("ConditionalCheckFailedException", Item=stored())) as (clients, _):
        with pytest.raises(Conflict):
            table_of(clients).put(item_of(), ABSENT)


def test_a_write_whose_every_answer_was_lost_is_unknown_and_a_read_unavailable() -> None:
    with scripted(*[LOST] * 4) as (clients, script):
        with pytest.raises(Exception) as error:
            table_of(clients).put(item_of(), ALWAYS)
        assert kind_of(error) is Unknown
        assert script.operations == ["PutItem"] * 4
    with scripted(*[LOST] * 4) as (clients, _):
        with pytest.raises(Exception) as error:
            table_of(clients).get("p", "s")
        assert kind_of(error) is Unavailable


def test_being_throttled_after_a_lost_answer_does_not_mean_that_nothing_happened() -> None:
    throttled = refusal("ThrottlingException")
    with scripted(LOST, throttled, throttled, throttled) as (clients, _):
        with pytest.raises(Exception) as error:
            table_of(clients).put(item_of(), ALWAYS)
        assert kind_of(error) is Unknown


def test_throttling_alone_is_retried_and_then_throttled() -> None:
    throttled = refusal("ProvisionedThroughputExceededException")
    with scripted(throttled, throttled, answer({})) as (clients, _):
        table_of(clients).put(item_of(), ALWAYS)
    with scripted(*[throttled] * 4) as (clients, _):
        with pytest.raises(Exception) as error:
            table_of(clients).put(item_of(), ALWAYS)
        assert kind_of(error) is Throttled


def test_an_internal_error_of_a_write_is_unknown_and_an_unavailable_service_is_not() -> None:
    for reply, expected in ((refusal("InternalServerError", 500), Unknown), (refusal("Unavailable", 503), Unavailable)):
        with scripted(*[reply] * 4) as (clients, _):
            with pytest.raises(Exception) as error:
                table_of(clients).delete("p", "s", ALWAYS)
            assert kind_of(error) is expected


def test_nobody_there_is_unavailable_also_for_a_write(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(answer({})) as (clients, _):
        table_of(clients).put(item_of(), ALWAYS)
        made = clients.dynamodb
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    # The server has gone; nothing can have been sent.
    with pytest.raises(Exception) as error:
        made.put_item(TableName="items", Item={})
    made.close()
    assert kind_of(error) is Unavailable


# Versions


def test_a_writer_whose_clock_is_behind_learns_the_version_and_writes_after_it() -> None:
    ahead = f"{9_000_000_000_000_000:d}123456"
    seen: list[str] = []

    def accepted(asked: Asked) -> Reply:
        seen.append(sent_version(asked))
        return answer({})

    refused = refusal("ConditionalCheckFailedException", Item=stored(version=ahead))
    with scripted(refused, accepted) as (clients, _):
        assert table_of(clients).put(item_of(), ALWAYS) == seen[0]
    assert seen[0] > ahead
    with scripted(refused, answer({})) as (clients, script):
        table_of(clients).delete("p", "s", ALWAYS)
    assert script.asked[1].json["ExpressionAttributeValues"][":v"]["N"] > ahead


def test_a_transaction_of_others_on_the_item_is_waited_for() -> None:
    with scripted(refusal("TransactionConflictException"), answer({})) as (clients, _):
        table_of(clients).put(item_of(), ALWAYS)
    with scripted(*[refusal("TransactionConflictException")] * 8) as (clients, _):
        with pytest.raises(Exception) as error:
            table_of(clients).put(item_of(), ALWAYS)
        assert kind_of(error) is Throttled


# Increments


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (LOST, Unknown),
        (refusal("InternalServerError", 500), Unknown),
        (refusal("ThrottlingException"), Throttled),
        (refusal("ServiceUnavailable", 503), Unavailable),
    ],
    ids=["lost", "internal", "throttled", "unavailable"],
)
def test_an_increment_without_a_token_is_asked_for_once(reply: Reply, expected: type[PortableError]) -> None:
    with scripted(reply) as (clients, script):
        with pytest.raises(Exception) as error:
            table_of(clients).increment("p", "s", "n", 1, None, BOUND)
        assert kind_of(error) is expected
        assert len(script.asked) == 1


def test_an_increment_with_a_token_survives_a_lost_answer_of_its_transaction() -> None:
    with scripted(answer({"Item": stored(n=41)}), LOST, answer({})) as (clients, script):
        assert table_of(clients).increment("p", "s", "n", 1, "t", BOUND) == 42
        first, second = script.asked[1].json, script.asked[2].json
        assert first["ClientRequestToken"] == second["ClientRequestToken"]
        assert [step for steps in first["TransactItems"] for step in steps] == ["Update", "Put"]


def test_an_increment_whose_token_was_used_in_between_answers_what_that_one_did() -> None:
    canceled = refusal(
        "TransactionCanceledException",
        CancellationReasons=[{"Code": "ConditionalCheckFailed", "Item": stored(n=5)}, {"Code": "None"}],
    )
    known = answer({"Item": {"doc": {"M": {"value": {"N": "5"}}}}})
    with scripted(answer({"Item": stored(n=4)}), canceled, known) as (clients, _):
        assert table_of(clients).increment("p", "s", "n", 1, "t", BOUND) == 5


def test_an_increment_with_a_token_answers_also_when_the_item_is_gone() -> None:
    known = answer({"Item": {"doc": {"M": {"value": {"N": "7"}}}}})
    with scripted(answer({}), known) as (clients, _):
        assert table_of(clients).increment("p", "s", "n", 1, "t", BOUND) == 7


def test_an_item_with_very_many_fractions_is_read_before_it_is_counted() -> None:
    there = {**stored(n=1), "_f": {"SS": ["*"]}}
    refused = refusal("ConditionalCheckFailedException", Item=there)
    with scripted(refused, answer({})) as (clients, script):
        assert table_of(clients).increment("p", "s", "n", 1, None, BOUND) == 2
        assert script.asked[1].json["ExpressionAttributeValues"][":old"] == there["_v"]


# Several items


def test_keys_left_unread_are_asked_for_again() -> None:
    keys = [("p", f"{number:03}") for number in range(130)]

    def some(asked: Asked) -> Reply:
        wanted = asked.json["RequestItems"]["items"]["Keys"]
        read, left = wanted[:40], wanted[40:]
        answered = {"Responses": {"items": [stored(key["sk"]["S"]) for key in read]}}
        unread = {"items": {"Keys": left, "ConsistentRead": True}} if left else {}
        return answer({**answered, "UnprocessedKeys": unread})

    with scripted(some, some, some, some) as (clients, script):
        found = table_of(clients).batch_get(keys)
        assert sorted(item.sk for item in found) == [sk for _, sk in keys]
        assert [len(asked.json["RequestItems"]["items"]["Keys"]) for asked in script.asked] == [100, 60, 20, 30]


def test_keys_that_are_never_read_are_throttled() -> None:
    def none(asked: Asked) -> Reply:
        return answer({"Responses": {}, "UnprocessedKeys": asked.json["RequestItems"]})

    with scripted(*[none] * 8) as (clients, _):
        with pytest.raises(Throttled):
            table_of(clients).batch_get([("p", "s")])


def test_deletions_left_undone_are_sent_again_and_then_told() -> None:
    actions: list[PutAction | DeleteAction] = [DeleteAction("p", f"{number:02}", ALWAYS) for number in range(30)]

    def all_but_two(asked: Asked) -> Reply:
        return answer({"UnprocessedItems": {"items": asked.json["RequestItems"]["items"][-2:]}})

    with scripted(all_but_two, answer({}), answer({})) as (clients, script):
        assert table_of(clients).batch_write(actions) == []
        assert [len(asked.json["RequestItems"]["items"]) for asked in script.asked] == [25, 2, 5]
    with scripted(*[all_but_two] * 8, answer({})) as (clients, _):
        assert table_of(clients).batch_write(actions) == [23, 24]


def test_of_a_batch_of_puts_only_those_that_failed_are_told() -> None:
    def some(asked: Asked) -> Reply:
        sk = asked.json["Item"]["sk"]["S"]
        return refusal("ThrottlingException") if sk == "1" else answer({})

    actions: list[PutAction | DeleteAction] = [PutAction(item_of(str(number)), ALWAYS) for number in range(3)]
    with scripted(*[some] * 6) as (clients, _):
        assert table_of(clients).batch_write(actions) == [1]


def test_a_batch_that_may_not_be_written_raises() -> None:
    actions: list[PutAction | DeleteAction] = [PutAction(item_of(), ALWAYS)]
    with scripted(refusal("AccessDeniedException")) as (clients, _):
        with pytest.raises(Exception, match="PutItem") as error:
            table_of(clients).batch_write(actions)
        assert str(getattr(kind_of(error), "code", "")) == "P1004"


def test_a_transaction_says_which_step_failed() -> None:
    reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": stored("b")}]
    with scripted(refusal("TransactionCanceledException", CancellationReasons=reasons)) as (clients, _):
        with pytest.raises(Conflict, match=r"step 1, on \('p', 'b'\): it exists already"):
            table_of(clients).transact([PutAction(item_of("a"), ALWAYS), PutAction(item_of("b"), ABSENT)], "t" * 32)


def test_a_transaction_is_tried_again_with_a_new_token_when_a_version_was_behind() -> None:
    ahead = f"{8_000_000_000_000_000:d}123456"
    reasons = [{"Code": "ConditionalCheckFailed", "Item": stored("a", ahead)}]
    refused = refusal("TransactionCanceledException", CancellationReasons=reasons)
    with scripted(refused, answer({})) as (clients, script):
        [version] = table_of(clients).transact([PutAction(item_of("a"), ALWAYS)], "t" * 32)
    assert version is not None
    assert version > ahead
    tokens = [asked.json["ClientRequestToken"] for asked in script.asked]
    assert len(set(tokens)) == 2
    assert all(len(token) <= 36 for token in tokens)


def test_transactions_in_each_others_way_wait_and_what_will_not_pass_is_told() -> None:
    conflict = refusal("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}])
    with scripted(conflict, conflict, answer({})) as (clients, script):
        table_of(clients).transact([PutAction(item_of(), ALWAYS)], "t")
        assert len({asked.json["ClientRequestToken"] for asked in script.asked}) == 1
    with scripted(*[conflict] * 8) as (clients, _):
        with pytest.raises(Throttled):
            table_of(clients).transact([PutAction(item_of(), ALWAYS)], "t")
    large = [{"Code": "ValidationError", "Message": "Item size has exceeded the maximum allowed size"}]
    with scripted(refusal("TransactionCanceledException", CancellationReasons=large)) as (clients, _):
        with pytest.raises(LimitExceeded, match="step 0"):
            table_of(clients).transact([PutAction(item_of(), ALWAYS)], "t")


# Pages


def test_a_page_is_filled_over_answers_that_hold_what_has_expired() -> None:
    def page(names: list[str], last: str | None) -> Reply:
        found: dict[str, Any] = {"Items": [stored(name) for name in names]}
        if last is not None:
            found["LastEvaluatedKey"] = {"pk": {"S": "p"}, "sk": {"S": last}}
        return answer(found)

    with scripted(page(["a"], "c"), page([], "f"), page(["g", "h"], "h")) as (clients, script):
        found = table_of(clients).query("p", None, reverse=False, limit=2, cursor=None)
        assert [item.sk for item in found.items] == ["a", "g"]
        assert found.cursor == "g"
        assert [asked.json.get("ExclusiveStartKey", {}).get("sk") for asked in script.asked] == [
            None, {"S": "c"}, {"S": "f"},
        ]  # fmt: skip


def test_a_page_ends_after_some_answers_though_nothing_was_found() -> None:
    nothing = answer({"Items": [], "LastEvaluatedKey": {"pk": {"S": "p"}, "sk": {"S": "m"}}})
    with scripted(*[nothing] * 10) as (clients, _):
        found = table_of(clients).query("p", None, reverse=False, limit=2, cursor=None)
        assert (found.items, found.cursor) == ([], "m")
