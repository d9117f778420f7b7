"""What a page changes: asked first, done once, said afterwards. Nothing that the app stored becomes markup."""

import json

from .console_page import ConsolePage


def fills(page: ConsolePage, selector: str, text: str) -> None:
    page.waits(f"document.querySelector({json.dumps(selector)}) !== null")
    page.run(f"document.querySelector({json.dumps(selector)}).focus()")
    page.run(f"document.querySelector({json.dumps(selector)}).select?.()")
    page.types(text)


def test_an_item_is_added_found_edited_and_deleted(page: ConsolePage) -> None:
    page.opens("tables/core.users")
    page.clicks("Add an item")
    fills(page, "dialog textarea", json.dumps({"owner": "nora", "id": "nora", "name": "Nora <b>"}))
    keys = page.run("document.querySelector('dialog .hint').innerText").removeprefix("key: ").split(", ")
    page.run("document.querySelector('dialog textarea').select()")
    page.types(json.dumps({**dict.fromkeys(keys, "nora"), "name": "<img src=x onerror=alert(1)>"}))
    page.clicks("Save", "dialog")
    page.says("Added 1 item", ".said")
    fills(page, "main [data-filter]", "nora")
    page.presses("Enter")
    page.waits("document.querySelectorAll('main tbody tr').length === 1")
    page.says("<img src=x onerror=alert(1)>", "main tbody")
    assert page.run("document.querySelectorAll('main img').length") == 0
    page.clicks("Delete")
    page.says("Delete for good?", "main tbody")
    page.clicks("Delete for good?")
    page.says("Deleted 1 item", ".said")
    page.says("No item whose", "main")


def test_dead_letters_are_discarded_by_a_second_click_and_sent_again(page: ConsolePage) -> None:
    page.opens("queues/exchange.refresh")
    page.waits("document.querySelectorAll('.pick input').length === 3")
    page.run("document.querySelector('.pick input').click()")
    page.clicks("Discard 1")
    page.says("Discard 1 for good?", "main")
    assert page.run("document.querySelectorAll('.pick input').length") == 3
    page.clicks("Discard 1 for good?")
    page.says("1 dead letter thrown away", ".said")
    page.waits("document.querySelectorAll('.pick input').length === 2")
    page.clicks("Redrive all")
    page.says("2 dead letters sent again", ".said")
    page.says("No dead letters", "main")


def test_a_schedule_is_run_paused_and_resumed(page: ConsolePage) -> None:
    page.opens("schedules")
    page.clicks("Run now")
    page.says("runs now", ".said")
    page.clicks("Pause", "main")
    page.says("Paused", "main tbody")
    page.clicks("Resume")
    page.waits("!document.querySelector('main tbody').innerText.includes('Paused')")


def test_a_stored_page_is_shown_as_text(page: ConsolePage) -> None:
    page.opens("buckets")
    page.clicks("maya/page.html")
    page.says("<script>alert(1)</script>", "dialog pre")
    assert page.run("document.querySelectorAll('dialog script').length") == 0
    page.is_accessible()
    page.clicks("", "dialog header")
    page.waits("document.querySelector('dialog[open]') === null")


def test_a_function_is_run_from_its_form(page: ConsolePage) -> None:
    page.opens("functions/core.after_import")
    fills(page, "main .form input", "maya")
    page.clicks("Run", "main")
    page.says("Success", ".outcome")
    page.clicks("JSON", "main")
    assert "maya" in str(page.run("document.querySelector('main textarea').value"))


def test_a_value_is_set_and_never_shown(page: ConsolePage) -> None:
    page.opens("values")
    page.waits("document.querySelector('main tbody button') !== null")
    page.run("document.querySelector('main tbody button').click()")
    fills(page, "dialog input", "a-very-secret-word")
    page.clicks("Save", "dialog")
    page.says("is set", ".said")
    page.waits("document.querySelector('dialog[open]') === null")
    assert "a-very-secret-word" not in page.text("body")


def test_a_request_is_sent_from_the_explorer(page: ConsolePage) -> None:
    page.opens("api")
    page.clicks("Send", "main")
    page.says("Answer", "main")
    assert page.run("document.querySelector('main .snippet code').innerText").startswith("curl ")


def test_the_map_is_a_table_too_and_mermaid(page: ConsolePage) -> None:
    page.opens("map")
    page.waits("document.querySelectorAll('.map .node').length > 30")
    edges = page.run("document.querySelectorAll('.map path:not(.arrow)').length")
    assert edges > 20
    page.clicks("As table")
    page.waits(f"document.querySelectorAll('main tbody tr').length === {edges}")
    drawn = page.run(
        "fetch('/api/v1/map', {headers: {'X-Portable-Console': '1'}}).then((answer) => answer.json())"
        ".then((map) => import('/library/map_layout.js').then((module) => module.mermaid(map.nodes, map.edges)))"
    )
    assert drawn.startswith("flowchart LR\n")
    assert drawn.count("-->") == edges
