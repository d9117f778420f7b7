"""`portable package`: what is deployed of an app, made and written down, without an account."""

import json
import sys
from typing import Any

import click

from portable.adapter import Package, Prepares
from portable.capabilities import PROVIDERS

from .check import FAILED, describe
from .importing import Importing
from .making import PROD, Described, Recipe, chosen, find_packager, settings_for, uncollected
from .options import Misuse, common, path_argument, python_named, stage_named
from .project import AppFailure, find_project, resolved
from .render import Output, columns, escape


@click.command("package")
@path_argument
@click.option("--target", required=True, type=click.Choice(PROVIDERS), help="The provider.")
@click.option("--stage", required=True, metavar="NAME", callback=stage_named, help="For instance dev or prod.")
@click.option(
    "--out", required=True, metavar="DIR", type=click.Path(), help="Where it is written; made anew each time."
)
@click.option(
    "--arch", type=click.Choice(("arm64", "x86_64")), help="The processor (default: the provider's cheapest)."
)
@click.option(
    "--python", metavar="3.X", callback=python_named, help="The Python that it runs on (default: a current one)."
)
@click.option("--prod/--no-prod", "prod", default=None, help="Whether it is production (default: by its name).")
@click.option("--refresh", is_flag=True, help="Resolve dependencies anew.")
@common
def command(
    output: Output,
    path: str | None,
    target: str,
    stage: str,
    out: str,
    arch: str | None,
    python: str | None,
    prod: bool | None,
    refresh: bool,
) -> int:
    """Make what is deployed of the app at PATH (default: here): templates, zips, grants, and a list of what is in it.

    Needs no account, and no network once its dependencies are kept. Exit code 1: `check` found errors.
    """
    project = find_project(path)
    packager = find_packager(target)
    folder = resolved(out)
    if project.root.is_relative_to(folder):
        raise Misuse(f"--out {out} is the app's own folder, or around it", hint="name another one")
    is_prod = prod if prod is not None else stage in PROD
    with uncollected(), Importing(project, "package") as process:
        # What is imported here is imported while the app is.
        from portable.deploy.output import check_output, write_output

        check_output(folder)
        recipe = Recipe(arch, python, refresh, *chosen(project.root), settings_for(project.root, target))
        if isinstance(packager, Prepares):
            packager.prepare()
        described = Described(process, packager, target, stage, is_prod=is_prod)
        options = recipe.options(project, described.answer, stage, is_prod, described.sure)
        made: Package | Exception
        try:
            if isinstance(packager, Prepares):
                made = packager.begin(options)(described.manifest())
            else:
                made = packager.package(options._replace(manifest=described.manifest()))
        except AppFailure:
            raise
        except Exception as error:  # what the checks find counts more
            made = error
        manifest = described.manifest()
        # Before the checks are waited for.
        written = {} if isinstance(made, Exception) else documents(made, manifest)
        checked = described.checked()
        if not checked["ok"]:
            output.data(checked, describe(checked, described.root, sys.stdout))
            return FAILED
        if isinstance(made, Exception):
            raise made
        about = {
            "app": manifest["app"]["name"],
            "stage": stage,
            "target": target,
            "architecture": made.architecture,
            "python": made.python,
            "functions": made.functions,
        }
        files = {**made.files, **written}
        links = {f"functions/{one['name']}.zip": one["zip"] for one in made.functions.values()}
        write_output(folder, files, about, same=links)
        for note in made.notes:
            output.say(f"note: {escape(note)}")
        value = {
            **about,
            "out": str(folder),
            "files": sorted([*files, *links]),
            "sizes": made.sizes,
            "notes": list(made.notes),
        }
        output.data(value, "" if output.as_json else summary(value))
    return 0


def documents(made: Package, manifest: dict[str, Any]) -> dict[str, bytes]:
    """What lies beside what is deployed: for people."""
    zips = {id: one["zip"] for id, one in made.functions.items()}
    return {
        "grants.json": text(granted(manifest)),
        "sizes.json": text({"zips": made.sizes, "functions": zips}),
    }


def granted(manifest: dict[str, Any]) -> dict[str, Any]:
    """Which function may do what, as the code says it."""
    from portable.deploy.functions import group

    grants: dict[str, list[dict[str, Any]]] = {}
    for grant in manifest["grants"]:
        grants.setdefault(grant["handler"], []).append(grant)
    return {
        "app": manifest["app"]["name"],
        "functions": {
            one.id: [grant for subject in one.subjects for grant in grants.get(subject, ())] for one in group(manifest)
        },
        "widenings": manifest["widenings"],
    }


def text(value: Any) -> bytes:
    """One line for each entry at the top: to indent more is not done in C."""
    lines = [f"{json.dumps(key)}: {json.dumps(value[key], sort_keys=True)}" for key in sorted(value)]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def summary(value: dict[str, Any]) -> str:
    """What was made, for people."""
    from portable.deploy.sizes import BIGGEST, shown

    runs_on = f"{value['architecture']}, Python {value['python']}"
    lines = [f"{value['app']}, stage {value['stage']}, for {value['target']} ({runs_on})"]
    rows = [
        [one["name"], shown(size["zipped"]), shown(size["unpacked"]), *(shown(size["parts"][part]) for part in PARTS)]
        for _, one in sorted(value["functions"].items())
        for size in [value["sizes"][one["zip"]]]
    ]
    lines += ["", columns(rows, ["function", "zipped", "unpacked", *PARTS])]
    for file, size in value["sizes"].items():
        lines += ["", f"{BIGGEST} biggest of {file}:"]
        lines += [f"  {shown(one['bytes']):>9}  {escape(one['name'])}" for one in size["biggest"]]
    return "\n".join([*lines, "", f"written to {value['out']}"])


PARTS = ("app", "dependencies", "portable")
