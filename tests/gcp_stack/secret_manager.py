"""Stand-in, ours: Secret Manager, from Google's documentation. Secrets, their versions, labels and policies.

https://cloud.google.com/secret-manager/docs/reference/rest
"""

import base64
import re
from typing import Any

import google_crc32c

from .clocks import Clocks
from .front import Answers, Call, Refused, page_of, updated
from .policies import Policies
from .times import timestamp

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
LARGEST = 65_536
LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)


class Version:
    def __init__(self, resource: dict[str, Any], data: bytes) -> None:
        self.resource = resource
        self.data = data


class Secret:
    def __init__(self, resource: dict[str, Any]) -> None:
        self.resource = resource
        self.versions: list[Version] = []


class SecretManager:
    """All secrets of all projects."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._secrets: dict[str, Secret] = {}
        self._policies = Policies()

    def forget(self, project: str) -> None:
        prefix = f"projects/{project}/"
        self._secrets = {name: found for name, found in self._secrets.items() if not name.startswith(prefix)}
        self._policies.forget(prefix)

    def answers(self) -> Answers:
        base = "secretmanager.projects.secrets"
        return {
            f"{base}.create": self.create,
            f"{base}.get": lambda call: self._secret(call).resource,
            f"{base}.list": self.list,
            f"{base}.patch": self.patch,
            f"{base}.delete": self.delete,
            f"{base}.addVersion": self.add_version,
            f"{base}.versions.get": lambda call: self._version(call).resource,
            f"{base}.versions.list": self.list_versions,
            f"{base}.versions.access": self.access,
            f"{base}.versions.enable": lambda call: self._put_state(call, "ENABLED"),
            f"{base}.versions.disable": lambda call: self._put_state(call, "DISABLED"),
            f"{base}.versions.destroy": self.destroy,
            **self._policies.answers(base, lambda call: str(self._secret(call).resource["name"])),
        }

    def _secret(self, call: Call) -> Secret:
        name = f"projects/{call.project}/secrets/{call.names['secretsId']}"
        found = self._secrets.get(name)
        if found is None:
            raise Refused("NOT_FOUND", f"Secret [{name}] not found.")
        return found

    def _version(self, call: Call) -> Version:
        secret, id = self._secret(call), call.names["versionsId"]
        name = f"{secret.resource['name']}/versions/{id}"
        if id == "latest":
            if secret.versions:
                # The newest one, whatever its state: https://cloud.google.com/secret-manager/docs/access-secret-version
                return secret.versions[-1]
        elif id.isdigit() and 1 <= int(id) <= len(secret.versions):
            return secret.versions[int(id) - 1]
        raise Refused("NOT_FOUND", f"Secret Version [{name}] not found.")

    def create(self, call: Call) -> dict[str, Any]:
        id = call.query.get("secretId", "")
        name = f"projects/{call.project}/secrets/{id}"
        if not NAME.fullmatch(id):
            raise Refused("INVALID_ARGUMENT", f"The provided Secret ID [{id}] does not match the expected format.")
        if name in self._secrets:
            raise Refused("ALREADY_EXISTS", f"Secret [{name}] already exists.")
        if len(call.body.get("replication", {})) != 1:
            raise Refused("INVALID_ARGUMENT", "The secret's replication must be automatic or userManaged.")
        check_labels(call.body.get("labels", {}))
        now = timestamp(self._clocks.now(call.project))
        resource = {**call.body, "name": name, "createTime": now, "etag": f'"{len(self._secrets) + 1:x}"'}
        self._secrets[name] = Secret(resource)
        return resource

    def list(self, call: Call) -> dict[str, Any]:
        prefix = f"projects/{call.project}/secrets/"
        found = [
            secret.resource
            for name, secret in sorted(self._secrets.items())
            if name.startswith(prefix) and matches(call.query.get("filter", ""), secret.resource)
        ]
        return {**page_of(found, call.query, "secrets", 25_000), "totalSize": len(found)}

    def patch(self, call: Call) -> dict[str, Any]:
        secret = self._secret(call)
        mask = call.query.get("updateMask", "")
        if "replication" in mask:
            raise Refused("INVALID_ARGUMENT", "The replication of a secret cannot be changed.")
        resource = updated(secret.resource, call.body, mask)
        check_labels(resource.get("labels", {}))
        secret.resource = resource
        return resource

    def delete(self, call: Call) -> dict[str, Any]:
        secret = self._secret(call)
        if call.query.get("etag", secret.resource["etag"]) != secret.resource["etag"]:
            raise Refused("FAILED_PRECONDITION", "The etag provided does not match the etag of the secret.")
        del self._secrets[secret.resource["name"]]
        return {}

    def add_version(self, call: Call) -> dict[str, Any]:
        secret, payload = self._secret(call), call.body.get("payload", {})
        data = base64.b64decode(payload.get("data", ""))
        if not data or len(data) > LARGEST:
            raise Refused("INVALID_ARGUMENT", f"Secret Payload must have between 1 and {LARGEST} bytes.")
        given = payload.get("dataCrc32c")
        if given is not None and int(given) != checksum(data):
            raise Refused("INVALID_ARGUMENT", "The data's checksum is not the one that was given.")
        resource: dict[str, Any] = {
            "name": f"{secret.resource['name']}/versions/{len(secret.versions) + 1}",
            "createTime": timestamp(self._clocks.now(call.project)),
            "state": "ENABLED",
            "etag": f'"{len(secret.versions) + 1:x}"',
            "clientSpecifiedPayloadChecksum": given is not None,
        }
        secret.versions.append(Version(resource, data))
        return resource

    def list_versions(self, call: Call) -> dict[str, Any]:
        found = [version.resource for version in reversed(self._secret(call).versions)]
        wanted = call.query.get("filter", "")
        if wanted:
            name, _, value = wanted.partition(":" if ":" in wanted else "=")
            if name != "state":
                raise Refused("INVALID_ARGUMENT", f"The filter {wanted!r} is not part of this stand-in.")
            found = [resource for resource in found if resource["state"] == value]
        return {**page_of(found, call.query, "versions", 25_000), "totalSize": len(found)}

    def access(self, call: Call) -> dict[str, Any]:
        version = self._version(call)
        state = version.resource["state"]
        if state != "ENABLED":
            raise Refused("FAILED_PRECONDITION", f"Secret Version [{version.resource['name']}] is in {state} state.")
        data = base64.b64encode(version.data).decode()
        return {
            "name": version.resource["name"],
            "payload": {"data": data, "dataCrc32c": str(checksum(version.data))},
        }

    def _put_state(self, call: Call, state: str) -> dict[str, Any]:
        version = self._version(call)
        if version.resource["state"] == "DESTROYED":
            raise Refused("FAILED_PRECONDITION", "A version that was destroyed has one state.")
        version.resource["state"] = state
        return version.resource

    def destroy(self, call: Call) -> dict[str, Any]:
        found = self._put_state(call, "DESTROYED")
        found["destroyTime"] = timestamp(self._clocks.now(call.project))
        self._version(call).data = b""
        return found


def checksum(data: bytes) -> int:
    return int(google_crc32c.value(data))


def check_labels(labels: dict[str, str]) -> None:
    if len(labels) > 64:
        raise Refused("INVALID_ARGUMENT", "A secret has at most 64 labels.")
    for name, value in labels.items():
        if not LABEL.fullmatch(name) or not re.fullmatch(r"[a-z0-9_-]{0,63}", value, re.ASCII):
            raise Refused("INVALID_ARGUMENT", f"The label {name}={value} is invalid.")


def matches(filter: str, resource: dict[str, Any]) -> bool:
    """The part of the filter language that is needed: parts joined by AND, of `name:TEXT` and `labels.KEY=TEXT`.

    https://cloud.google.com/secret-manager/docs/filtering
    """
    for part in filter.split(" AND ") if filter else ():
        name, _, value = part.partition(":" if ":" in part else "=")
        value = value.strip('"')
        if name == "name" and ":" in part:
            if value not in resource["name"].rpartition("/")[2]:
                return False
        elif name.startswith("labels.") and "=" in part:
            if resource.get("labels", {}).get(name.removeprefix("labels.")) != value:
                return False
        else:
            raise Refused("INVALID_ARGUMENT", f"The filter {part!r} is not part of this stand-in.")
    return True
