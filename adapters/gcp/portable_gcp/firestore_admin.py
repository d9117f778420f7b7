"""The database of a stage, its indexes and policies, by Google's client of Firestore's administration.

https://cloud.google.com/firestore/docs/reference/rest/v1/projects.databases
"""

from collections.abc import Mapping
from typing import Any

from .deploy_clients import DeployClients
from .google_errors import is_absent, library
from .libraries import Found, from_json, to_json
from .operations import DONE, Operation, operation_of
from .resources import Resource
from .template_data import index_key

OVERRIDDEN = "indexConfig.usesAncestorConfig:false OR ttlConfig:*"
"""Fields that are not as Google has them: https://cloud.google.com/firestore/docs/reference/rest/v1/projects.databases.collectionGroups.fields/list"""
UNLOCK_SECONDS = 120.0


class Admin:
    """What the kinds of this file share."""

    def __init__(self, clients: DeployClients, project: str) -> None:
        self._clients = clients
        self._project = project

    @property
    def _client(self) -> Any:
        return self._clients.library("firestore")

    def _type(self, name: str) -> Any:
        return getattr(library("google.cloud.firestore_admin_v1.types"), name)


class Databases(Admin):
    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return to_json(from_json(self._type("Database"), body))

    def found(self) -> dict[str, Found]:
        answer = self._client.list_databases(request={"parent": f"projects/{self._project}"})
        bodies = map(to_json, answer.databases)
        return {one["name"]: Found(one["name"], one) for one in bodies}

    def get(self, name: str) -> Found | None:
        try:
            return Found(name, to_json(self._client.get_database(request={"name": name})))
        except Exception as error:
            if is_absent(error):
                return None
            raise

    def create(self, one: Resource) -> Operation:
        request = {
            "parent": f"projects/{self._project}",
            "databaseId": one.name.rpartition("/")[2],
            "database": one.body,
        }
        made = from_json(self._type("CreateDatabaseRequest"), request)
        return operation_of(self._client.create_database(request=made))

    def update(self, one: Resource, paths: tuple[str, ...]) -> Operation:
        fields = sorted({path.partition("/")[0] for path in paths})
        request = {"database": {**one.body, "name": one.name}, "updateMask": ",".join(fields)}
        made = from_json(self._type("UpdateDatabaseRequest"), request)
        return operation_of(self._client.update_database(request=made))

    def delete(self, found: Found) -> Operation:
        if found.body.get("deleteProtectionState") == "DELETE_PROTECTION_ENABLED":
            unlocked = {"name": found.name, "deleteProtectionState": "DELETE_PROTECTION_DISABLED"}
            request = {"database": unlocked, "updateMask": "deleteProtectionState"}
            changing = self._client.update_database(request=from_json(self._type("UpdateDatabaseRequest"), request))
            changing.result(timeout=UNLOCK_SECONDS)
        return operation_of(self._client.delete_database(request={"name": found.name}))


class Indexes(Admin):
    """Composite indexes. Their names are Google's; ours are told by what they index."""

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return to_json(from_json(self._type("Index"), body))

    def found_in(self, database: str) -> dict[str, Found]:
        """Those of a database, by our names. Raises NotFound if there is no such database."""
        answer = self._client.list_indexes(request={"parent": f"{database}/collectionGroups/-"})
        found: dict[str, Found] = {}
        for body in map(to_json, answer):
            group, _, _ = body["name"].partition("/indexes/")
            state = str(body.get("state", ""))
            ours = f"{group}/indexes/{index_key(body)}"
            found[ours] = Found(
                body["name"], without_name_field(body), state, state == "CREATING", state == "NEEDS_REPAIR"
            )
        return found

    def create(self, one: Resource) -> Operation:
        request = {"parent": one.name.partition("/indexes/")[0], "index": one.body}
        made = from_json(self._type("CreateIndexRequest"), request)
        return operation_of(self._client.create_index(request=made))

    def delete(self, found: Found) -> Operation:
        self._client.delete_index(request={"name": found.name})
        return DONE


def without_name_field(body: Mapping[str, Any]) -> dict[str, Any]:
    """An index as it was asked for: Google adds the document's name as its last field."""
    fields = [one for one in body["fields"] if one["fieldPath"] != "__name__"]
    return {**body, "fields": fields}


class Fields(Admin):
    """What is said of a single field: which indexes it has by itself, and whether it is when a document expires."""

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        found = to_json(from_json(self._type("Field"), body))
        # An empty list is no field of a message, and means that there are no indexes.
        if "indexConfig" in found:
            found["indexConfig"].setdefault("indexes", [])
        return found

    def found_in(self, database: str) -> dict[str, Found]:
        request = {"parent": f"{database}/collectionGroups/-", "filter": OVERRIDDEN}
        return {one["name"]: self._found(one) for one in map(to_json, self._client.list_fields(request=request))}

    def _found(self, body: dict[str, Any]) -> Found:
        config = body.get("indexConfig", {})
        if config.get("usesAncestorConfig"):
            body = {key: value for key, value in body.items() if key != "indexConfig"}
        elif "indexConfig" in body:
            indexes = [
                {key: one[key] for key in ("queryScope", "fields") if key in one} for one in config.get("indexes", ())
            ]
            body = {**body, "indexConfig": {"indexes": indexes}}
        return Found(body["name"], body)

    def create(self, one: Resource) -> Operation:
        return self.update(one, tuple(one.body))

    def update(self, one: Resource, paths: tuple[str, ...]) -> Operation:
        fields = sorted({path.partition("/")[0] for path in paths})
        request = {"field": {**one.body, "name": one.name}, "updateMask": ",".join(fields)}
        made = from_json(self._type("UpdateFieldRequest"), request)
        return operation_of(self._client.update_field(request=made))

    def delete(self, found: Found) -> Operation:
        """Back to what all fields of the database have."""
        fields = [key for key in ("indexConfig", "ttlConfig") if key in found.body]
        request = {"field": {"name": found.name}, "updateMask": ",".join(fields)}
        made = from_json(self._type("UpdateFieldRequest"), request)
        return operation_of(self._client.update_field(request=made))


class Tables(Admin):
    """Collection groups: Google has them for as long as they have documents, so there is nothing to make or change."""

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(body)

    def create(self, _: Resource) -> Operation:
        return DONE

    def update(self, _: Resource, __: tuple[str, ...]) -> Operation:
        """What changed of it is only in the stage's record."""
        return DONE

    def delete(self, found: Found) -> Operation:
        """All documents of it. https://cloud.google.com/firestore/docs/manage-data/bulk-delete"""
        database, _, collection = found.name.partition("/collectionGroups/")
        request = {"name": database, "collectionIds": [collection]}
        made = from_json(self._type("BulkDeleteDocumentsRequest"), request)
        return operation_of(self._client.bulk_delete_documents(request=made))
