"""Deploys an app's stage to AWS by CloudFormation; see portable.adapter.Deployer.

Nothing is kept between two runs but what is in AWS: the stack and its state, and in the bucket of artefacts zips,
templates, releases and the lock. So a run that was interrupted anywhere is taken up by the next one, which looks first.
"""

import getpass
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from portable.adapter import (
    Choices,
    Deployed,
    Destroyed,
    Holder,
    LogLine,
    Package,
    PackageOptions,
    Release,
    Step,
    Watcher,
)
from portable.deploy.plan import Plan
from portable.errors import DeployFailed, NotFound
from portable.invocation import Outcome

from .applying import BY_OTHERS, MOST_MOVES, Applying, Wanted, deployed_template, explained, own_template, way_out
from .artifacts import Artifacts
from .changesets import GONE, SHELL, Stack, move_to_destroy
from .data_stores import DataStores, Owner, chosen
from .deploy_clients import Account, DeployClients, told
from .diff import diff
from .errors import error_code
from .kept_data import with_data_kept, with_names_for_good
from .lock import LEASE, Lock
from .names import Names
from .packaging import TEMPLATE, package
from .releases import Releases, template_in
from .settings import settings_of
from .stack_calls import Pace, Stacks, failure
from .stacks import METADATA, Template, key_of, placement_of
from .translate import functions_of

NO_BUCKET = "NoSuchBucket"
"""Of the bucket of artefacts before the first deploy of an account."""


class Session(NamedTuple):
    """What one run has: who we are, and the parts that work for us."""

    account: Account
    artifacts: Artifacts
    releases: Releases
    lock: Lock
    stacks: Stacks
    names: Names


class AwsDeployer:
    """Implements portable.adapter.Deployer."""

    def __init__(
        self,
        app: str,
        stage: str,
        clients: DeployClients | None = None,
        *,
        pace: Callable[[], Pace] = Pace,
        lease: float = LEASE,
        make: Callable[..., Package] = package,
    ) -> None:
        self._app = app
        self._stage = stage
        self._clients = clients or DeployClients()
        self._pace = pace
        self._lease = lease
        self._make = make

    def _session(self, tell: Callable[[Step], None] = lambda _: None) -> Session:
        account = self._clients.account()
        names = Names(self._app, self._stage, account.id, account.region)
        artifacts = Artifacts(self._clients.s3, account)
        return Session(
            account,
            artifacts,
            Releases(artifacts, self._app, self._stage),
            Lock(artifacts, self._app, self._stage, lease=self._lease),
            Stacks(self._clients.cloudformation, names.stack(), tell, self._pace()),
            names,
        )

    # Looking

    def plan(self, options: PackageOptions, *, drift: bool = False) -> Plan:
        with told("plan"):
            session = self._session()
            stack = session.stacks.describe()
            deployed = deployed_template(session.stacks, stack)
            wanted = self._wanted(options, deployed, session.account)
            plan = explained(diff(deployed.stacks() if deployed else None, wanted.template), stack)
            stores = DataStores(self._clients, self._pace())
            refused = stores.refusals(deployed, wanted.template, session.names, session.account)
            plan = plan._replace(steps=(*refused, *plan.steps, *wanted.notes))
            if drift and deployed is not None:
                from .drift import drift_of

                plan = plan._replace(steps=(*plan.steps, *drift_of(session.stacks)))
            return plan

    def releases(self) -> list[Release]:
        with told("releases"):
            try:
                return [one.release for one in self._session().releases.all()]
            except Exception as error:
                if error_code(error) == NO_BUCKET:
                    return []
                raise

    def outputs(self) -> dict[str, str]:
        with told("outputs"):
            return dict(self._required(self._session().stacks).outputs)

    def is_prod(self) -> bool | None:
        with told("describe the stack"):
            session = self._session()
            deployed = deployed_template(session.stacks, session.stacks.describe())
            if deployed is not None:
                return bool(deployed.root["Metadata"][METADATA].get("IsProd"))
            # Data outlives its stack: what is left of production is production's.
            try:
                last = session.releases.last()
            except Exception as error:
                if error_code(error) == NO_BUCKET:
                    return None
                raise
            return None if last is None else bool(last.details["is_prod"])

    def holder(self) -> Holder | None:
        with told("read the lock"):
            return self._session().lock.holder()

    def logs(
        self, manifest: dict[str, Any] | None, handler: str | None, since: float, follow: Callable[[], bool] | None
    ) -> Iterator[LogLine]:
        from .logs import deployed_functions, function_among, function_of, lines

        with told("logs"):
            if manifest is None:
                stacks = self._session().stacks
                self._required(stacks)
                known = deployed_functions(own_template(stacks), self._app, self._stage)
                functions = [function_among(known, handler)] if handler else list(known.values())
            elif handler:
                functions = [function_of(manifest, self._stage, handler)]
            else:
                functions = list(functions_of(manifest, self._stage).values())
            yield from lines(self._clients, functions, since, follow, self._pace(), patient=not handler)

    def invoke(self, manifest: dict[str, Any], handler: str, payload: str) -> Outcome:
        from .invoke import invoke

        with told("invoke"):
            return invoke(self._clients, manifest, self._stage, handler, payload)

    def _required(self, stacks: Stacks) -> Stack:
        found = stacks.describe()
        if found is None or found.status in (GONE, SHELL):
            raise NotFound(
                f"{self._app} is not deployed in {self._stage}",
                hint=f"portable deploy --target aws --stage {self._stage}",
            )
        return found

    # Deploying

    def deploy(self, options: PackageOptions, choices: Choices, watcher: Watcher) -> Deployed:
        with told("deploy"), self._working("deploy", watcher) as (session, check):
            said: set[str] = set()

            def make(deployed: Template | None) -> Wanted:
                wanted = self._wanted(options, deployed, session.account)
                # It is made again once the stack has come to another state.
                for note in [note for note in wanted.notes if note not in said]:
                    watcher.say(f"note: {note}")
                    said.add(note)
                return wanted

            return self._applying(session, choices, watcher, check).apply(make)

    def rollback(self, release: int | None, choices: Choices, watcher: Watcher) -> Deployed:
        with told("rollback"), self._working("rollback", watcher) as (session, check):
            self._required(session.stacks)
            record = session.releases.get(release)
            session.releases.check_code(record.release)
            again = record.release._replace(of=record.release.number, at=now(), by=session.account.arn)
            released = session.releases.template(record)

            def make(deployed: Template | None) -> Wanted:
                template = released if deployed is None else with_data_kept(released, deployed)
                # What is as it was released lies in the bucket.
                changed = [name for name, one in template.nested.items() if one is not released.nested[name]]
                texts = [template.root_text(), *map(template.text, changed)]
                files = {key_of(text): text.encode() for text in texts}
                return Wanted(template, files, again, bool(template.root["Metadata"][METADATA].get("IsProd")))

            return self._applying(session, choices, watcher, check).apply(make)

    def _applying(self, session: Session, choices: Choices, watcher: Watcher, check: Callable[[], None]) -> Applying:
        stores, tags = DataStores(self._clients, self._pace()), tags_of(self._app, self._stage)

        def check_stores(deployed: Template | None, wanted: Template) -> None:
            stores.check_taken_over(deployed, wanted, session.names, session.account)

        return Applying(
            session.stacks, session.artifacts, session.releases, stores, tags, choices, watcher, check, check_stores
        )

    @contextmanager
    def _working(self, purpose: str, watcher: Watcher) -> Generator[tuple[Session, Callable[[], None]]]:
        """Has the bucket and the lock meanwhile."""
        session = self._session(watcher.step)
        if session.artifacts.prepare():
            watcher.say(f"the bucket {session.artifacts.bucket} is ready")
        with session.lock.held(purpose, person(session.account)) as check:
            yield session, check

    def _wanted(self, options: PackageOptions, deployed: Template | None, account: Account) -> Wanted:
        settings_of(options.settings, options.stage).check_region(account.region)
        made = self._make(options, deployed=None if deployed is None else deployed.deployed_placement())
        template = with_names_for_good(template_in(made.files, TEMPLATE), account.id, account.region)
        files = {name: data for name, data in made.files.items() if "/" in name}
        files[key_of(template.root_text())] = template.root_text().encode()
        zips = {id: one["zip"] for id, one in made.functions.items()}
        release = Release(0, now(), account.arn, made.python, made.architecture, zips)
        return Wanted(template, files, release, options.is_prod, made.notes)

    # Destroying

    def destroy(
        self, manifest: dict[str, Any] | None, delete_data: Sequence[str], keep: Sequence[str], watcher: Watcher
    ) -> Destroyed:
        with told("destroy"), self._working("destroy", watcher) as (session, check):
            stores = DataStores(self._clients, self._pace())
            stack = session.stacks.describe()
            if stack is None or stack.status == GONE:
                watcher.say(f"there is no stack {session.stacks.name}")
            there = session.stacks.data_stores() if stack is not None and stack.status != GONE else {}
            declared = self._declared(session, stack) if manifest is None else manifest
            known = stores.known(declared, session.names, there)
            # Before anything is deleted: a name that nothing has.
            doomed = chosen(known, delete_data)
            # What is the stack's is this stage's. What only has the name may be another app's.
            inside = {one.physical for one in there.values()}
            others = [one for one in doomed if one.physical not in inside]
            stores.check_owner(others, session.names, session.account, "deleted")
            self._delete_stack(session, keep, watcher, check)
            deleted: list[str] = []
            for one in doomed:
                check()
                if not stores.exists(one, session.account):
                    watcher.say(f"{one.kind} {one.physical} is not there")
                    continue
                watcher.say(f"deleting {one.kind} {one.physical} and all that is in it")
                if stores.delete(one, session.account):
                    deleted.append(one.physical)
            ours = Owner(session.names.app, session.names.stage)
            left = tuple(
                one.physical
                for one in known
                if one not in doomed
                and (
                    stores.exists(one, session.account)
                    if one.physical in inside
                    else stores.owner(one, session.account) == ours
                )
            )
            return Destroyed(left, tuple(deleted))

    def _declared(self, session: Session, stack: Stack | None) -> dict[str, Any]:
        """The tables and buckets of what is deployed, or was last: what a manifest would have said of them."""
        if stack is not None and stack.status not in (GONE, SHELL):
            root = own_template(session.stacks)
        else:
            last = session.releases.last()
            root = {} if last is None else session.releases.template(last).root
        parts = [key.partition(":") for key in sorted(placement_of(root))]
        return {
            kind: [{"name": name} for part, _, name in parts if part == what]
            for kind, what in (("tables", "table"), ("buckets", "bucket"))
        }

    def _delete_stack(self, session: Session, keep: Sequence[str], watcher: Watcher, check: Callable[[], None]) -> None:
        stacks = session.stacks
        tried = False
        for _ in range(MOST_MOVES):
            stack = stacks.describe()
            move = move_to_destroy(stack)
            if stack is None or move == "done":
                return
            if move == "wait":
                watcher.say(f"{stacks.name} is {stack.status}: waiting for AWS")
                stacks.settle()
                continue
            if tried:
                raise failure(stack, stacks.last_failure, hint=way_out(stack.status))
            tried = True
            if stack.status != SHELL:
                own_template(stacks)
            check()
            # AWS takes names of resources to keep only where deleting them has failed.
            stacks.delete(keep if stack.status == "DELETE_FAILED" else ())
        raise DeployFailed(f"{stacks.name} does not come to rest", hint=BY_OTHERS)


def tags_of(app: str, stage: str) -> list[dict[str, str]]:
    return [{"Key": "app", "Value": app}, {"Key": "stage", "Value": stage}]


def person(account: Account) -> str:
    """Who deploys, for others to read."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        # No such user: a container.
        user = "someone"
    return f"{user} ({account.arn.rpartition(':')[2]})"


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
