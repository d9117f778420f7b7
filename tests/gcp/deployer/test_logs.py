"""Logs of deployed functions by Google's own client, page by page and as they come. Over our fake."""

from typing import Any

import pytest

from portable.errors import NotFound
from tests.gcp.deployer.fake_google import PROJECT, Google
from tests.gcp.deployer.shop import Shop, app_of


def entry(google: Google, service: str, second: int, **payload: Any) -> None:
    google.project.entries.append(
        {
            "insertId": f"{service}-{second}",
            "logName": f"projects/{PROJECT}/logs/run.googleapis.com%2Fstdout",
            "timestamp": f"2026-11-27T00:00:{second:02}Z",
            "resource": {"type": "cloud_run_revision", "labels": {"service_name": service}},
            **payload,
        }
    )


START = 1795737600.0
"""2026-11-27T00:00:00Z"""


def test_lines_of_all_functions_come_by_time_over_all_pages(shop: Shop, google: Google) -> None:
    manifest = shop.options(app_of(tasks=("pack", "ship"))).manifest
    for second in range(8):
        entry(google, "shop-dev-pack" if second % 2 else "shop-dev-ship", second, textPayload=f"line {second}\n")
    entry(google, "others", 3, textPayload="another's")
    found = list(shop.deployer.logs(manifest, None, START, None))
    assert [one.text for one in found] == [f"line {second}" for second in range(8)]
    assert found[1].function == "shop-dev-pack"
    assert found[1].at == START + 1
    some = list(shop.deployer.logs(manifest, "pack", START + 4, None))
    assert [one.text for one in some] == ["line 5", "line 7"]


def test_what_is_logged_as_json_is_shown_as_json_and_a_request_as_a_line(shop: Shop, google: Google) -> None:
    entry(google, "shop-dev-pack", 1, jsonPayload={"message": "häm", "fn": "pack"})
    entry(
        google, "shop-dev-pack", 2, httpRequest={"requestMethod": "POST", "requestUrl": "https://x/", "status": 204}
    )  # fmt: skip
    found = list(shop.deployer.logs(shop.options().manifest, "pack", START, None))
    assert [one.text for one in found] == ['{"fn": "pack", "message": "häm"}', "POST https://x/ 204"]


def test_how_severe_a_line_is_stands_in_it_again(shop: Shop, google: Google) -> None:
    entry(google, "shop-dev-pack", 1, severity="ERROR", jsonPayload={"message": "pack"})
    [found] = shop.deployer.logs(shop.options().manifest, "pack", START, None)
    assert found.text == '{"level": "ERROR", "message": "pack"}'


def test_lines_that_come_later_are_told_once_also_if_they_are_older(shop: Shop, google: Google) -> None:
    entry(google, "shop-dev-pack", 20, textPayload="first")
    rounds = iter([True, True, False])

    def follow() -> bool:
        going = next(rounds)
        if going:
            entry(google, "shop-dev-pack", 15 if len(google.project.entries) == 1 else 30, textPayload="later")
        return going

    found = list(shop.deployer.logs(shop.options().manifest, "pack", START, follow))
    assert [(one.at - START, one.text) for one in found] == [(20, "first"), (15, "later"), (30, "later")]


def test_without_the_app_what_is_deployed_says_which_functions_there_are(shop: Shop, google: Google) -> None:
    with pytest.raises(NotFound, match="shop is not deployed in dev"):
        list(shop.deployer.logs(None, None, START, None))
    shop.deploy()
    entry(google, "shop-dev-pack", 1, textPayload="hello")
    assert [one.text for one in shop.deployer.logs(None, "pack", START, None)] == ["hello"]
    with pytest.raises(NotFound, match="nothing that is deployed is called 'ship'") as e:
        list(shop.deployer.logs(None, "ship", START, None))
    assert "there are: pack" in str(e.value.hint)


def test_a_handler_that_there_is_not_is_told_with_those_that_there_are(shop: Shop) -> None:
    with pytest.raises(NotFound, match="there is no handler 'ship'") as e:
        list(shop.deployer.logs(shop.options().manifest, "ship", START, None))
    assert "pack" in str(e.value.hint)


def test_an_app_that_was_never_deployed_has_no_logs_and_one_that_is_may_be_silent(shop: Shop) -> None:
    manifest = shop.options().manifest
    with pytest.raises(NotFound, match="shop is not deployed in dev"):
        list(shop.deployer.logs(manifest, None, START, None))
    shop.deploy()
    assert list(shop.deployer.logs(manifest, None, START, None)) == []
