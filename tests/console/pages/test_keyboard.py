"""Everything by keyboard, and nothing while one types."""

from .console_page import CONTROL, ConsolePage

CHOSEN = "document.querySelector('.list-pane [aria-current=\"true\"]')?.getAttribute('href')"


def test_g_and_a_letter_go_to_each_page(page: ConsolePage) -> None:
    page.opens("overview")
    for letter, path in {
        "i": "invocations",
        "t": "traces",
        "l": "logs",
        "e": "issues",
        "m": "map",
        "f": "functions",
        "a": "api",
        "s": "schedules",
        "q": "queues",
        "d": "tables",
        "b": "buckets",
        "v": "values",
        "o": "overview",
    }.items():
        page.presses("g", letter)
        page.goes_to(path)


def test_control_k_finds_a_function_and_opens_it(page: ConsolePage) -> None:
    page.opens("overview")
    page.presses("k", modifiers=CONTROL)
    page.waits("document.activeElement.getAttribute('role') === 'combobox'")
    page.waits("document.querySelectorAll('[role=option]').length > 20")
    page.types("net_worth")
    page.waits("document.querySelector('[role=option]').innerText.includes('core.net_worth')")
    page.is_accessible()
    page.presses("ArrowDown", "ArrowUp", "Enter")
    page.goes_to("functions/core.net_worth")
    page.says("core.net_worth", "main h2")
    page.presses("k", modifiers=CONTROL)
    page.waits("document.querySelector('dialog[open]') !== null")
    page.presses("Escape")
    page.waits("document.querySelector('dialog[open]') === null")


def test_a_list_is_walked_with_j_and_k_and_filtered_after_a_slash(page: ConsolePage) -> None:
    page.opens("invocations")
    page.waits(f"({CHOSEN} ?? '') !== ''")
    first = page.run(CHOSEN)
    page.presses("j")
    page.waits(f"{CHOSEN} !== {first!r}")
    assert page.path().startswith("invocations/")
    page.presses("k")
    page.waits(f"{CHOSEN} === {first!r}")
    page.presses("/")
    page.waits("document.activeElement.matches('[data-filter]')")
    page.types("kjgtp outcome:failed")
    page.presses("Enter")
    page.says("No invocation matches 2 filters.", ".list-pane")
    assert page.run("document.documentElement.dataset.theme") == "light"
    page.clicks("Clear filters")
    page.waits("document.querySelectorAll('.invocation-row').length > 5")


def test_t_switches_between_light_and_dark_and_p_pauses(page: ConsolePage) -> None:
    page.opens("overview")
    page.presses("t")
    page.waits("document.documentElement.dataset.theme === 'dark'")
    page.presses("t")
    page.waits("document.documentElement.dataset.theme === 'light'")
    page.presses("p")
    page.waits("document.querySelector('.live').innerText === 'Paused'")
    page.presses("p")
    page.waits("document.querySelector('.live').innerText === 'Live'")


def test_the_shortcuts_are_told_and_the_sheet_is_closed_again(page: ConsolePage) -> None:
    page.opens("overview")
    page.presses("?")
    page.says("Edit and replay", "dialog")
    page.is_accessible()
    page.presses("t")
    assert page.run("document.documentElement.dataset.theme") == "light"
    page.presses("Escape")
    page.waits("document.querySelector('dialog[open]') === null")


def test_an_invocation_is_edited_and_replayed_without_a_mouse(page: ConsolePage) -> None:
    page.opens("invocations?filter=fn:exchange.refresh")
    page.waits("document.querySelector('.title-line h2') !== null")
    page.presses("e")
    page.waits("document.querySelector('dialog textarea') !== null")
    page.is_accessible()
    page.run("document.querySelector('dialog textarea').focus(); document.querySelector('dialog textarea').select()")
    page.types("{broken")
    page.says("This is not JSON yet.", "dialog")
    assert page.run("[...document.querySelectorAll('dialog footer button')].at(-1).disabled") is True
    page.run("document.querySelector('dialog textarea').select()")
    page.types('{"day": "2026-11-24"}')
    page.waits("![...document.querySelectorAll('dialog footer button')].at(-1).disabled")
    page.run("[...document.querySelectorAll('dialog footer button')].at(-1).focus()")
    page.presses("Enter")
    page.says("Replayed", ".said")
    page.waits("document.querySelector('dialog[open]') === null")


def test_a_test_of_what_was_redacted_is_written_with_what_is_given_for_it(page: ConsolePage) -> None:
    page.opens(f"invocations/{page.run(FIRST)}")
    page.waits("document.querySelector('.title-line h2') !== null")
    page.run(
        "[...document.querySelectorAll('.actions button')].find((one) => one.innerText === 'Save as test').click()"
    )
    page.says("request.headers.authorization", "dialog")
    page.is_accessible()
    page.run("document.querySelector('dialog input').focus()")
    page.types("Bearer again")
    page.run(
        "[...document.querySelectorAll('dialog button')].find((one) => one.innerText === 'Write the test').click()"
    )
    page.says("Bearer again", "dialog pre")


# One of the first records: no replay, and not what another test has sent, which is answered otherwise.
FIRST = """(async () => {
    const ask = (path) => fetch('/api/v1/' + path).then((answer) => answer.json());
    for (const { id } of (await ask('invocations?handler=core.net_worth&outcome=succeeded&limit=50')).items) {
        const one = await ask('invocations/' + id);
        if (one.replay_of === null && !one.response.body.includes('"7"')) return id;
    }
})()"""


def test_what_a_replay_did_otherwise_is_told_thing_by_thing(page: ConsolePage) -> None:
    first = page.run(FIRST)
    page.opens(f"invocations/{first}")
    page.waits("document.querySelector('.title-line h2') !== null")
    page.presses("r")
    # Its Authorization was redacted: it is asked for.
    page.says("request.headers.authorization", "dialog")
    page.is_accessible()
    page.run("document.querySelector('dialog input[placeholder=\"Left out\"]').focus()")
    page.types("Bearer again")
    page.run("[...document.querySelectorAll('dialog footer button')].at(-1).focus()")
    page.presses("Enter")
    page.says("Replayed", ".said")
    page.says("Compared with the first run", "main")
    page.waits("document.querySelector('.differences') !== null")
    assert page.run("document.querySelector('.differences').closest('section').querySelector('a').getAttribute('href')")
    rows = page.run(
        "[...document.querySelectorAll('.differences tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.innerText))"
    )
    assert ["response.net_worth", "was 412870.16", "is 7"] in [[" ".join(cell.split()) for cell in row] for row in rows]
    page.fits()
    page.is_accessible()
    page.run("[...document.querySelectorAll('main .more.link')].find((one) => one.innerText === 'Open it').click()")
    page.goes_to(f"invocations/{first}")
    page.says("Replays", "main")


def test_the_bars_of_the_chart_are_read_with_arrows(page: ConsolePage) -> None:
    page.opens("overview")
    page.waits("document.querySelector('.chart') !== null")
    page.run("document.querySelector('.chart').focus()")
    page.presses("ArrowLeft")
    page.waits("/\\d+ invocations?/.test(document.querySelector('.tip')?.innerText ?? '')")
    page.clicks("As table")
    page.waits("document.querySelectorAll('.chart-table tbody tr').length >= 60")
