"""More than one index of a table that comes or goes: one update of the stack for each. Over our fake (fake_aws.py)."""

from dataclasses import dataclass
from typing import Any

import pytest
from portable_aws.index_updates import IndexChanges, index_changes, updates_to
from portable_aws.stacks import Template

from portable import App
from portable.errors import DataAtRisk, DeployFailed, InvalidArgument
from tests.aws.deployer.fake_aws import FakeAws
from tests.aws.deployer.fake_cloudformation import indexes_of
from tests.aws.deployer.shop import STACK, Shop, Watching, app_of

AWS_SAYS = "Cannot perform more than one GSI creation or deletion in a single update"


@dataclass
class Texts:
    id: str
    a: str


@dataclass
class Numbers:
    id: str
    a: int


def table(*indexes: str, types: str = "S", name: str = "orders") -> dict[str, Any]:
    """A table's resource with these indexes."""
    keys = {index: [{"AttributeName": f"{index}#1", "KeyType": "HASH"}] for index in indexes}
    attributes = ["pk", *(schema[0]["AttributeName"] for schema in keys.values())]
    properties: dict[str, Any] = {
        "TableName": name,
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": one, "AttributeType": types} for one in attributes],
    }
    if indexes:
        properties["GlobalSecondaryIndexes"] = [
            {"IndexName": index, "KeySchema": schema} for index, schema in keys.items()
        ]
    return {"Type": "AWS::DynamoDB::Table", "Properties": properties}


def template(mark: str = "1", **tables: dict[str, Any]) -> Template:
    return Template({"Metadata": {}, "Resources": {**tables, "Code": {"Type": "Code", "Mark": mark}}}, {}, {}, ())


def told(updates: Any) -> list[tuple[str, list[list[str]]]]:
    """Of each update: the code it has, and the indexes of each table in it."""
    return [
        (
            one.template.root["Resources"]["Code"]["Mark"],
            [
                sorted(indexes_of(value))
                for value in one.template.root["Resources"].values()
                if value["Type"] == "AWS::DynamoDB::Table"
            ],
        )
        for one in updates
    ]


def in_use(value: dict[str, Any]) -> set[str]:
    properties = value["Properties"]
    keys = [properties["KeySchema"], *(one["KeySchema"] for one in properties.get("GlobalSecondaryIndexes", ()))]
    return {key["AttributeName"] for schema in keys for key in schema}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "a", [("2", [["a"]])]),
        ("a", "", [("2", [[]])]),
        ("", "ab", [("1", [["a"]]), ("2", [["a", "b"]])]),
        ("ab", "", [("2", [["b"]]), ("2", [[]])]),
        ("a", "b", [("2", [["a", "b"]]), ("2", [["b"]])]),
        ("ab", "cd", [("1", [["a", "b", "c"]]), ("2", [["a", "b", "c", "d"]]), ("2", [["b", "c", "d"]]),
                      ("2", [["c", "d"]])]),
        ("ab", "ab", [("2", [["a", "b"]])]),
    ],
)  # fmt: skip
def test_what_is_new_comes_first_then_the_code_then_what_is_gone(
    before: str, after: str, expected: list[tuple[str, list[list[str]]]]
) -> None:
    old, new = template("1", T=table(*before)), template("2", T=table(*after))
    updates = updates_to(old, new)
    assert told(updates) == expected
    assert updates[-1].template == new
    previous = old
    for one in updates:
        value = one.template.root["Resources"]["T"]
        changed = index_changes(previous.root["Resources"]["T"]["Properties"], value["Properties"])
        assert changed.total == (0 if before == after else 1)
        defined = [attribute["AttributeName"] for attribute in value["Properties"]["AttributeDefinitions"]]
        assert sorted(defined) == sorted(in_use(value))
        previous = one.template


def test_tables_change_side_by_side_and_no_index_goes_before_the_code() -> None:
    old = template("1", A=table("x", name="a"), B=table(name="b"), C=table("c1", "c2", name="c"))
    new = template("2", A=table(name="a"), B=table("b1", "b2", "b3", name="b"), C=table("c3", name="c"))
    assert told(updates_to(old, new)) == [
        ("1", [["x"], ["b1"], ["c1", "c2", "c3"]]),
        ("1", [["x"], ["b1", "b2"], ["c1", "c2", "c3"]]),
        ("2", [[], ["b1", "b2", "b3"], ["c2", "c3"]]),
        ("2", [[], ["b1", "b2", "b3"], ["c3"]]),
    ]


@pytest.mark.parametrize("done", range(4))
def test_from_between_two_updates_the_rest_leads_to_the_same_end(done: int) -> None:
    old, new = template("1", T=table(*"abc")), template("2", T=table(*"cde"))
    all_of_them = updates_to(old, new)
    assert len(all_of_them) == 4
    rest = updates_to(all_of_them[done].template, new)
    assert len(rest) == max(3 - done, 1)
    assert rest[-1].template == new


def test_a_new_table_and_one_that_is_another_have_all_indexes_at_once() -> None:
    assert len(updates_to(None, template(T=table("a", "b")))) == 1
    assert len(updates_to(template(), template(T=table("a", "b")))) == 1
    assert len(updates_to(template(T=table(name="old")), template(T=table("a", "b", name="new")))) == 1


def test_an_index_whose_types_change_is_refused_by_name() -> None:
    old, new = table("a", types="S"), table("a", types="N")
    assert index_changes(old["Properties"], new["Properties"]) == IndexChanges((), (), ("a",))
    with pytest.raises(InvalidArgument, match="index a of table orders has other fields or types") as caught:
        updates_to(template(T=old), template(T=new))
    assert "another name" in str(caught.value.hint)


def indexes(aws: FakeAws) -> set[str]:
    stack = aws.stack(STACK)
    assert stack is not None
    return indexes_of(stack["template"]["Resources"]["TableOrders"])


def updates(aws: FakeAws) -> int:
    return aws.calls().count("cloudformation.ExecuteChangeSet")


def test_the_fake_takes_one_index_in_an_update_as_aws_does(
    shop: Shop, aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deploy()
    monkeypatch.setattr("portable_aws.applying.updates_to", lambda _, wanted: [updates_to(None, wanted)[0]])
    with pytest.raises(DeployFailed, match=AWS_SAYS):
        shop.deploy(app_of(indexes=("by_a", "by_b")))
    assert shop.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert indexes(aws) == set()


def test_three_indexes_come_and_one_goes_in_one_deploy(shop: Shop, aws: FakeAws) -> None:
    shop.deploy(app_of(indexes=("old",)))
    before = updates(aws)
    watcher = Watching()
    done = shop.deploy(app_of(indexes=("by_a", "by_b", "by_c")), code="2", watcher=watcher)
    assert indexes(aws) == {"by_a", "by_b", "by_c"}
    assert updates(aws) - before == 4
    assert done.release is not None
    assert done.release.number == 2
    # It is asked once, about all of it.
    [plan] = watcher.plans
    assert any("4 indexes (+ by_a, + by_b, + by_c, - old)" in step for step in plan.steps)
    assert [text for text in watcher.said if text.startswith("update ")] == [
        "update 1 of 4 of shop-dev: + index by_a of table shop-dev-orders",
        "update 2 of 4 of shop-dev: + index by_b of table shop-dev-orders",
        "update 3 of 4 of shop-dev: + index by_c of table shop-dev-orders",
        "update 4 of 4 of shop-dev: - index old of table shop-dev-orders",
    ]
    assert not shop.deploy(app_of(indexes=("by_a", "by_b", "by_c")), code="2").is_changed


def test_a_deploy_that_is_not_agreed_to_changes_no_index(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    before = updates(aws)
    assert shop.deploy(app_of(indexes=("by_a", "by_b")), watcher=Watching(agrees=False)).release is None
    assert (updates(aws), indexes(aws)) == (before, set())


def test_an_index_that_is_being_filled_is_waited_for(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    shop.deploy(app_of(indexes=("by_a",)))
    assert aws.read()["world"]["shop-dev-orders"]["filling"] == 3
    shop.deploy(app_of(indexes=("by_a", "by_b")))
    assert indexes(aws) == {"by_a", "by_b"}


def test_where_one_of_several_updates_fails_the_next_deploy_goes_on(shop: Shop, aws: FakeAws) -> None:
    class Breaking(Watching):
        def say(self, text: str) -> None:
            super().say(text)
            if text.startswith("update 2 of 3"):
                aws.fail("TableOrders", "update", "the account has too many indexes")

    shop.deploy()
    wanted = app_of(indexes=("by_a", "by_b", "by_c"))
    with pytest.raises(DeployFailed, match="too many indexes") as caught:
        shop.deploy(wanted, code="2", watcher=Breaking())
    assert "update 2 of 3" in str(caught.value.hint)
    assert shop.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert indexes(aws) == {"by_a"}
    assert [one.number for one in shop.deployer.releases()] == [1]
    aws.mend()
    before = updates(aws)
    assert shop.deploy(wanted, code="2").is_changed
    assert updates(aws) - before == 2
    assert indexes(aws) == {"by_a", "by_b", "by_c"}


def test_a_rollback_takes_indexes_back_one_by_one(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    shop.deploy(app_of(indexes=("by_a", "by_b")), code="2")
    assert shop.rollback(1).is_changed
    assert indexes(aws) == set()


def test_a_later_update_that_would_take_data_away_is_refused(shop: Shop, aws: FakeAws) -> None:
    class Meddling(Watching):
        def say(self, text: str) -> None:
            super().say(text)
            if text.startswith("update 2 of 2"):
                aws.change(lambda state: state.update(replacing=["GlobalSecondaryIndexes"]))

    shop.deploy()
    with pytest.raises(DataAtRisk, match="shop-dev-orders"):
        shop.deploy(app_of(indexes=("by_a", "by_b")), watcher=Meddling())
    assert indexes(aws) == {"by_a"}


def test_an_index_with_another_type_is_told_by_a_plan_and_refused_by_a_deploy(shop: Shop, aws: FakeAws) -> None:
    def app_with(model: type[Texts] | type[Numbers]) -> App:
        app = app_of(tables=())
        app.table("orders", model, key="id", indexes={"by_a": ("a",)})
        return app

    shop.deploy(app_with(Texts))
    before = updates(aws)
    plan = shop.deployer.plan(shop.options(app_with(Numbers)))
    assert any("index by_a of table shop-dev-orders has other fields or types" in step for step in plan.steps)
    with pytest.raises(InvalidArgument, match="by_a"):
        shop.deploy(app_with(Numbers))
    assert updates(aws) == before
