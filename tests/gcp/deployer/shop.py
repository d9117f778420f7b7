"""A small app and its deploys over the fake: packages are made by hand, since bundles have tests of their own."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

from portable_gcp.deploy_clients import DeployClients
from portable_gcp.deployer import GcpDeployer
from portable_gcp.grouping import groups_of
from portable_gcp.operations import Pace

from portable import App
from portable.adapter import Choices, Deployed, Package, PackageOptions, Project, Step
from portable.deploy.lock import LEASE
from portable.deploy.plan import Plan
from portable.manifest import build_manifest
from tests.gcp.deployer.fake_google import Google

APP, STAGE = "shop", "dev"


class Watching:
    """A Watcher that writes down what it hears, and answers as it was told."""

    def __init__(self, *, agrees: bool = True) -> None:
        self.said: list[str] = []
        self.steps: list[Step] = []
        self.plans: list[Plan] = []
        self._agrees = agrees

    def say(self, text: str) -> None:
        self.said.append(text)

    def step(self, step: Step) -> None:
        self.steps.append(step)

    def agree(self, plan: Plan) -> bool:
        self.plans.append(plan)
        return self._agrees


def app_of(
    *,
    tables: tuple[str, ...] = ("orders",),
    tasks: tuple[str, ...] = ("pack",),
    buckets: tuple[str, ...] = (),
    indexes: tuple[str, ...] = (),
    is_whole: bool = False,
) -> App:
    """An app with these tables, tasks and buckets; `is_whole`: and with everything else that there is."""
    app = App(APP, targets=("gcp",))
    made = {name: app.bucket(name) for name in buckets}
    stores = {
        name: app.table(name, key="id", indexes={index: (f"{index}_field",) for index in indexes}) for name in tables
    }
    for task in tasks:

        def work() -> None: ...

        work.__name__ = task
        app.task(work)
    if is_whole:
        whole(app, stores, made)
    return app


def whole(app: App, stores: dict[str, Any], buckets: dict[str, Any]) -> None:
    """Everything that leads to a resource of its own."""
    placed = app.topic("placed")
    rate, key = app.param("rate", default="1"), app.secret("key")

    files = [one.can("get") for one in buckets.values()]

    @app.get("/", uses=[rate.can("get"), key.can("get"), placed.can("publish"), *files])
    def index() -> str:
        return ""

    @placed.subscribe(filter={"kind": "new"})
    def hear(event: dict[str, Any]) -> None: ...

    @app.every(hours=1)
    def sweep() -> None: ...

    for name, table in stores.items():

        def changed(change: Any) -> None: ...

        changed.__name__ = f"{name}-changed".replace("-", "_")
        table.on_change(changed)
    for name, bucket in buckets.items():

        def stored(event: Any) -> None: ...

        stored.__name__ = f"{name}_stored"
        bucket.on_created(stored)


_manifests: dict[str, dict[str, Any]] = {}


def manifest_of(app: App) -> dict[str, Any]:
    """Made once for all apps that declare the same at the same lines: their code is the same, and so are its grants.

    To read grants from the code looks at all modules of a test run, since they are the app's neighbours.
    """
    declared = json.dumps(build_manifest(app, with_grants=False).to_dict())
    if declared not in _manifests:
        _manifests[declared] = build_manifest(app).to_dict()
    return copy.deepcopy(_manifests[declared])


class Shop:
    """One app in one stage: a deployer over the fake, and what it is given."""

    def __init__(self, google: Google, *, is_prod: bool = False, lease: float = LEASE) -> None:
        self.google = google
        self.is_prod = is_prod
        self.notes: tuple[str, ...] = ()
        self.clients = DeployClients()
        self.deployer = GcpDeployer(
            APP, STAGE, self.clients, pace=lambda: Pace(lambda _: None), make=self.make, lease=lease
        )

    def make(self, options: PackageOptions) -> Package:
        mark = options.include[0] if options.include else "1"
        data = f"the zip, {mark}".encode()
        key = f"zips/{hashlib.sha256(data).hexdigest()}.zip"
        functions = {one.id: {"name": one.id, "handler": "x", "zip": key} for one in groups_of(options.manifest)}
        return Package("x86_64", "3.13", {key: data, "sbom.json": b"{}"}, functions, {}, self.notes)

    def options(self, app: App | None = None, *, code: str = "1") -> PackageOptions:
        """`code` stands for the app's code: another one is another zip."""
        manifest = manifest_of(app or app_of())
        project = Project(Path("nowhere"), "app", "app")
        return PackageOptions(project, manifest, (), (), STAGE, self.is_prod, include=(code,))

    def plan(self, app: App | None = None, **more: Any) -> Plan:
        return self.deployer.plan(self.options(app), **more)

    def deploy(
        self, app: App | None = None, *, code: str = "1", watcher: Watching | None = None, **choices: Any
    ) -> Deployed:
        return self.deployer.deploy(self.options(app, code=code), Choices(**choices), watcher or Watching())

    def destroy(self, *names: str, keep: tuple[str, ...] = (), app: App | None = None) -> Any:
        return self.deployer.destroy(self.options(app).manifest, names, keep, Watching())

    def rollback(self, release: int | None = None, **choices: Any) -> Deployed:
        return self.deployer.rollback(release, Choices(**choices), Watching())
