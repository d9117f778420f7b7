"""The fake of the control planes, made live: functions are built and run, and objects looked for where they are.

A function's operation is over when its build is, and when its new revision was seen to listen, as on Cloud Run. Of
functions with the same zip and the same environment one is seen for all: the others begin when they are called.
"""

import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from portable_gcp.names import Names

from .clocks import Clocks
from .control_plane import NUMBER, POLLS, ControlPlane, Project
from .front import Call
from .function_builds import BuildFailed, Builds, Built
from .function_instances import Instance, Revision
from .functions import Function
from .identity import Keys

PROJECT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII)
FUNCTION = re.compile(r"projects/([^/]+)/locations/([^/]+)/functions/([^/]+)")
OBJECT = re.compile(r"projects/_/buckets/([^/]+)/objects/(.+)", re.DOTALL)
AT_ONCE = 2
"""Builds: on a machine of two processors more are not faster."""

FindObject = Callable[[str, str], bytes | None]


class Resources(dict[str, dict[str, Any]]):
    """By name; objects are those of the stack's Cloud Storage."""

    def __init__(self, objects: FindObject) -> None:
        super().__init__()
        self._objects = objects

    def __contains__(self, name: object) -> bool:
        match = OBJECT.fullmatch(str(name))
        return super().__contains__(name) if match is None else self._objects(match[1], match[2]) is not None


class LiveProject(Project):
    """A project whose functions run."""

    def __init__(self, id: str, plane: "LivePlane") -> None:
        super().__init__(id)
        self._plane = plane
        self.resources = Resources(plane.objects)
        self._builds: dict[str, tuple[str, Future[Revision]]] = {}
        self.functions: dict[str, Function] = {}
        self.routed: dict[str, str] = {}
        """Where requests to the names of its functions were last told to go."""

    def operation(
        self, prefix: str, about: str, end: Callable[[], dict[str, Any] | None], polls: int = POLLS
    ) -> dict[str, Any]:
        match = FUNCTION.fullmatch(about)
        if match is None:
            return super().operation(prefix, about, end, polls)
        if self.resources[about]["state"] == "DELETING":

            def gone() -> dict[str, Any] | None:
                self._plane.executor.submit(self.functions.pop(about).close)
                return end()

            return super().operation(prefix, about, gone, polls)
        function = self.functions.get(about)
        if function is None:
            function = self.functions[about] = self._plane.function(self, about)
        build = self._plane.executor.submit(self._plane.build, function, self.resources[about])

        def built() -> dict[str, Any] | None:
            made = end()
            self.resources[about]["serviceConfig"] |= {"uri": function.endpoint, "revision": build.result().name}
            return made

        answer = super().operation(prefix, about, built, 1)
        self._builds[answer["name"]] = about, build
        return answer

    def tick(self) -> None:
        """What waits for a build goes on waiting; a build that failed is how its operation fails."""
        failed: list[str] = []
        for name, (about, build) in list(self._builds.items()):
            if not build.done():
                left, over = self.waiting[name]
                self.waiting[name] = left + 1, over
                continue
            del self._builds[name]
            error = build.exception()
            if error is not None:
                self.failing[about] = str(error)
                failed.append(about)
        super().tick()
        for about in failed:
            del self.failing[about]

    def close(self) -> None:
        wait(build for _, build in self._builds.values())
        for one in self.functions.values():
            one.close()


class LivePlane(ControlPlane):
    """Projects are made as they are named. `more` is what every function's process is given of the stack.

    All is called with `lock` held but `build`, which takes its time in threads of its own.
    """

    def __init__(self, objects: FindObject, keys: Keys, clocks: Clocks, more: Mapping[str, str]) -> None:
        super().__init__()
        self.lock = threading.RLock()
        self.objects = objects
        self.made: list[Callable[[LiveProject], None]] = []
        """Called with each project that is made."""
        self.executor = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="build")
        self._keys = keys
        self._clocks = clocks
        self._more = more
        self._builds = Builds()
        self._seen: dict[tuple[Built, tuple[tuple[str, str], ...]], threading.Lock] = {}
        self._ready: set[tuple[Built, tuple[tuple[str, str], ...]]] = set()

    def project(self, call: Call) -> Project:
        self.make(call.names.get("projectsId", call.names.get("v1Id1", "")))
        return super().project(call)

    def make(self, id: str) -> None:
        if id in self.projects or PROJECT_ID.fullmatch(id) is None:
            return
        found = self.projects[id] = LiveProject(id, self)
        for told in self.made:
            told(found)

    def live(self) -> list[LiveProject]:
        return [one for one in self.projects.values() if isinstance(one, LiveProject)]

    def tick(self) -> None:
        for one in self.live():
            one.tick()

    def forget(self, id: str) -> None:
        with self.lock:
            found = self.projects.pop(id, None)
        if isinstance(found, LiveProject):
            found.close()

    def close(self) -> None:
        for id in list(self.projects):
            self.forget(id)
        self.executor.shutdown()
        self._builds.close()

    # Functions

    def function(self, project: LiveProject, name: str) -> Function:
        _, id, _, location, _, short = name.split("/")
        service = name.replace("/functions/", "/services/")

        # Neither takes the lock: who holds it may wait for those who ask.
        def policy() -> Mapping[str, Any]:
            return project.policies.get(service, {})

        host, logs = host_of(short, location), project.entries.append
        return Function(name, host, self._keys, self._clocks, policy, logs, {**self._more, "GOOGLE_CLOUD_PROJECT": id})

    def build(self, function: Function, body: Mapping[str, Any]) -> Revision:
        """The new revision, once it is the one that answers. Raises BuildFailed, NotReady."""
        config, service = body["buildConfig"], body["serviceConfig"]
        place = config["source"]["storageSource"]
        data = self.objects(place["bucket"], place["object"])
        if data is None:
            raise BuildFailed(f"Build failed: {place['object']} is not there")
        built = self._builds.built(data, config["runtime"])
        environment = dict(service.get("environmentVariables", {}))
        revision = Revision(
            function.short,
            function.next_revision(),
            service["serviceAccountEmail"],
            built,
            config["entryPoint"],
            config.get("environmentVariables", {}).get("GOOGLE_FUNCTION_SOURCE", "main.py"),
            environment,
            float(service.get("timeoutSeconds", 60)),
        )
        key = built, tuple(sorted(environment.items()))
        with self.lock:
            turn = self._seen.setdefault(key, threading.Lock())
        instance: Instance | None = None
        with turn:
            if key not in self._ready:
                instance = function.begun(revision)
                self._ready.add(key)
        function.switch(revision, instance)
        return revision


def host_of(short: str, location: str) -> str:
    return Names("", "", "", location, NUMBER).url(short).removeprefix("https://")
