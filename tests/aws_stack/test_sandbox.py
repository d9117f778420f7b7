"""The sandbox behaves as Lambda does, with AWS's own runtime client in it."""

import json
import textwrap
import threading
from pathlib import Path

import pytest

from tests.aws_stack import installation
from tests.aws_stack.runtime_api import MOST_PAYLOAD, Function, Pool, Result, Sandbox

HANDLER = """
    import importlib.util, json, os, time

    print("module loaded")

    def handler(event, context):
        if "raise" in event:
            raise ValueError(event["raise"])
        if "sleep" in event:
            time.sleep(event["sleep"])
        if "exit" in event:
            os._exit(event["exit"])
        if "size" in event:
            return "x" * event["size"]
        print("said", event)
        return {
            "event": event,
            "left": context.get_remaining_time_in_millis(),
            "id": context.aws_request_id,
            "arn": context.invoked_function_arn,
            "found": [name for name in ("pytest", "pydantic", "portable", "boto3") if importlib.util.find_spec(name)],
            "environment": sorted(os.environ),
        }
"""


@pytest.fixture
def function(tmp_path: Path) -> Function:
    (tmp_path / "index.py").write_text(textwrap.dedent(HANDLER))
    return Function(str(installation.sandbox()), str(tmp_path), "index.handler", timeout=5)


def ask(box: Sandbox, event: object) -> Result:
    return box.invoke(json.dumps(event).encode())


def test_a_call_reaches_the_handler_and_its_answer_and_words_come_back(function: Function) -> None:
    with Sandbox(function) as box:
        first, second = ask(box, {"a": "é"}), ask(box, {"b": 2})
        assert (first.cold, second.cold) == (True, False)
        assert first.error is second.error is None
        assert first.json["event"] == {"a": "é"}
        assert first.json["id"] == first.request_id != second.request_id
        assert first.json["arn"] == function.arn
        assert 0 < first.json["left"] <= 5000
        assert "module loaded" in first.logs
        assert "module loaded" not in second.logs
        assert "said {'b': 2}" in second.logs


def test_it_has_what_the_managed_runtime_has_and_nothing_of_this_process(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_TESTS", "x")
    with Sandbox(function) as box:
        answer = ask(box, {}).json
    assert answer["found"] == ["boto3"]
    assert "SECRET_OF_THE_TESTS" not in answer["environment"]
    assert "AWS_LAMBDA_RUNTIME_API" in answer["environment"]


def test_errors_have_the_form_of_lambda(function: Function) -> None:
    with Sandbox(function) as box:
        raised = ask(box, {"raise": "boom"})
        assert raised.error == "Unhandled"
        assert (raised.json["errorType"], raised.json["errorMessage"]) == ("ValueError", "boom")
        assert not box.dead
        large = ask(box, {"size": MOST_PAYLOAD})
        assert large.json["errorType"] == "Function.ResponseSizeTooLarge"
        assert ask(box, {}).error is None
        with pytest.raises(ValueError, match="Lambda takes"):
            box.invoke(b"x" * (MOST_PAYLOAD + 1))


def test_a_process_that_ends_or_runs_out_of_time_cannot_be_used_again(function: Function) -> None:
    with Sandbox(function) as box:
        ended = ask(box, {"exit": 3})
        assert "exit status 3" in ended.json["errorMessage"]
        assert box.dead
    with Sandbox(function) as box:
        ask(box, {})
        late = ask(box, {"sleep": 60})
        assert late.json["errorType"] == "Sandbox.Timedout"
        assert box.dead


def test_a_module_that_cannot_be_imported_is_an_error_of_the_call(function: Function) -> None:
    with Sandbox(Function(function.python, function.root, "nowhere.handler")) as box:
        answer = ask(box, {})
    assert answer.json["errorType"] == "Runtime.ImportModuleError"
    assert box.dead


def test_a_pool_uses_idle_sandboxes_again_and_starts_more_for_calls_at_once(function: Function) -> None:
    with Pool(function, most=2) as pool:
        for _ in range(3):
            assert pool.invoke(b"{}").error is None
        assert pool.cold_starts == 1
        results: list[Result] = []
        threads = [threading.Thread(target=lambda: results.append(pool.invoke(b'{"sleep": 0.3}'))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [result.error for result in results] == [None] * 4
        assert pool.cold_starts == 2
