"""`portable cost`: what the observed traffic would cost in a month, at list prices: an estimate."""

from typing import Any

import click

from portable.capabilities import PROVIDERS
from portable.cost import MONTH_HOURS, Estimate, Line, Traffic, estimate, prices_as_of
from portable.cost.estimate import number
from portable.cost.reading import read_traffic
from portable.cost.values import value_of

from .options import Misuse, common, data_option, path_argument
from .project import data_folder, find_project, load_manifest
from .render import Output, columns

HINTS = (
    "Free tiers are an account's: they are taken off as if nothing else ran in it.",
    "Seconds are this machine's; the cloud's are others. Not in it: idle polls, cold starts, storage, tax, support.",
)


MOST_HOURS = 366 * 24


class Hours(click.FloatRange):
    """Without NaN, which is in no range and out of none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if found != found:
            self.fail(f"{value!r} is no number of hours.", param, ctx)
        return found


@click.command("cost")
@path_argument
@click.option("--targets", metavar="LIST", help="Providers, by commas: aws,gcp,azure (default: the app's targets).")
@click.option("--hours", type=Hours(0, MOST_HOURS, min_open=True), help="Only the newest hours of what is recorded.")
@data_option
@common
def command(output: Output, path: str | None, targets: str | None, hours: float | None, data: str | None) -> int:
    """Estimate what the traffic that `portable dev` has seen would cost in a month of 730 hours.

    Each line has its arithmetic: what was counted, what of it is free, and the list price of the rest.
    """
    project = find_project(path)
    manifest = load_manifest(project)
    wanted = targets_of(targets, manifest)
    traffic = read_traffic(data_folder(project, data), manifest, hours)
    estimates = [estimate(traffic, provider) for provider in wanted]
    text = "\n\n".join([observed(traffic, estimates[0]), *(shown(one) for one in estimates), "\n".join(HINTS)])
    output.data(value_of(traffic, estimates), text)
    return 0


def targets_of(targets: str | None, manifest: dict[str, Any]) -> list[str]:
    """Raises Misuse for a provider that is none."""
    wanted = (
        list(manifest["app"]["targets"])
        if targets is None
        else [one.strip() for one in targets.split(",") if one.strip()]
    )
    wrong = [one for one in wanted if one not in PROVIDERS]
    if wrong or not wanted:
        raise Misuse(f"--targets {targets}: {wrong[0] if wrong else 'nothing'} is no provider", hint="aws,gcp,azure")
    return list(dict.fromkeys(wanted))


def observed(traffic: Traffic, one: Estimate) -> str:
    text = (
        f"observed: {counted(traffic.invocations, 'invocation')} in {how_long(one.hours)}; "
        f"a month has {MONTH_HOURS:.0f}, so everything is multiplied by {number(one.factor)}"
    )
    if traffic.unkept:
        text += (
            f"\n{traffic.unkept:,} of them came too fast to be recorded and are only counted: "
            "what they called, took and gave is taken to be as that of the others"
        )
    return text


def how_long(hours: float) -> str:
    """`12 minutes`, `1.5 hours`, `3 days`: as exactly as it matters."""
    if hours < 1 / 60:
        return counted(max(1, round(hours * 3600)), "second")
    if hours < 1:
        return counted(round(hours * 60), "minute")
    return counted(round(hours, 1), "hour") if hours < 48 else counted(round(hours / 24, 1), "day")


def counted(number: float, what: str) -> str:
    return f"{number:,.10g} {what}{'' if number == 1 else 's'}"


def shown(one: Estimate) -> str:
    oldest, newest = prices_as_of(one.provider)
    regions = sorted({line.price.region for line in one.lines if line.price is not None})
    rows = [row(line) for line in one.lines]
    lines = [
        f"{one.provider}: estimate {money(one.usd)} a month ({money(one.full)} without free tiers)",
        f"list prices of {', '.join(regions) or 'nothing'}, as of {oldest} to {newest}",
        columns(rows, ("service", "what", "usd", "arithmetic")),
    ]
    if one.unknown:
        lines.append(f"without a price, and in no total: {', '.join(one.unknown)}")
    doubtful = sorted(
        {
            f"{line.service} {line.what}"
            for line in one.lines
            if line.price is not None and line.price.confidence == "memory"
        }
    )
    if doubtful:
        lines.append(f"prices that were not checked against the provider's page: {', '.join(doubtful)}")
    return "\n".join(lines)


def row(line: Line) -> tuple[str, str, str, str]:
    usd = "unknown" if line.usd is None else f"{line.usd:,.4f}"
    return line.service, line.what, usd, f"{line.arithmetic}  [{line.counted}: {line.how}]"


def money(usd: float) -> str:
    return f"USD {usd:,.2f}"
