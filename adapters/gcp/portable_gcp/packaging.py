"""`portable package --target gcp`: the zip of a stage's functions, and what they are in Google Cloud.

The zips lie under the keys that they will have in the release bucket, so uploading is copying. What is made of the app
is in resources.json, with `${PROJECT}`, `${NUMBER}`, `${LOCATION}` and `${MARK}` where a deploy puts the project's own.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from portable.adapter import Package, PackageOptions
from portable.deploy.bundle import Chosen, Loaded, make_bundle
from portable.deploy.cache import cache_folder
from portable.deploy.sizes import check_size, totals

from .bundle import MOST_BYTES, runtime_half, target
from .firestore_indexes import indexes
from .grouping import functions_of, groups_of
from .releases import text_of
from .template_functions import ENTRY, ENTRY_FILE
from .translate import ARCHITECTURE, Stage, check_architecture, check_stage, names_to_read, translate

RESOURCES, SBOM, INDEXES = "resources.json", "sbom.json", "firestore.indexes.json"
PROVIDER = "gcp"


def key_of_zip(digest: str) -> str:
    """Where a zip lies: by its contents, so that the zips of a release stay."""
    return f"zips/{digest}.zip"


def stage_of(options: PackageOptions) -> Stage:
    """The stage as options say it."""
    stage = Stage(options.stage, options.is_prod)
    return stage if options.python is None else stage._replace(python=options.python)


def begin(options: PackageOptions) -> Callable[[Mapping[str, Any]], Package]:
    """Implements portable.adapter.Prepares."""
    stage = stage_of(options)
    check_stage(stage)
    check_architecture(options.architecture)
    bundle = make_bundle(
        options.project,
        options.manifest,
        Loaded(options.loaded_files, frozenset(options.loaded_modules)),
        target(stage.python, ARCHITECTURE),
        runtime_half(options.project),
        cache=cache_folder(),
        chosen=Chosen(options.include, options.exclude),
        refresh=options.refresh,
    )
    for size in bundle.sizes.values():
        check_size(size, MOST_BYTES, PROVIDER, "the bundle")
    [digest] = bundle.zips
    key = key_of_zip(digest)

    def rest(manifest: Mapping[str, Any]) -> Package:
        groups, names = groups_of(manifest), names_to_read(manifest["app"]["name"], stage.name)
        files = {
            RESOURCES: text_of(translate(manifest, stage, names, {one.id: key for one in groups})),
            INDEXES: json.dumps(indexes(manifest), indent=1) + "\n",
            SBOM: json.dumps(bundle.sbom, indent=1) + "\n",
        }
        physical = functions_of(manifest, names)
        return Package(
            ARCHITECTURE,
            stage.python,
            {**{name: text.encode() for name, text in files.items()}, key: bundle.zips[digest]},
            {one.id: {"name": physical[one.id], "handler": f"{ENTRY_FILE}:{ENTRY}", "zip": key} for one in groups},
            totals({key: bundle.sizes[digest]}),
            bundle.notes,
        )

    return rest


def package(options: PackageOptions) -> Package:
    """Implements portable.adapter.Packager."""
    return begin(options)(options.manifest)
