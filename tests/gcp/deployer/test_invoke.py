"""`portable invoke --target gcp`: a request to the function's address, as Google says it. Over our fake."""

import json

import pytest
from portable_gcp.deploy_clients import DeployClients, told

from portable.direct import KEY
from portable.errors import ConfigurationError, DeployFailed, NotFound, PermissionDenied
from portable.invocation import Outcome
from tests.gcp.deployer.fake_google import PROJECT, Google
from tests.gcp.deployer.shop import Shop, app_of
from tests.gcp_stack.server import Reply, Request, Stand


class Function:
    """A function that answers as it is told, and keeps what it is asked."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.requests: list[Request] = []
        self.stand = Stand(self.answer, "function")

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.reply


def invoked(shop: Shop, google: Google, reply: Reply, handler: str = "pack") -> tuple[object, list[Request]]:
    function = Function(reply)
    try:
        shop.deploy(app_of(is_whole=True))
        for name, one in google.project.resources.items():
            if "/functions/" in name:
                one["serviceConfig"]["uri"] = function.stand.endpoint
        return shop.deployer.invoke(
            shop.options(app_of(is_whole=True)).manifest, handler, '{"a": 1}'
        ), function.requests
    finally:
        function.stand.close()


def outcome_reply() -> Reply:
    return Reply(200, Outcome("succeeded", result="7")._asdict())


def test_the_function_is_asked_at_its_address_and_its_answer_is_the_outcome(shop: Shop, google: Google) -> None:
    found, [request] = invoked(shop, google, outcome_reply())
    assert (request.verb, request.path) == ("POST", "/invoke")
    event = json.loads(request.body)
    assert (event[KEY], event["kind"], event["handler"], event["body"]) == (1, "task", "pack", '{"a": 1}')
    assert "authorization" not in request.headers
    assert found == Outcome("succeeded", result="7")


def test_a_schedule_is_run_as_if_now_were_its_time(shop: Shop, google: Google) -> None:
    _, [request] = invoked(shop, google, outcome_reply(), "sweep")
    event = json.loads(request.body)
    assert event["kind"] == "schedule"
    assert json.loads(event["body"])["scheduled_at"].endswith("+00:00")


def test_what_does_not_let_us_in_is_told_with_the_role_that_does(shop: Shop, google: Google) -> None:
    with pytest.raises(PermissionDenied, match="shop-dev-pack does not let you in: 403") as e:
        invoked(shop, google, Reply(403))
    assert "roles/run.invoker" in str(e.value.hint)


def test_a_function_that_fails_is_told_with_what_it_said(shop: Shop, google: Google) -> None:
    with pytest.raises(DeployFailed, match="shop-dev-pack failed: 500 no module named app"):
        invoked(shop, google, Reply(500, b"no module named app"))


def test_what_is_not_deployed_or_no_handler_is_not_found(shop: Shop, google: Google) -> None:
    # As in a project that has had no functions ever.
    with pytest.raises(NotFound, match="pack is not deployed in dev"):
        shop.deployer.invoke(shop.options().manifest, "pack", "")
    google.project.enabled.add("cloudfunctions")
    with pytest.raises(NotFound, match="pack is not deployed in dev"):
        shop.deployer.invoke(shop.options().manifest, "pack", "")
    with pytest.raises(NotFound, match="there is no background handler 'index'"):
        shop.deployer.invoke(shop.options(app_of(is_whole=True)).manifest, "index", "")


def test_an_interface_that_is_not_enabled_is_told_by_its_name(google: Google) -> None:
    clients = DeployClients()
    with pytest.raises(ConfigurationError, match="has not been used in project") as e, told("look"):
        clients.library("cloudtasks").get_queue(name=f"projects/{PROJECT}/locations/europe-west1/queues/q")
    assert e.value.hint == "gcloud services enable cloudtasks.googleapis.com"
