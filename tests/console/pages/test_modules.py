"""The modules below the pages by values, in the browser that runs them."""

import json
from typing import Any

import pytest

from .console_page import ConsolePage


def calls(page: ConsolePage, module: str, call: str) -> Any:
    """What an expression gives in which `module` is the module."""
    return page.run(f"import('/{module}').then((module) => ({call}))")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("duration(0)", "0 ms"),
        ("duration(0.00042)", "0.42 ms"),
        ("duration(0.0042)", "4.2 ms"),
        ("duration(0.182)", "182 ms"),
        ("duration(0.9996)", "1.00 s"),
        ("duration(3)", "3.00 s"),
        ("duration(124)", "2 min 04 s"),
        ("duration(40980)", "11 h 23 min"),
        ("duration(null)", "\N{EN DASH}"),
        ("money(0.021)", "$0.021"),
        ("money(40.2)", "$40.20"),
        ("money(-3)", "\N{MINUS SIGN}$3.00"),
        ("money(15170)", "$15,170"),
        ("money(0)", "$0"),
        ("bytes(214)", "214 B"),
        ("bytes(2202009)", "2.1 MB"),
        ("share(128, 18290)", "0.70%"),
        ("share(1, 0)", "0%"),
        ("until(1576, 1000)", "in 9:36"),
        ("until(42040, 1000)", "in 11 h 24"),
        ("signed(-0.012, (value) => `${value}`)", "\N{MINUS SIGN}0.012"),
        ("shortId('4bf92f3577b34da6a3ce929d0e0e4736')", "4bf92f35…e4736"),
        ("clock(new Date(2026, 10, 23, 14, 35, 2, 118) / 1000)", "14:35:02.118"),
        ("counted(1, 'span')", "1 span"),
        ("counted(1284, 'span')", "1,284 spans"),
    ],
    ids=lambda value: str(value),
)
def test_numbers_times_and_money_are_written_as_people_read_them(page: ConsolePage, call: str, expected: str) -> None:
    assert calls(page, "library/format.js", f"module.{call}") == expected


def test_a_filter_becomes_parameters(page: ConsolePage) -> None:
    found = calls(page, "library/filters.js", "module.parameters('fn:a.b outcome:success status:5xx two words')")
    assert found == {"handler": "a.b", "outcome": "succeeded", "status": "5xx", "q": "two words"}
    assert calls(page, "library/filters.js", "module.parameters('fn:integration.*')") == {"handler": "integration.*"}
    assert calls(page, "library/filters.js", "module.parameters('http://x key:')") == {"q": "http://x key:"}


def test_an_address_is_read_as_it_was_written(page: ConsolePage) -> None:
    words = ["tables", "a/b ?#&%", "é"]
    link = calls(page, "library/routing.js", f"module.link({json.dumps(words)}, {{q: 'a b&c', none: ''}})")
    assert calls(page, "library/routing.js", f"module.parse({json.dumps(link)})") == {
        "path": words,
        "query": {"q": "a b&c"},
    }
    assert calls(page, "library/routing.js", "module.parse('#/100%')")["path"] == ["100%"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("null", "nothing"),
        ("''", "(empty)"),
        ("'a'", "a"),
        ("['table:x get', 'task:y send']", "table:x get\ntask:y send"),
        ("[]", "nothing"),
        ("[1]", "[\n 1\n]"),
        ("0", "0"),
    ],
)
def test_what_differs_is_shown_as_it_is_read(page: ConsolePage, value: str, text: str) -> None:
    assert calls(page, "components/difference_card.js", f"module.shown({value})") == text


def test_a_form_begins_with_values_that_the_schema_allows(page: ConsolePage) -> None:
    schema = {
        "$defs": {"Inner": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "inner": {"$ref": "#/$defs/Inner"},
            "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "kind": {"enum": ["a", "b"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "size": {"type": "integer", "default": 3},
        },
        "required": ["name", "inner", "maybe", "kind", "tags"],
    }
    found = calls(page, "library/schema.js", f"module.firstValue({json.dumps(schema)}, {json.dumps(schema)})")
    assert found == {"name": "", "inner": {"n": 0}, "maybe": None, "kind": "a", "tags": [], "size": 3}
    loop = {"$defs": {"A": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"}
    assert calls(page, "library/schema.js", f"module.firstValue({json.dumps(loop)}, {json.dumps(loop)})") == {}


def test_a_form_asks_for_what_is_required_and_leaves_the_rest_as_it_is_by_default(page: ConsolePage) -> None:
    schema = {
        "$defs": {"Kind": {"enum": ["a", "b"], "type": "string"}},
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "kind": {"$ref": "#/$defs/Kind", "default": "b"},
        },
        "required": ["name"],
    }
    example = {"name": "string", "note": "string"}
    found = calls(page, "library/schema.js", f"module.firstPayload({json.dumps(schema)}, {json.dumps(example)})")
    assert found == {"name": "string", "note": None, "kind": "b"}
    assert calls(page, "library/schema.js", "module.firstPayload({type: 'string'}, 'x')") == "x"


def test_marks_that_stand_near_one_another_share_a_label(page: ConsolePage) -> None:
    marks = [
        {"x": x, "mark": {"kind": "reload", "at": at, "text": "a.py"}} for x, at in ((40, 0), (90, 60), (400, 600))
    ]
    found = calls(page, "components/bar_chart.js", f"module.groupedMarks({json.dumps(marks)})")
    assert [one["x"] for one in found] == [40, 400]
    assert found[0]["text"].endswith(", 2 reloads")
    assert found[1]["text"].endswith("reload a.py")


def test_words_of_lines_cover_neither_one_another_nor_a_node(page: ConsolePage) -> None:
    at = "(share) => ({x: 300 + share * 100, y: share * 200})"
    labels = f"[{{text: '12', at: {at}}}, {{text: '34', at: {at}}}]"
    found = calls(page, "library/map_layout.js", f"module.placeLabels({labels}, [{{x: 300, y: 90}}])")
    assert abs(found[0]["y"] - found[1]["y"]) >= 17
    assert all(one["y"] + 8.5 <= 90 or one["y"] - 8.5 >= 130 for one in found)


def test_an_attempt_after_the_first_is_numbered(page: ConsolePage) -> None:
    span = {"kind": "task", "name": "task:x", "handler": "a.x", "attributes": {"portable.attempt": 2}}
    assert calls(page, "components/span_lines.js", f"module.spanName({json.dumps(span)})") == "a.x, attempt 2"
    first = {**span, "attributes": {"portable.attempt": 1}}
    assert calls(page, "components/span_lines.js", f"module.spanName({json.dumps(first)})") == "a.x"


def test_of_several_attempts_of_one_delivery_the_first_is_numbered_too(page: ConsolePage) -> None:
    def attempt(id: str, number: int, message: str) -> dict[str, Any]:
        attributes = {"portable.attempt": number, "messaging.message.id": message}
        shared = {"parent": "p", "kind": "task", "name": "task:x", "handler": "a.x", "started_at": int(id)}
        return {"id": id, "attributes": attributes, **shared}

    spans = [attempt("1", 1, "m"), attempt("2", 2, "m"), attempt("3", 1, "other")]
    named = f"module.tree({json.dumps(spans)}).map((row) => module.spanName(row.span, row.isRepeated))"
    assert calls(page, "components/span_lines.js", named) == ["a.x, attempt 1", "a.x, attempt 2", "a.x"]


def test_spans_are_a_tree_also_when_a_parent_is_missing_or_a_circle_is_told(page: ConsolePage) -> None:
    spans = [
        {"id": "b", "parent": "a", "started_at": 2},
        {"id": "a", "parent": "gone", "started_at": 1},
        {"id": "c", "parent": "b", "started_at": 3},
        {"id": "own", "parent": "own", "started_at": 4},
    ]
    found = calls(
        page,
        "components/span_lines.js",
        f"module.tree({json.dumps(spans)}).map((row) => row.span.id + row.depth)",
    )
    assert found == ["a0", "b1", "c2", "own0"]


def test_what_was_late_is_put_where_it_belongs(page: ConsolePage) -> None:
    items = [{"id": "3", "started_at": 3}, {"id": "1", "started_at": 1}]
    late = [{"id": "2", "started_at": 2}, {"id": "3", "started_at": 3}]
    found = calls(
        page, "library/live_list.js", f"module.withLate({json.dumps(items)}, {json.dumps(late)}).map((one) => one.id)"
    )
    assert found == ["3", "2", "1"]


@pytest.mark.parametrize(("most", "parts", "top"), [(0, 3, 3), (9, 1, 10), (420, 3, 450), (57, 3, 60), (1, 3, 3)])
def test_a_scale_has_round_steps(page: ConsolePage, most: int, parts: int, top: int) -> None:
    assert calls(page, "components/bar_chart.js", f"module.roundScale({most}, {parts})") == top


DRAWN = """Promise.all([import('/library/html.js'), import('/components/%s.js')]).then(([{ html, render }, module]) => {
    const room = document.createElement('div');
    render(html`%s`, room);
    return %s;
})"""


def test_a_line_of_zeros_lies_on_the_ground_and_alarms_nobody(page: ConsolePage) -> None:
    zeros = "<${module.Sparkline} values=${[0, 0, 0]} colour='--c-err' />"
    path = "room.querySelector('path')"
    found = page.run(DRAWN % ("sparkline", zeros, f"[{path}.getAttribute('d'), {path}.getAttribute('stroke')]"))
    assert found == ["M0.0 23.0L38.0 23.0L76.0 23.0", "var(--line-2)"]
    same = zeros.replace("0, 0, 0", "4, 4, 4")
    found = page.run(DRAWN % ("sparkline", same, f"[{path}.getAttribute('d'), {path}.getAttribute('stroke')]"))
    assert found == ["M0.0 13.0L38.0 13.0L76.0 13.0", "var(--c-err)"]


def test_what_an_import_failed_of_is_told_once(page: ConsolePage) -> None:
    error = {"message": "NameError: no_such", "file": "app.py", "line": 3, "hint": None, "traceback": None}
    banner = "<${module.ImportError} error=${" + json.dumps(error) + "} />"
    found = page.run(DRAWN % ("import_error", banner, "room.innerText"))
    assert found.count("import") == 1
    assert "What was saved does not import: NameError: no_such" in found
    assert "app.py:3" in found


def test_a_choice_that_was_not_given_says_so(page: ConsolePage) -> None:
    schema = {
        "$defs": {"Kind": {"enum": ["a", "b"], "type": "string"}},
        "type": "object",
        "properties": {"kind": {"$ref": "#/$defs/Kind", "default": "b"}, "must": {"$ref": "#/$defs/Kind"}},
        "required": ["must"],
    }
    form = "<${module.SchemaForm} schema=${%s} value=${%s} onChange=${() => 0} onBroken=${() => 0} />"
    chosen = "[...room.querySelectorAll('select')].map((one) => one.selectedOptions[0].innerText)"
    given = form % (json.dumps(schema), json.dumps({"kind": "b", "must": "a"}))
    assert page.run(DRAWN % ("schema_form", given, chosen)) == ["b", "a"]
    nothing = form % (json.dumps(schema), json.dumps({"must": "a"}))
    assert page.run(DRAWN % ("schema_form", nothing, chosen)) == ["not given", "a"]
