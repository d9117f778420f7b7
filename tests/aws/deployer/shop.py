"""A small app and its deploys over the fake: packages are made by hand, since bundles have tests of their own."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portable_aws.deployer import AwsDeployer
from portable_aws.packaging import stage_of
from portable_aws.stack_calls import Pace
from portable_aws.translate import Bundle, functions_of, translate

from portable import App
from portable.adapter import Choices, Deployed, Package, PackageOptions, Project, Step
from portable.deploy.functions import group
from portable.deploy.plan import Plan
from portable.manifest import build_manifest
from tests.aws.deployer.fake_aws import FakeAws, FakeClients, Hook

APP, STAGE, STACK = "shop", "dev", "shop-dev"


def app_of(
    *,
    tables: tuple[str, ...] = ("orders",),
    tasks: tuple[str, ...] = ("pack",),
    buckets: tuple[str, ...] = (),
    indexes: tuple[str, ...] = (),
) -> App:
    """An app with these tables, tasks and buckets; each table has all of the indexes."""
    app = App(APP, targets=("aws",))
    for bucket in buckets:
        app.bucket(bucket)
    for table in tables:
        app.table(table, key="id", indexes={index: (f"{index}_field",) for index in indexes})
    for task in tasks:

        def work() -> None: ...

        work.__name__ = task
        app.task(work)
    return app


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


class Shop:
    """One app in one stage: a deployer over the fake, and what it is given."""

    def __init__(self, aws: FakeAws, *, hook: Hook = lambda *_: None, is_prod: bool = False) -> None:
        self.aws = aws
        self.is_prod = is_prod
        self.notes: tuple[str, ...] = ()
        """Of the packages that are made."""
        self.clients = FakeClients(aws, hook)
        self.deployer = AwsDeployer(APP, STAGE, self.clients, pace=lambda: Pace(lambda _: None), make=self.make)

    def make(self, options: PackageOptions, *, deployed: Mapping[str, str] | None = None) -> Package:
        mark = options.include[0] if options.include else "1"
        zips = {one.id: f"zip of {one.id}, {mark}".encode() for one in group(options.manifest)}
        keys = {id: f"functions/{hashlib.sha256(data).hexdigest()}.zip" for id, data in zips.items()}
        template = translate(options.manifest, stage_of(options), Bundle(keys), deployed=deployed)
        names = functions_of(options.manifest, STAGE)
        files = {"template.json": template.root_text().encode(), "sbom.json": b"{}"}
        files |= {keys[id]: data for id, data in zips.items()}
        functions = {id: {"name": names[id], "handler": "x", "zip": keys[id]} for id in keys}
        return Package("arm64", "3.14", files, functions, {}, self.notes)

    def options(self, app: App | None = None, *, code: str = "1") -> PackageOptions:
        """`code` stands for the app's code: another one is another zip."""
        manifest = build_manifest(app or app_of(), with_grants=False).to_dict()
        project = Project(Path("nowhere"), "app", "app")
        return PackageOptions(project, manifest, (), (), STAGE, self.is_prod, include=(code,))

    def deploy(
        self, app: App | None = None, *, code: str = "1", watcher: Watching | None = None, **choices: Any
    ) -> Deployed:
        return self.deployer.deploy(self.options(app, code=code), Choices(**choices), watcher or Watching())

    def plan(self, app: App | None = None, *, code: str = "1") -> Plan:
        return self.deployer.plan(self.options(app, code=code))

    def destroy(
        self, *names: str, keep: tuple[str, ...] = (), app: App | None = None, watcher: Watching | None = None
    ) -> Any:
        return self.deployer.destroy(self.options(app).manifest, names, keep, watcher or Watching())

    def rollback(self, release: int | None = None, **choices: Any) -> Deployed:
        return self.deployer.rollback(release, Choices(**choices), Watching())

    def status(self) -> str | None:
        found = self.aws.stack(STACK)
        return None if found is None else str(found["status"])
