"""Google Cloud for one test: the fake control planes over HTTP, and a hook that sees every request.

One server for each service, as gcloud's own variables name them. A request can be seen, refused, or carried out and its
answer lost, at any number.
"""

import copy
import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.gcp_stack.control_plane import ControlPlane, Project, documents
from tests.gcp_stack.control_storage import Storage
from tests.gcp_stack.front import Front, error
from tests.gcp_stack.server import Reply, Request, Stand

PROJECT, REGION = "portable-test", "europe-west1"
SERVICES = (
    "cloudfunctions", "cloudresourcemanager", "cloudscheduler", "cloudtasks", "eventarc", "firestore", "iam", "logging",
    "pubsub", "run", "secretmanager", "serviceusage", "storage",
)  # fmt: skip
AT_REST = "X-Portable-At-Rest"
"""What a queue says that is kept for its name alone."""
Hook = Callable[[str, str, Request], Reply | None]
"""`when` ("before" or "after"), the service, the request -> what is answered in the place of the answer."""


class Google:
    """The servers, kept for many tests; what is in them is made anew for each."""

    def __init__(self) -> None:
        self.hook: Hook = lambda *_: None
        self.calls: list[str] = []
        self.forget()
        self._stands = {name: Stand(self._answering(name), f"google-{name}") for name in SERVICES}

    def forget(self) -> None:
        """A new project, and none of what was."""
        self.plane = ControlPlane(PROJECT, "others-project")
        self.storage = Storage(self.plane)
        answers = self.plane.answers()
        self._fronts = {
            name: Front([one], {id: act for id, act in answers.items() if id.partition(".")[0] == name})
            for name, one in documents().items()
        }
        self.calls = []
        self.hook = lambda *_: None

    @property
    def project(self) -> Project:
        return self.plane.projects[PROJECT]

    def environment(self) -> dict[str, str]:
        """What leads gcloud's and our clients here."""
        found = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name.upper()}": one.endpoint for name, one in self._stands.items()}
        return {**found, "CLOUDSDK_CORE_PROJECT": PROJECT, "CLOUDSDK_FUNCTIONS_REGION": REGION}

    def _answering(self, service: str) -> Callable[[Request], Reply]:
        def answer(request: Request) -> Reply:
            with self.project.lock:
                said = self.hook("before", service, request)
                if said is not None:
                    return said
                if "authorization" in request.headers:
                    return error("INVALID_ARGUMENT", "a token was sent without TLS")
                self.calls.append(f"{service} {request.verb} {request.path}")
                self.project.tick()
                reply = self.storage.answer(request) if service == "storage" else self._fronts[service].answer(request)
                found = reply or error("NOT_FOUND", f"{service} has no {request.verb} {request.path}")
                return self.hook("after", service, request) or found

        return answer

    def close(self) -> None:
        for one in self._stands.values():
            one.close()

    def keep(self) -> dict[str, Any]:
        """All of the project, to go back to; what Google was at is over then."""
        project = self.project
        while project.waiting:
            project.tick()
        return copy.deepcopy(
            {
                name: getattr(project, name)
                for name in ("resources", "policies", "operations", "enabled", "agents", "buried", "led_back", "count")
            }
        )

    def restore(self, kept: dict[str, Any]) -> None:
        """As it was; the hook is gone."""
        self.forget()
        for name, value in copy.deepcopy(kept).items():
            setattr(self.project, name, value)

    # Looking

    def names(self, part: str) -> list[str]:
        """The last parts of the names of a kind: `functions`, `queues` (but those at rest), `buckets`."""
        there = [name.split("/") for name, one in self.project.resources.items() if AT_REST not in str(one)]
        return sorted(one[-1] for one in there if len(one) > 1 and one[-2] == part)

    def state(self) -> dict[str, Any]:
        """All that there is, without what Google counts or numbers: two equal states are one to a user."""
        skipped = ("/objects/locks/", "/objects/releases/", "/objects/resources/", "/objects/stages/", "/objects/zips/")
        found: dict[str, Any] = {}
        for name, one in self.project.resources.items():
            if any(part in name for part in skipped):
                continue
            key = name
            if "/notificationConfigs/" in name or "/indexes/" in name:
                what = one.get("topic") or str(one.get("fields"))
                key = f"{name.rpartition('/')[0]}/{what}"
            found[key] = {field: value for field, value in one.items() if field not in ("name", "id")}
        access = {
            name: sorted(
                (one["role"], tuple(sorted(one["members"])), str(one.get("condition")))
                for one in policy.get("bindings", ())
            )
            for name, policy in self.project.policies.items()
            if policy.get("bindings")
        }
        return {"resources": found, "access": access, "enabled": sorted(self.project.enabled)}


def pointed_at(google: Google, patch: pytest.MonkeyPatch) -> None:
    """Leads this process to the fake, and nowhere else."""
    for name in [
        name for name in os.environ if name.startswith(("CLOUDSDK_", "GOOGLE_")) or name.endswith("_EMULATOR_HOST")
    ]:
        patch.delenv(name)
    for name, value in google.environment().items():
        patch.setenv(name, value)
