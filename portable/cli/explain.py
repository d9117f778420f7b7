"""`portable explain CODE`: a page per error code, packaged with the command."""

import difflib
import re
from importlib.resources import files
from importlib.resources.abc import Traversable

import click

from .options import Misuse, common
from .render import Output

NAME = re.compile(r"P\d{4}\.md")


def pages() -> dict[str, Traversable]:
    """The pages by code."""
    folder = files("portable.cli").joinpath("errors")
    found = {page.name.removesuffix(".md"): page for page in folder.iterdir() if NAME.fullmatch(page.name)}
    return dict(sorted(found.items()))


@click.command("explain")
@click.argument("code", required=False)
@common
def command(output: Output, code: str | None) -> None:
    """Explain the error CODE, for instance P1005; without one, list them."""
    known = pages()
    if code is None:
        titles = {name: title(page.read_text(encoding="utf-8")) for name, page in known.items()}
        listed = [{"code": name, "title": text} for name, text in titles.items()]
        output.data({"codes": listed}, "\n".join(f"{name}  {text}" for name, text in titles.items()))
        return
    wanted = code.upper()
    if wanted not in known:
        near = difflib.get_close_matches(wanted, known, 1)
        raise Misuse(
            f"there is no error code {code!r}",
            hint=f"did you mean {near[0]}?" if near else "`portable explain` lists them",
        )
    text = known[wanted].read_text(encoding="utf-8")
    output.data({"code": wanted, "title": title(text), "text": text}, text.rstrip())


def title(text: str) -> str:
    """The first heading, without the code."""
    return text.partition("\n")[0].removeprefix("# ").partition(": ")[2]
