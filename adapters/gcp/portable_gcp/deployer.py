"""Deploys an app's stage to Google Cloud; see portable.adapter.Deployer.

What is there is asked of Google each time. Beside it, in the release bucket, lie zips, releases, the lock, and by name
what the stage may have (records.py). So a run that was interrupted anywhere is taken up by the next one, which looks
first.
"""

import getpass
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
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
    Watcher,
)
from portable.deploy.lock import LEASE, Lock
from portable.deploy.plan import Plan
from portable.errors import ConfigurationError, InvalidArgument, NotFound
from portable.invocation import Outcome

from .accounts import Place
from .applying import Applying
from .artifacts import Artifacts, lock_bucket_of
from .cloud import Cloud
from .deploy_clients import DeployClients, told
from .diff import Move, differing, moves_to, plan_of, strangers
from .handover import snapshots
from .kept_data import chosen, physical, with_data_kept
from .libraries import Found
from .names import Names
from .operations import Pace
from .packaging import package, stage_of
from .records import Record, Records, joined, told_apart
from .releases import Releases, key_of, text_of
from .resources import Desired, Resource
from .template_data import buckets, database, tables, values
from .translate import translate


class Session(NamedTuple):
    """What one run has: where we are, and the parts that work for us."""

    place: Place
    names: Names
    artifacts: Artifacts
    locks: Artifacts
    records: Records
    releases: Releases
    lock: Lock
    cloud: Cloud


class Wanted(NamedTuple):
    """What is to be deployed: files that have to lie in the bucket, what names them, and what making them told."""

    desired: Desired
    files: dict[str, bytes]
    release: Release
    notes: tuple[str, ...] = ()


class Compared(NamedTuple):
    """What is wanted beside what is there."""

    wanted: tuple[Resource, ...]
    found: dict[str, Found]
    moves: tuple[Move, ...]


class GcpDeployer:
    """Implements portable.adapter.Deployer."""

    def __init__(
        self,
        app: str,
        stage: str,
        clients: DeployClients | None = None,
        *,
        pace: Callable[[], Pace] = Pace,
        lease: float = LEASE,
        make: Callable[[PackageOptions], Package] = package,
    ) -> None:
        self._app = app
        self._stage = stage
        self._clients = clients or DeployClients()
        self._pace = pace
        self._lease = lease
        self._make = make

    def _session(self) -> Session:
        place = self._clients.place()
        artifacts, locks = Artifacts(self._clients, place), Artifacts(self._clients, place, lock_bucket_of(place))
        return Session(
            place,
            Names(self._app, self._stage, place.project, place.location, place.number),
            artifacts,
            locks,
            Records(artifacts, self._app, self._stage),
            Releases(artifacts, self._app, self._stage),
            Lock(locks, self._app, self._stage, lease=self._lease, is_providers=is_googles),
            Cloud(self._clients, place),
        )

    # Looking

    def plan(self, options: PackageOptions, *, drift: bool = False) -> Plan:
        with told("plan"):
            session = self._session()
            self._check_region(session)
            record = self._record(session)
            wanted = self._wanted(options, session)
            record = record._replace(resources=told_apart(record.resources, wanted.desired.resources))
            compared = self._compared(session, wanted.desired, record)
            steps = drifted(record, compared.found, session.cloud) if drift else ()
            waits = [
                f"Google is at work on {id}: waited for first"
                for id, one in sorted(compared.found.items())
                if one.is_pending
            ]
            return plan_of(wanted.desired, compared.moves, steps=(*waits, *steps, *wanted.notes))

    def releases(self) -> list[Release]:
        with told("releases"):
            session = self._session()
            return [one.release for one in session.releases.all()] if session.artifacts.is_there() else []

    def outputs(self) -> dict[str, str]:
        with told("outputs"):
            return dict(self._required().outputs or {})

    def is_prod(self) -> bool | None:
        with told("read what is deployed"):
            record = self._record(self._session())
            # What is left of production is production's data, and asked about as such.
            return record.is_prod if record.resources else None

    def holder(self) -> Holder | None:
        with told("read the lock"):
            session = self._session()
            return session.lock.holder() if session.locks.is_there() else None

    def logs(
        self, manifest: dict[str, Any] | None, handler: str | None, since: float, follow: Callable[[], bool] | None
    ) -> Iterator[LogLine]:
        from .logs import function_among, function_of, lines

        with told("logs"):
            if manifest is None:
                known = self._required().functions
                functions = [function_among(known, handler)] if handler else list(known.values())
            else:
                found = self._names().functions(manifest)
                functions = [function_of(manifest, found, handler)] if handler else list(found.values())
            is_silent = True
            for line in lines(self._clients, functions, since, follow, self._pace()):
                is_silent = False
                yield line
            if is_silent and follow is None:
                # Google has no logs of what there is not, and does not say so.
                self._required()

    def invoke(self, manifest: dict[str, Any], handler: str, payload: str) -> Outcome:
        from .invoke import invoke

        with told("invoke"):
            session = self._session()
            return invoke(self._clients, session.names, manifest, handler, payload)

    def _names(self) -> "Read":
        return Read(self._app, self._stage)

    def _record(self, session: Session) -> Record:
        return session.records.read() if session.artifacts.is_there() else Record()

    def _required(self) -> Record:
        record = self._record(self._session())
        if not record.is_deployed:
            raise self._absent()
        return record

    def _absent(self) -> NotFound:
        return NotFound(
            f"{self._app} is not deployed in {self._stage}",
            hint=f"portable deploy --target gcp --stage {self._stage}",
        )

    def _check_region(self, session: Session) -> None:
        """Raises ConfigurationError for a stage of another region: but for its functions, names are the project's.

        Its buckets, topics, secrets and its database would be taken for this region's.
        """
        for region, artifacts in session.artifacts.elsewhere().items():
            if Records(artifacts, self._app, self._stage).read().resources:
                raise ConfigurationError(
                    f"{self._app} in {self._stage} is in {region}, and the region that is set is "
                    f"{session.place.location}",
                    hint=f"gcloud config set functions/region {region}, or CLOUDSDK_FUNCTIONS_REGION={region}; to move "
                    "a stage, destroy it there first, with its data",
                )

    # Deploying

    def deploy(self, options: PackageOptions, choices: Choices, watcher: Watcher) -> Deployed:
        with told("deploy"), self._working("deploy", watcher, makes=True) as (session, check):
            wanted = self._wanted(options, session)
            for note in wanted.notes:
                watcher.say(f"note: {note}")
            return self._apply(session, wanted, choices, watcher, check)

    def rollback(self, release: int | None, choices: Choices, watcher: Watcher) -> Deployed:
        with told("rollback"), self._working("rollback", watcher) as (session, check):
            record = session.records.read()
            if not record.is_deployed:
                raise self._absent()
            found = session.releases.get(release)
            session.releases.check_code(found.release)
            again = found.release._replace(of=found.release.number, at=now(), by=session.place.caller)
            desired = with_data_kept(session.releases.desired(found), record.resources, is_prod=record.is_prod)
            return self._apply(session, Wanted(desired, files_of(desired), again), choices, watcher, check)

    def _wanted(self, options: PackageOptions, session: Session) -> Wanted:
        made = self._make(options)
        sources = {id: one["zip"] for id, one in made.functions.items()}
        desired = translate(options.manifest, stage_of(options), session.names, sources)
        files = {key: data for key, data in made.files.items() if key in set(sources.values())}
        release = Release(0, now(), session.place.caller, made.python, made.architecture, sources)
        return Wanted(desired, {**files, **files_of(desired)}, release, made.notes)

    def _compared(self, session: Session, desired: Desired, record: Record) -> Compared:
        wanted = tuple(session.cloud.normal(one) for one in desired.resources)
        ids = {one.id for one in wanted}
        found = session.cloud.read([*wanted, *(one for one in record.resources if one.id not in ids)])
        check_owners(desired, strangers(wanted, record.resources, found), found)
        passing = snapshots(wanted, record.resources, found)
        return Compared(wanted, found, moves_to((*wanted, *passing), record.resources, found))

    def _apply(
        self, session: Session, wanted: Wanted, choices: Choices, watcher: Watcher, check: Callable[[], None]
    ) -> Deployed:
        if choices.skip:
            raise InvalidArgument(
                "nothing can be skipped: Google undoes nothing by itself", hint="deploy again without --skip"
            )
        record, desired = session.records.read(), wanted.desired
        record = record._replace(resources=told_apart(record.resources, desired.resources))
        applying = Applying(session.cloud, watcher, check, self._pace)
        compared = self._compared(session, desired, record)
        every = [*compared.wanted, *record.resources]
        found = applying.settled(every, compared.found, wait=choices.wait)
        passing = snapshots(compared.wanted, record.resources, found)
        moves = moves_to((*compared.wanted, *passing), record.resources, found)
        plan = plan_of(desired, moves)
        plan.check_data(choices.lose)
        is_changed = not plan.is_empty
        if is_changed and not watcher.agree(plan):
            return Deployed(False, None, dict(record.outputs or {}))
        session.artifacts.keep(wanted.files)
        check()
        if is_changed:
            between = joined(record.resources, (*compared.wanted, *passing))
            if between != record.resources:
                record = session.records.write(record._replace(resources=between))
            applying.apply(moves)
            check()
        settled = record._replace(
            resources=tuple(sorted(compared.wanted, key=lambda one: one.id)),
            is_prod=desired.is_prod,
            outputs=desired.outputs,
            functions=desired.functions,
        )
        if settled != record:
            session.records.write(settled)
        release = session.releases.add(wanted.release, desired)
        return Deployed(is_changed, release, dict(desired.outputs))

    @contextmanager
    def _working(
        self, purpose: str, watcher: Watcher, *, makes: bool = False
    ) -> Generator[tuple[Session, Callable[[], None]]]:
        """Has the bucket and the lock meanwhile. Raises NotFound where there is no stage, unless one is made."""
        session = self._session()
        self._check_region(session)
        if not makes and self._record(session).version is None:
            raise self._absent()
        for one in [session.artifacts, session.locks] if makes else [session.locks]:
            if one.prepare():
                watcher.say(f"the bucket {one.bucket} is ready")
        with session.lock.held(purpose, person(session.place.caller)) as check:
            # Once more: a first deploy elsewhere may have been made since.
            self._check_region(session)
            yield session, check

    # Destroying

    def destroy(
        self, manifest: dict[str, Any] | None, delete_data: Sequence[str], keep: Sequence[str], watcher: Watcher
    ) -> Destroyed:
        with told("destroy"), self._working("destroy", watcher) as (session, check):
            record, applying = session.records.read(), Applying(session.cloud, watcher, check, self._pace)
            stores = known_stores(record, manifest, session.names)
            # Before anything is deleted: a name that nothing has.
            doomed = chosen(stores, delete_data)
            unlisted = [one for one in stores if one.id not in {known.id for known in record.resources}]
            every = [*record.resources, *unlisted]
            there = applying.settled(every, session.cloud.read(every))
            for one in unlisted:
                # Of a table nobody knows but the record.
                if one.kind == "table":
                    there.pop(one.id, None)
            check_owners(session.names, strangers([one for one in doomed if one in unlisted], (), there), there)
            gone = {one.id for one in with_tables(doomed, stores)}
            leaves = [
                one
                for one in every
                if one.id not in keep and (one.id in gone or not (one.is_data_store or belongs(one, stores, gone)))
            ]
            record = session.records.write(record._replace(outputs=None, functions={}))
            for one in doomed:
                if one.id in there:
                    watcher.say(f"deleting {one.kind} {physical(one)} and all that is in it")
            applying.apply(moves_to((), [one for one in leaves if not goes_along(one, doomed)], there))
            stays = [one for one in record.resources if one not in leaves and one.id not in keep]
            session.records.write(record._replace(resources=tuple(stays)))
            kept = [
                physical(one)
                for one in stores
                if one.id not in gone and one.id in there and is_ours(one, record, there[one.id])
            ]
            return Destroyed(tuple(kept), tuple(physical(one) for one in doomed if one.id in there))


class Read:
    """Names that need no project: asking for logs takes no more."""

    def __init__(self, app: str, stage: str) -> None:
        self._names = Names(app, stage, "", "")

    def functions(self, manifest: Mapping[str, Any]) -> dict[str, str]:
        from .grouping import functions_of

        return functions_of(manifest, self._names)


def files_of(desired: Desired) -> dict[str, bytes]:
    text = text_of(desired)
    return {key_of(text): text.encode()}


def known_stores(record: Record, manifest: Mapping[str, Any] | None, names: Names) -> list[Resource]:
    """The data stores of the stage: those that were deployed, and those that the app declares."""
    found = {one.id: one for one in record.resources if one.is_data_store}
    if manifest is not None:
        declared = [database(names, is_prod=record.is_prod), *tables(manifest, names), *values(manifest, names)]
        declared += [one for one in buckets(manifest, names) if one.kind == "bucket"]
        found = {**{one.id: one for one in declared}, **found}
    return [found[id] for id in sorted(found)]


def with_tables(doomed: Sequence[Resource], stores: Sequence[Resource]) -> list[Resource]:
    """A database goes with all that is in it."""
    whole = {one.name for one in doomed if one.kind == "database"}
    inside = [one for one in stores if one.kind == "table" and one.name.partition("/collectionGroups/")[0] in whole]
    return [*doomed, *(one for one in inside if one not in doomed)]


def goes_along(one: Resource, doomed: Sequence[Resource]) -> bool:
    """Whether it is part of a database that is deleted, and needs no deletion of its own."""
    place, _, inside = one.name.partition("/collectionGroups/")
    return bool(inside) and any(other.kind == "database" and other.name == place for other in doomed)


def belongs(one: Resource, stores: Sequence[Resource], gone: set[str]) -> bool:
    """Whether it is part of a database that stays: its indexes are made once, and cost nothing by themselves."""
    if one.kind not in ("index", "field"):
        return False
    place = one.name.partition("/collectionGroups/")[0]
    return any(store.name == place and store.id not in gone for store in stores if store.kind == "database")


def is_ours(one: Resource, record: Record, found: Found) -> bool:
    """What only has the name may be another app's."""
    return any(known.id == one.id for known in record.resources) or not strangers([one], (), {one.id: found})


def check_owners(whose: Desired | Names, others: Sequence[Resource], found: Mapping[str, Found]) -> None:
    """Raises ConfigurationError for what is there and is not this stage's: names of two can be one."""
    for one in others:
        tags: dict[str, Any] = found[one.id].body.get("labels") or {}
        of = (
            f"is of {tags['app']} in {tags['stage']}"
            if {"app", "stage"} <= set(tags)
            else "does not say whose it is, and no deploy of this stage has made it"
        )
        raise ConfigurationError(
            f"{one.kind} {one.name.rpartition('/')[2]} {of}; it is neither changed nor deleted as one of "
            f"{whose.app} in {whose.stage}",
            hint="give the app, the stage or what is declared another name"
            + (
                f"; if it is yours after all, label it app={whose.app}, stage={whose.stage}"
                if one.body.get("labels")
                else ""
            ),
        )


def drifted(record: Record, found: Mapping[str, Found], cloud: Cloud) -> tuple[str, ...]:
    """What was changed or deleted past the deploys, in sentences."""
    told_of: list[str] = []
    for one in record.resources:
        if one.kind in ("access", "table", "api", "snapshot"):
            continue
        there = found.get(one.id)
        if there is None:
            told_of.append(f"{one.kind} {one.shown} was deleted past the deploys")
        elif paths := differing(cloud.normal(one).body, there.body):
            told_of.append(f"{one.kind} {one.shown} was changed past the deploys: {', '.join(paths)}")
    return tuple(told_of)


def is_googles(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in ("google", "requests")


def person(caller: str) -> str:
    """Who deploys, for others to read."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        # No such user: a container.
        user = "someone"
    return f"{user} ({caller})" if caller else user


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
