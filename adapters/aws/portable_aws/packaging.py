"""`portable package --target aws`: templates and zips of a stage, laid out as they will lie in the artefacts' bucket.

What a template says of a key is the path of the file here, so uploading is copying.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from portable.adapter import Package, PackageOptions
from portable.capabilities import PROVIDERS
from portable.deploy.bundle import Chosen, Loaded, make_bundle
from portable.deploy.cache import cache_folder
from portable.deploy.sizes import check_size, totals

from .bundle import MOST_BYTES, runtime_half, target
from .settings import settings_of
from .template_functions import ENTRY
from .translate import Bundle, Stage, begin_translating, check_stage, functions_of

TEMPLATE, SBOM = "template.json", "sbom.json"
PROVIDER = PROVIDERS[0]


def key_of_zip(digest: str) -> str:
    """Where a zip lies: by its contents, so that the zips of a release stay."""
    return f"zips/{digest}.zip"


def stage_of(options: PackageOptions) -> Stage:
    """The stage as options and settings say it. Raises ConfigurationError for settings that cannot be."""
    settings = settings_of(options.settings, options.stage)
    stage = Stage(options.stage, options.is_prod, log_days=settings.log_days, alarm_actions=settings.alarm_topics)
    if options.python is not None:
        stage = stage._replace(python=options.python)
    if options.architecture is not None:
        stage = stage._replace(architecture=options.architecture)
    return stage


def begin(
    options: PackageOptions, *, deployed: Mapping[str, str] | None = None
) -> Callable[[Mapping[str, Any]], Package]:
    """Implements portable.adapter.Prepares. `deployed` is where parts are that are deployed: they stay there."""
    stage = stage_of(options)
    check_stage(stage)
    bundle = make_bundle(
        options.project,
        options.manifest,
        Loaded(options.loaded_files, frozenset(options.loaded_modules), options.imports),
        target(stage.python, stage.architecture),
        runtime_half(options.project),
        cache=cache_folder(),
        chosen=Chosen(options.include, options.exclude),
        refresh=options.refresh,
        sure=options.sure,
    )
    for size in bundle.sizes.values():
        check_size(size, MOST_BYTES, PROVIDER, "the bundle")
    keys = {id: key_of_zip(digest) for id, digest in bundle.functions.items()}
    # What needs no grants is done while the code is looked at.
    translated = begin_translating(options.manifest, stage, Bundle(keys), deployed=deployed)
    names = functions_of(options.manifest, stage.name)
    functions = {id: {"name": names[id], "handler": ENTRY, "zip": keys[id]} for id in sorted(keys)}
    sizes = totals({key_of_zip(digest): size for digest, size in bundle.sizes.items()})
    sbom = json.dumps(bundle.sbom, indent=1) + "\n"

    def rest(manifest: Mapping[str, Any]) -> Package:
        template = translated(manifest)
        texts = {TEMPLATE: template.root_text(), **template.files(), SBOM: sbom}
        return Package(
            stage.architecture,
            stage.python,
            {
                **{name: text.encode() for name, text in texts.items()},
                **{key_of_zip(digest): data for digest, data in bundle.zips.items()},
            },
            functions,
            sizes,
            bundle.notes,
        )

    return rest


def package(options: PackageOptions, *, deployed: Mapping[str, str] | None = None) -> Package:
    """Implements portable.adapter.Packager."""
    return begin(options, deployed=deployed)(options.manifest)
