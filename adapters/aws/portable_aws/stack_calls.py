"""CloudFormation as the deployer uses it: descriptions as values, whole ones, and operations followed to their end."""

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from portable.adapter import Step
from portable.errors import DeployFailed, Unavailable

from .changesets import GONE, ChangeSet, Stack, is_settled, stack_of, verdict
from .deploy_clients import meaning
from .diff import DATA_STORES, kind_of
from .errors import error_code
from .progress import Event, Follower, first_failure, name_of, step_of
from .releases import template_of
from .stacks import Template

T = TypeVar("T")
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
MOST_POLLS = 20_000
MOST_FAILED_POLLS = 30
"""One after the other: throttled, or without a line. An operation goes on meanwhile, and so do we."""


class Pace:
    """How long is waited between two looks: shortly while something happens, longer while nothing does."""

    shortest, longest, growth = 0.5, 4.0, 1.4

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._next = self.shortest

    def wait(self, *, news: bool) -> None:
        self._next = self.shortest if news else min(self.longest, self._next * self.growth)
        self._sleep(self._next)

    def pause(self, seconds: float) -> None:
        """Between two steps of one look."""
        self._sleep(seconds)


class Resource(NamedTuple):
    logical: str
    physical: str
    type: str
    status: str


class Stacks:
    """One stack by its name. `tell` hears of every event."""

    def __init__(self, cloudformation: Any, name: str, tell: Callable[[Step], None], pace: Pace) -> None:
        self._cloudformation = cloudformation
        self.name = name
        self._tell = tell
        self._pace = pace

    # What is there

    def describe(self, id: str | None = None) -> Stack | None:
        """The stack; None if there is none. One that was deleted is found by its id only."""
        try:
            answer = self._cloudformation.describe_stacks(StackName=id or self.name)
        except Exception as error:
            if error_code(error) == "ValidationError" and "does not exist" in str(error):
                return None
            raise
        return stack_of(answer["Stacks"][0])

    def resources(self) -> list[Resource]:
        """All of the root stack."""
        found: list[Resource] = []
        token: str | None = None
        while True:
            answer = self._cloudformation.list_stack_resources(
                StackName=self.name, **({"NextToken": token} if token else {})
            )
            found += [
                Resource(
                    str(one["LogicalResourceId"]),
                    str(one.get("PhysicalResourceId", "")),
                    str(one["ResourceType"]),
                    str(one["ResourceStatus"]),
                )
                for one in answer["StackResourceSummaries"]
            ]
            token = answer.get("NextToken")
            if not token:
                return found

    def root_template(self) -> dict[str, Any]:
        """Of the stack itself, whoever made it."""
        return self._template(self.name)

    def template(self, root: dict[str, Any]) -> Template:
        """What is deployed, of which the root template is known."""
        nested: dict[str, dict[str, Any]] = {}
        if any(one["Type"] == "AWS::CloudFormation::Stack" for one in root["Resources"].values()):
            for one in self.resources():
                # One that failed to come into being has no template.
                if one.type == "AWS::CloudFormation::Stack" and one.physical and one.status != GONE:
                    nested[one.logical] = self._template(one.physical)
        return template_of(root, nested)

    def _template(self, name: str) -> dict[str, Any]:
        body = self._cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        # botocore decodes JSON, and leaves everything else a text: YAML, which none of ours is.
        try:
            found: dict[str, Any] = json.loads(body if isinstance(body, str) else json.dumps(body))
        except ValueError:
            return {"Resources": {}}
        return found

    def data_stores(self) -> dict[str, Resource]:
        """Tables and buckets that the stack has, by logical id."""
        return {one.logical: one for one in self.resources() if one.type in DATA_STORES and one.status != GONE}

    # Drift

    def detect_drift(self) -> Mapping[str, Any]:
        """Has CloudFormation compare resources with the template; its answer when that is over."""
        id = self._cloudformation.detect_stack_drift(StackName=self.name)["StackDriftDetectionId"]
        return self._patiently(
            lambda: self._cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=id),
            lambda answer: answer["DetectionStatus"] != "DETECTION_IN_PROGRESS",
        )

    def drifted(self, statuses: Sequence[str]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        token: str | None = None
        while True:
            answer = self._cloudformation.describe_stack_resource_drifts(
                StackName=self.name,
                StackResourceDriftStatusFilters=list(statuses),
                **({"NextToken": token} if token else {}),
            )
            found += answer["StackResourceDrifts"]
            token = answer.get("NextToken")
            if not token:
                return found

    # Change sets

    def propose(
        self,
        kind: str,
        url: str,
        parameters: Mapping[str, str],
        tags: Sequence[Mapping[str, str]],
    ) -> tuple[str, ChangeSet]:
        """Makes a change set and waits for it; its name too."""
        name = f"portable-{secrets.token_hex(8)}"
        try:
            self._cloudformation.create_change_set(
                StackName=self.name,
                ChangeSetName=name,
                ChangeSetType=kind.upper(),
                TemplateURL=url,
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                Capabilities=CAPABILITIES,
                Tags=[dict(tag) for tag in tags],
                # What an earlier destroy has kept is taken over again.
                ImportExistingResources=True,
            )
        except Exception as error:
            # An attempt whose answer was lost has made it: nobody else knows the name.
            if error_code(error) != "AlreadyExistsException":
                raise
        found = self._patiently(lambda: self._change_set(name), lambda one: verdict(one) != "wait")
        return name, found

    def _change_set(self, name: str) -> ChangeSet:
        changes: list[Mapping[str, Any]] = []
        token: str | None = None
        while True:
            answer = self._cloudformation.describe_change_set(
                StackName=self.name, ChangeSetName=name, **({"NextToken": token} if token else {})
            )
            changes += answer.get("Changes", ())
            token = answer.get("NextToken")
            if not token:
                return ChangeSet(str(answer["Status"]), str(answer.get("StatusReason", "")), tuple(changes))

    def forget(self, name: str) -> None:
        """Deletes a change set that will not be executed, and the empty stack that it may have made."""
        found = self.describe()
        if found is None:
            return
        if found.status == "REVIEW_IN_PROGRESS":
            self._cloudformation.delete_stack(StackName=self.name)
            self._patiently(lambda: self.describe(found.id), lambda one: one is None or one.status == GONE)
        else:
            self._cloudformation.delete_change_set(StackName=self.name, ChangeSetName=name)

    # Operations

    def execute(self, change_set: str) -> Stack | None:
        return self._operation(
            lambda token: self._cloudformation.execute_change_set(
                StackName=self.name, ChangeSetName=change_set, ClientRequestToken=token
            )
        )

    def delete(self, retain: Sequence[str] = ()) -> Stack | None:
        """None or DELETE_COMPLETE if it is gone."""
        more = {"RetainResources": list(retain)} if retain else {}
        return self._operation(
            lambda token: self._cloudformation.delete_stack(StackName=self.name, ClientRequestToken=token, **more)
        )

    def undo(self, skip: Sequence[str]) -> Stack | None:
        more = {"ResourcesToSkip": list(skip)} if skip else {}
        return self._operation(
            lambda token: self._cloudformation.continue_update_rollback(
                StackName=self.name, ClientRequestToken=token, **more
            )
        )

    def roll_back(self) -> Stack | None:
        return self._operation(
            lambda token: self._cloudformation.rollback_stack(StackName=self.name, ClientRequestToken=token)
        )

    def settle(self) -> Stack | None:
        """Waits until AWS is not at work on it."""
        found = self.describe()
        if found is None or is_settled(found.status):
            return found
        follower = Follower(self._cloudformation, found.id)
        return self._follow(follower, found.id, lambda stack: stack is None or is_settled(stack.status))

    def _operation(self, start: Callable[[str], Any]) -> Stack | None:
        """Starts a change and follows it to its end. Raises DeployFailed for one that did not end as it should."""
        before = self.describe()
        if before is None:
            return None
        follower = Follower(self._cloudformation, before.id)
        start(f"portable-{secrets.token_hex(8)}")

        def over(stack: Stack | None) -> bool:
            if stack is None or stack.status == GONE:
                return True
            # What the stack says may be from before the operation: it has begun and ended when its events say so.
            last = follower.last_of_root()
            return last is not None and is_settled(stack.status) and last == stack.status

        found = self._follow(follower, before.id, over)
        self.last_failure = first_failure(follower.events)
        return found

    last_failure: Event | None = None

    def _follow(self, follower: Follower, id: str, over: Callable[[Stack | None], bool]) -> Stack | None:
        # Before the events: what they say then is at least as new as what the stack says.
        def look() -> Stack | None:
            found = self.describe(id)
            for event in follower.poll():
                self._tell(step_of(event))
            return found

        return self._patiently(look, over)

    def _patiently(self, look: Callable[[], T], enough: Callable[[T], bool]) -> T:
        """Looks until it is enough. What fails for now is tried again: AWS goes on without us."""
        failed = 0
        last: T | None = None
        for _ in range(MOST_POLLS):
            try:
                found = look()
            except Exception as error:
                failed += 1
                if failed > MOST_FAILED_POLLS or not is_passing(error):
                    raise
                self._pace.wait(news=False)
                continue
            failed = 0
            if enough(found):
                return found
            self._pace.wait(news=found != last)
            last = found
        raise Unavailable(f"{self.name}: AWS is at work on it for too long", hint="run it again to go on")


def is_passing(error: Exception) -> bool:
    """Whether asking again may help."""
    found = meaning(error, "")
    return found is not None and found.exit_code == Unavailable.exit_code


def failure(stack: Stack, event: Event | None, *, hint: str) -> DeployFailed:
    """What to say of an operation that failed: the first resource, and its reason."""
    if event is None:
        return DeployFailed(f"{stack.status}: {stack.reason or 'AWS gives no reason'}", hint=hint)
    what = f"{kind_of(event.type)} {name_of(event)}"
    shown = what if event.logical in what else f"{what} ({event.logical})"
    return DeployFailed(f"{shown} failed: {event.reason or event.status}", hint=hint, resource=event.logical)
