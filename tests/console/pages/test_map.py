"""The system map leaves the page: as a drawing that needs nothing else, and as Mermaid; and is read without a mouse."""

from pathlib import Path
from xml.etree import ElementTree as ET

from tests.console.sample import manifest
from tests.e2e.dev import until

from .console_page import ConsolePage

SVG = "{http://www.w3.org/2000/svg}"


def presses_button(page: ConsolePage, text: str) -> None:
    """By the keyboard, as a browser lets nobody else copy or save."""
    find = f"[...document.querySelectorAll('.page-head button')].find((one) => one.innerText === {text!r})"
    page.waits(f"{find} !== undefined")
    page.run(f"{find}.focus()")
    page.presses("Enter")


def test_it_is_saved_as_a_drawing_that_needs_no_stylesheet(page: ConsolePage, tmp_path: Path) -> None:
    page.opens("map")
    page.waits("document.querySelectorAll('.map .node').length > 20")
    page.tab.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    presses_button(page, "Save as SVG")
    file = tmp_path / "fatfire-map.svg"
    until("the file is there", lambda: file.is_file() and file.stat().st_size > 0)
    drawing = ET.fromstring(file.read_text())
    assert drawing.tag == f"{SVG}svg"
    texts = {text.text for text in drawing.iter(f"{SVG}text")}
    names = {handler["name"] for handler in manifest()["handlers"]} | {one["name"] for one in manifest()["tables"]}
    assert len(names) > 20
    assert {name for name in names if len(name) <= 32} <= texts
    tags = {element.tag.removeprefix(SVG) for element in drawing.iter()}
    assert tags <= {"svg", "defs", "marker", "path", "title", "g", "rect", "text", "a"}
    for element in drawing.iter():
        assert not {"class", "style", "href"} & set(element.attrib)
        if element.tag == f"{SVG}rect":
            assert element.attrib["fill"].startswith(("rgb", "none"))


def test_it_is_copied_as_mermaid(page: ConsolePage) -> None:
    page.tab.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.opens("map")
    presses_button(page, "Copy as Mermaid")
    page.says("Copied as Mermaid", ".said")
    text = page.run("navigator.clipboard.readText()")
    lines = text.splitlines()
    assert lines[0].startswith("flowchart")
    found = page.run("fetch('/api/v1/map').then((answer) => answer.json())")
    for node in found["nodes"]:
        assert any(node["name"] in line for line in lines), node
    arrows = [line for line in lines if "-->" in line or "--" in line]
    assert len(arrows) == len(found["edges"])


def test_its_numbers_are_in_a_table_and_each_node_leads_to_its_page(page: ConsolePage) -> None:
    page.opens("map")
    presses_button(page, "As table")
    page.waits("document.querySelectorAll('main tbody tr').length > 20")
    found = page.run("fetch('/api/v1/map').then((answer) => answer.json())")
    assert page.run("document.querySelectorAll('main tbody tr').length") == len(found["edges"])
    assert any(edge["failed"] for edge in found["edges"])
    page.fits()
    presses_button(page, "As map")
    page.waits("document.querySelectorAll('.map .node').length > 20")
    page.run("[...document.querySelectorAll('.map a')].find((one) => one.textContent.includes('core.assets')).focus()")
    # What leads there and from there is told while it has the focus.
    page.waits("document.querySelectorAll('.map .edge-text').length > 1")
    page.presses("Enter")
    page.goes_to("tables/core.assets")
