"""The /docs page in a real browser: it shows what is there, sends requests, and runs nothing that an app says."""

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .browser import Browser, browser
from .dev import Dev, started, write

MARKUP = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>'
HOSTILE = f'''
"""{MARKUP}"""

from typing import Annotated

from pydantic import BaseModel, Field

from portable import App, Body, Cookie, Header, Query, Response, UploadFile

app = App("hostile")
MARKUP = {MARKUP!r}


class Thing(BaseModel):
    """{MARKUP}"""

    name: str = Field(description=MARKUP, examples=[MARKUP])
    inner: list["Thing"] = []


def evil(thing: Thing, q: Annotated[str, Query(), Field(description=MARKUP, examples=[MARKUP])] = MARKUP) -> Thing:
    """{MARKUP} `{MARKUP}`"""
    return thing


app.post("/evil/$'()*;:@&")(evil)


@app.get("/answer")
def answer() -> Response:
    return Response(MARKUP, 418, headers={{"x-evil": MARKUP}}, media_type="text/html")


@app.get("/items/{{id}}")
def item(
    id: str,
    tags: list[str],
    x_own: Annotated[str, Header()],
    session: Annotated[str, Cookie()],
    flag: bool = False,
) -> dict[str, object]:
    return {{"id": id, "tags": tags, "own": x_own, "session": session, "flag": flag}}


@app.post("/upload")
def upload(file: UploadFile) -> dict[str, object]:
    return {{"name": file.filename, "size": len(file.data)}}


@app.get("/away")
def away() -> Response:
    return Response(b"", 302, headers={{"location": "/answer"}})
'''
SHOWN = "document.querySelectorAll('main .verb').length > 0"


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    project = write(tmp_path_factory.mktemp("docs") / "hostile", {"app.py": HOSTILE})
    with started(project, "--no-reload") as found:
        yield found.serves()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def page(dev: Dev, chromium: Browser) -> Iterator[Browser]:
    chromium.go(f"{dev.api}/docs", SHOWN)
    yield chromium
    foreign = [url for url in chromium.requested if not url.startswith((dev.api, "about:"))]
    assert foreign == []
    assert chromium.faults == []


def opened(page: Browser, dev: Dev, operation: str) -> str:
    """Opens an operation by its link; the selector of it."""
    page.go(f"{dev.api}/docs#{operation}", "document.querySelector('details[open] .try') !== null")
    return f"document.getElementById('operation-{operation}')"


def field(page: Browser, at: str, name: str, value: str) -> None:
    script = f"""(() => {{
        const labels = [...{at}.querySelectorAll('.try label')];
        const label = labels.find((one) => one.textContent.startsWith({json.dumps(name)}));
        const input = document.getElementById(label.htmlFor);
        input.value = {json.dumps(value)};
        input.dispatchEvent(new Event('input', {{ bubbles: true }}));
        return input.value;
    }})()"""
    assert page.run(script) == value


def sent(page: Browser, at: str) -> str:
    """Sends the form; the whole text of the result."""
    page.run(f"{at}.querySelector('.try .primary').click()")
    page.waits(f"{at}.querySelector('.status, .result .banner') !== null")
    return str(page.run(f"{at}.querySelector('.result').innerText"))


def shell(line: str) -> bytes:
    """What the curl line gives, its words taken apart as a shell would."""
    words = shlex.split(line)
    assert words[0] == "curl"
    assert shutil.which("curl"), "this test needs curl: apt-get install curl"
    done = subprocess.run([words[0], "--silent", *words[1:]], capture_output=True, check=True, timeout=60)
    return done.stdout


def test_nothing_that_an_app_says_becomes_markup(page: Browser, dev: Dev) -> None:
    at = opened(page, dev, "evil")
    page.run("for (const one of document.querySelectorAll('details')) one.open = true")
    page.waits("document.querySelectorAll('.schema .schema').length > 0")
    sent(page, at)
    page.waits("document.querySelector('#operation-answer .try') !== null")
    assert "418" in sent(page, "document.getElementById('operation-answer')")
    text = str(page.run("document.body.textContent"))
    assert text.count("onerror=") >= 8
    assert page.run("document.querySelectorAll('img:not([src=\"/_portable/docs/icon.svg\"])').length") == 0
    assert page.run("[...document.scripts].map((script) => script.getAttribute('src'))") == ["/_portable/docs/page.js"]
    assert (
        page.run(
            "[...document.querySelectorAll('*')].flatMap((one) => [...one.attributes])"
            ".filter((one) => one.name.startsWith('on')).length"
        )
        == 0
    )
    assert page.run("window.owned === undefined") is True


def test_a_request_is_made_of_the_fields_and_its_curl_line_does_the_same(page: Browser, dev: Dev) -> None:
    at = opened(page, dev, "item")
    for name, value in {
        "id": "a/b ?#'",
        "tags": "one\ntwo & 3",
        "x-own": "own",
        "session": "s-1",
        "flag": "true",
    }.items():
        field(page, at, name, value)
    expected: dict[str, Any] = {"id": "a", "tags": ["one", "two & 3"], "own": "own", "session": "s-1", "flag": True}
    refused = sent(page, at)
    assert "400" in refused
    assert "escaped slash" in refused
    field(page, at, "id", "a b ?#'")
    page.run(f"{at}.querySelector('.result').replaceChildren()")
    shown = sent(page, at)
    assert "200 OK" in shown
    line = str(page.run(f"{at}.querySelector('.line code').textContent"))
    done = shell(line)
    assert json.loads(done) == {**expected, "id": "a b ?#'"}
    body = json.loads(str(page.run(f"{at}.querySelector('pre.body').textContent")))
    assert body == json.loads(done)


def test_a_body_is_filled_in_with_its_example_and_taken(page: Browser, dev: Dev) -> None:
    at = opened(page, dev, "evil")
    shown = sent(page, at)
    assert "200 OK" in shown
    done = shell(str(page.run(f"{at}.querySelector('.line code').textContent")))
    assert json.loads(done)["name"] == MARKUP
    field(page, at, "Body", "{}")
    page.run(f"{at}.querySelector('.result').replaceChildren()")
    assert "422" in sent(page, at)


def test_a_redirect_is_said_to_be_one(page: Browser, dev: Dev) -> None:
    assert "A redirect" in sent(page, opened(page, dev, "away"))


def test_it_works_by_keyboard(page: Browser, dev: Dev) -> None:
    page.presses("j")
    assert page.run("document.activeElement.tagName") == "SUMMARY"
    first = page.run("document.activeElement.textContent")
    page.presses("j")
    assert page.run("document.activeElement.textContent") != first
    page.presses("k")
    assert page.run("document.activeElement.textContent") == first
    page.presses("Enter")
    page.waits("document.querySelector('main details[open] .try') !== null")
    page.waits("location.hash !== ''")
    page.presses("/")
    assert page.run("document.activeElement.id") == "filter"
    page.types("upload")
    page.waits("document.querySelectorAll('.group .card > details:not([hidden])').length === 1")
    assert page.run("document.getElementById('said').textContent") == "1 of 5 operations"
    page.types(" nothing like it")
    page.waits("!document.getElementById('nothing').hidden")
    page.presses("Escape")
    assert page.run("document.activeElement.id") != "filter"
    page.run("document.querySelector('#nothing button').click()")
    page.waits("document.querySelectorAll('.group .card > details:not([hidden])').length === 5")


def test_every_field_and_button_has_a_name_and_every_target_is_large_enough(page: Browser, dev: Dev) -> None:
    opened(page, dev, "item")
    unnamed = """[...document.querySelectorAll('input, textarea, select, button')].filter((one) =>
        !(one.labels?.length && one.labels[0].textContent.trim()) && !one.textContent.trim()).length"""
    assert page.run("document.querySelectorAll('.try input, .try textarea, .try select').length") == 5
    assert page.run(unnamed) == 0
    small = """[...document.querySelectorAll('button, .button, input, select, main summary, #index a')]
        .map((one) => one.getBoundingClientRect()).filter((box) => box.height > 0 && box.height < 24).length"""
    assert page.run(small) == 0


@pytest.mark.parametrize("width", [360, 760, 1280])
def test_no_width_makes_it_scroll_sideways(page: Browser, dev: Dev, width: int) -> None:
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    try:
        opened(page, dev, "evil")
        page.run("for (const one of document.querySelectorAll('details')) one.open = true")
        page.waits("document.querySelectorAll('.try').length === 5")
        assert page.run("document.documentElement.scrollWidth - innerWidth") <= 0
    finally:
        page.call("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast_in_both_schemes(page: Browser, dev: Dev, scheme: str) -> None:
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    try:
        at = opened(page, dev, "item")
        sent(page, at)
        found = page.run(CONTRASTS)
        assert len(found) > 20
        assert [entry for entry in found if entry["ratio"] < 4.5] == []
        bright = page.run("getComputedStyle(document.body).backgroundColor") == "rgb(245, 246, 248)"
        assert bright is (scheme == "light")
    finally:
        page.call("Emulation.setEmulatedMedia", features=[])


# WCAG 2.2, relative luminance and contrast ratio.
CONTRASTS = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('body *')]
    .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())
      && one.getClientRects().length && !one.closest('.unseen, .skip, noscript'))
    .map((one) => {
      const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))];
      return { text: one.textContent.slice(0, 40), ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) };
    });
})()"""


def test_an_app_without_routes_and_one_that_cannot_be_described_say_so(chromium: Browser, tmp_path: Path) -> None:
    with started(write(tmp_path / "empty", {"app.py": 'from portable import App\napp = App("empty")\n'})) as found:
        chromium.go(f"{found.serves().api}/docs", "document.querySelector('.empty') !== null")
        assert "No routes yet." in str(chromium.run("document.body.textContent"))
        found.save("app.py", BROKEN)
        found.answers("/odd", "odd")
        chromium.go(f"{found.api}/docs", "document.querySelector('main .banner') !== null")
        assert "no schema today" in str(chromium.run("document.querySelector('main .banner').textContent"))


BROKEN = """
from pydantic import BaseModel

from portable import App

app = App("broken")


class Odd(BaseModel):
    @classmethod
    def __get_pydantic_json_schema__(cls, schema, handler):
        raise RuntimeError("no schema today")


@app.get("/odd")
def odd() -> str:
    return "odd"


@app.post("/odd")
def take(odd: Odd) -> str:
    return "taken"
"""
