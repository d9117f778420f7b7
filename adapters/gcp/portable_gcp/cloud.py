"""What there is in Google Cloud of what is asked about, and the calls that change it. Nothing here decides anything."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .accounts import Place
from .deploy_clients import DeployClients
from .firestore_admin import Databases, Fields, Indexes, Tables
from .google_errors import is_absent
from .libraries import TABLE, Found, LibraryKind
from .notifications import Notifications
from .operations import Operation
from .queues import Queues
from .resources import Kind, Resource
from .sessions import Accounts, Buckets, Interfaces, Policies
from .snapshots import Snapshots

WORKERS = 8
APIS: dict[Kind, str] = {
    "account": "iam",
    "bucket": "storage",
    "database": "firestore",
    "field": "firestore",
    "index": "firestore",
    "notification": "storage",
    "table": "firestore",
    **{kind: about.api for kind, about in TABLE.items()},
}
"""Which interface a kind is of: while that is not enabled there is nothing of it, and asking is refused."""


class Cloud:
    """The resources of one project and region. Raises google.api_core's exceptions."""

    def __init__(self, clients: DeployClients, place: Place) -> None:
        project = self._project = place.project
        self.policies = Policies(clients, project)
        self._interfaces = Interfaces(clients, project)
        self._notifications = Notifications(clients)
        self._indexes = Indexes(clients, project)
        self._fields = Fields(clients, project)
        self._snapshots = Snapshots(clients, "snapshot", place)
        self._listed: dict[Kind, Any] = {
            "account": Accounts(clients, project),
            "bucket": Buckets(clients, project),
            "database": Databases(clients, project),
            **{kind: LibraryKind(clients, kind, place) for kind in TABLE},
            "queue": Queues(clients, "queue", place),
            "snapshot": self._snapshots,
        }
        self._kinds: dict[Kind, Any] = {
            **self._listed,
            "api": self._interfaces,
            "field": self._fields,
            "index": self._indexes,
            "notification": self._notifications,
            "table": Tables(clients, project),
        }

    def normal(self, one: Resource) -> Resource:
        """With its body as Google writes it, so that it can be compared."""
        return one if one.kind == "access" else one._replace(body=self._kinds[one.kind].normal(one.body))

    # Reading

    def read(self, resources: Iterable[Resource]) -> dict[str, Found]:
        """Those of them that are there, by id. Of access there is the whole policy of what it is about."""
        wanted = list(resources)
        enabled = self._interfaces.found_of(
            sorted({one.name for one in wanted if one.kind == "api"} | self._needed(wanted))
        )
        names = {name.rpartition("/")[2].partition(".")[0] for name in enabled}
        found = {one.id: enabled[one.name] for one in wanted if one.kind == "api" and one.name in enabled}
        by_kind: dict[Kind, list[Resource]] = {}
        for one in wanted:
            if one.kind not in ("api", "access") and APIS[one.kind] in names:
                by_kind.setdefault(one.kind, []).append(one)
        jobs: list[Callable[[], dict[str, Found]]] = [
            *(self._reading(kind, some) for kind, some in sorted(by_kind.items()) if kind != "table")
        ]
        with ThreadPoolExecutor(WORKERS) as pool:
            for reading in [pool.submit(job) for job in jobs]:
                found |= reading.result()
            found |= self._policies_of(wanted, found, pool)
        # A table is there once the database is, and what is written of it.
        database = {one.id for one in wanted if one.kind == "database" and one.id in found}
        found |= {one.id: Found(one.name, one.body) for one in by_kind.get("table", ()) if database}
        return found

    def _needed(self, wanted: Iterable[Resource]) -> set[str]:
        """The interfaces that the resources are of, also where an app does not name them any more."""
        return {
            f"projects/{self._project}/services/{APIS[one.kind]}.googleapis.com" for one in wanted if one.kind in APIS
        }

    def _reading(self, kind: Kind, some: list[Resource]) -> Callable[[], dict[str, Found]]:
        if kind in self._listed:
            return lambda: self._among(self._listed[kind].found(), some)
        if kind == "notification":
            return lambda: {one.id: found for one in some if (found := self._notifications.get(one.name)) is not None}
        reader = self._indexes if kind == "index" else self._fields
        return lambda: self._in_database(reader, some)

    def _among(self, there: Mapping[str, Found], some: Iterable[Resource]) -> dict[str, Found]:
        return {one.id: there[one.name] for one in some if one.name in there}

    def _in_database(self, reader: Any, some: list[Resource]) -> dict[str, Found]:
        found: dict[str, Found] = {}
        for database in sorted({one.name.partition("/collectionGroups/")[0] for one in some}):
            try:
                found |= self._among(reader.found_in(database), some)
            except Exception as error:
                if not is_absent(error):
                    raise
        return found

    def _policies_of(
        self, wanted: Iterable[Resource], found: Mapping[str, Found], pool: ThreadPoolExecutor
    ) -> dict[str, Found]:
        """Of what is there; nothing can be said of the access to what is not."""
        there: set[str] = {one.name for one in wanted if one.id in found}
        there |= {name.replace("/functions/", "/services/") for name in there} | {f"projects/{self._project}"}
        access = [one for one in wanted if one.kind == "access" and one.name in there]
        read = pool.map(self.policies.read, [one.name for one in access])
        return {one.id: Found(one.name, policy) for one, policy in zip(access, read, strict=True) if policy is not None}

    def get(self, one: Resource) -> Found | None:
        """One by itself, as it is now."""
        kind = self._kinds[one.kind]
        if hasattr(kind, "get"):
            got: Found | None = kind.get(one.name)
            return got
        return self.read([one]).get(one.id)

    # Changing

    def create(self, one: Resource) -> Operation:
        made: Operation = self._kind(one).create(one)
        return made

    def update(self, one: Resource, paths: tuple[str, ...]) -> Operation:
        changed: Operation = self._kind(one).update(one, paths)
        return changed

    def delete(self, one: Resource, found: Found) -> Operation:
        gone: Operation = self._kind(one).delete(found)
        return gone

    def seek(self, one: Resource, snapshot: str) -> None:
        """Leads a subscription back to a snapshot: what that has comes again, also what is published from then on."""
        self._snapshots.seek(one.name, snapshot)

    def _kind(self, one: Resource) -> Any:
        return self._kinds[one.kind]
