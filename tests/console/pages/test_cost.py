"""The month by provider: the numbers of the API, always called an estimate and dated, chosen without a mouse."""

from .console_page import ConsolePage

MONEY = "import('/library/format.js').then((module) => module.money({usd}))"


def test_a_month_is_an_estimate_with_its_date_and_its_arithmetic(page: ConsolePage) -> None:
    page.opens("cost")
    page.waits("document.querySelectorAll('.month').length === 3")
    found = page.run("fetch('/api/v1/cost').then((answer) => answer.json())")
    assert found["is_estimate"] is True
    assert [one["provider"] for one in found["targets"]] == ["aws", "gcp", "azure"]
    shown = page.run("[...document.querySelectorAll('.month')].map((one) => one.innerText)")
    for one, text in zip(found["targets"], shown, strict=True):
        assert page.run(MONEY.format(usd=one["usd"])) in text
        assert "estimated" in text
    assert page.run("document.querySelectorAll('.cost-lines tbody tr').length") == len(found["targets"][0]["lines"]) + 1
    text = page.text()
    for line in found["targets"][0]["lines"]:
        assert line["arithmetic"] in text
        assert line["price"] is None or line["price"]["as_of"] in text
    assert f"list prices of {' to '.join(found['targets'][0]['as_of'])}" in text
    assert "portable cost --targets aws,gcp,azure" in text


def test_another_provider_and_another_span_are_chosen_and_are_in_the_address(page: ConsolePage) -> None:
    page.opens("cost")
    page.waits("document.querySelectorAll('.month').length === 3")
    page.run("document.querySelectorAll('.month')[2].focus()")
    page.presses("Enter")
    page.waits("document.querySelector('.month[aria-pressed=true]')?.innerText.includes('Azure') === true")
    page.says("Azure, line by line")
    before = page.text()
    page.run("document.querySelector('.page-head select').focus()")
    page.presses("ArrowDown")
    page.waits("location.hash.includes('hours=1')")
    page.waits("document.querySelector('main').innerText.includes('1 hour were observed')")
    assert page.text() != before
    assert "provider=azure" in page.run("location.hash")
    page.is_accessible()


def test_the_overviews_figure_leads_to_it_and_so_do_two_keys(page: ConsolePage) -> None:
    page.opens("overview")
    page.waits("document.querySelector('.figures .link') !== null")
    assert page.run("document.querySelector('.figures .link').getAttribute('href')") == "#/cost"
    page.presses("g", "c")
    page.goes_to("cost")
