"""From the state that a stack is in to the one that is wanted, asking before anything is changed.

A stack can be in a state that takes no change set: it is deleted, or an update is undone first. That is a change too,
so the plan is shown and agreed to before; what CloudFormation then says of the change set is only asked about again if
it is another plan.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from portable.adapter import Choices, Deployed, Release, Watcher
from portable.deploy.plan import Plan
from portable.errors import ConfigurationError, DeployFailed, InvalidArgument, ProjectConflict

from .artifacts import Artifacts
from .changesets import EXPLAINED, ChangeSet, Stack, merged, move_to_deploy, succeeded, verdict
from .data_stores import DataStores
from .diff import diff
from .index_updates import Update, updates_to
from .releases import Releases
from .stack_calls import Stacks, failure
from .stacks import BUCKET_PARAMETER, METADATA, Template, key_of

MOST_MOVES = 12
"""From any state to a settled one it takes three at most; others may change the stack meanwhile."""
BY_OTHERS = "look at the stack in CloudFormation's console"


class Wanted(NamedTuple):
    """What is to be deployed: files that have to lie in the bucket, and the template that names them."""

    template: Template
    files: dict[str, bytes]
    release: Release
    is_prod: bool
    notes: tuple[str, ...] = ()
    """What whoever deploys has to know of the package."""


Make = Callable[[Template | None], Wanted]
"""What is wanted depends on what is deployed: things stay in their stack."""


class Applying:
    """One deploy or rollback.

    `check` raises ProjectConflict once the lock is lost: it is called before each change. `check_stores` refuses tables
    and buckets that would be taken over and are others'.
    """

    def __init__(
        self,
        stacks: Stacks,
        artifacts: Artifacts,
        releases: Releases,
        stores: DataStores,
        tags: Sequence[dict[str, str]],
        choices: Choices,
        watcher: Watcher,
        check: Callable[[], None],
        check_stores: Callable[[Template | None, Template], None],
    ) -> None:
        self._stacks = stacks
        self._artifacts = artifacts
        self._releases = releases
        self._stores = stores
        self._tags = tags
        self._choices = choices
        self._watcher = watcher
        self._check = check
        self._check_stores = check_stores
        self._agreed: Plan | None = None

    def apply(self, make: Make) -> Deployed:
        """Leads the stack out of whatever state it is in to one that takes a change set, and has it applied."""
        stacks = self._stacks
        tried: set[str] = set()
        for _ in range(MOST_MOVES):
            stack = stacks.describe()
            move = move_to_deploy(stack)
            if stack is None or move in ("create", "update"):
                if self._choices.skip and "undo" not in tried:
                    raise InvalidArgument(
                        "nothing can be skipped: undoing has not failed", hint="deploy again without --skip"
                    )
                deployed = deployed_template(stacks, stack)
                return self._change(stack, deployed, make(deployed))
            if move == "wait":
                if not self._choices.wait:
                    raise ProjectConflict(f"AWS is at work on {stacks.name}: {stack.status}", hint=BY_OTHERS)
                self._watcher.say(f"{stacks.name} is {stack.status}: waiting for AWS")
                stacks.settle()
                continue
            if move in tried:
                raise failure(stack, stacks.last_failure, hint=way_out(stack.status))
            tried.add(move)
            if self._agreed is None and not self._agrees(explained(self._plan(make), stack)):
                return Deployed(False, None, dict(stack.outputs))
            self._watcher.say(f"{stacks.name} is {stack.status}: {EXPLAINED[move]}")
            self._check()
            if move == "delete":
                stacks.delete()
            elif move == "undo":
                stacks.undo(self._choices.skip)
            else:
                stacks.roll_back()
        raise DeployFailed(f"{stacks.name} does not come to rest", hint=BY_OTHERS)

    def _plan(self, make: Make) -> Plan:
        deployed = deployed_template(self._stacks, self._stacks.describe())
        return diff(deployed.stacks() if deployed else None, make(deployed).template)

    def _agrees(self, plan: Plan) -> bool:
        """Asks, unless the same was agreed to before. Raises DataAtRisk for what is not even asked about."""
        plan.check_data(self._choices.lose)
        if self._agreed is not None and effects(self._agreed) == effects(plan):
            return True
        if not self._watcher.agree(plan):
            return False
        self._agreed = plan
        return True

    def _change(self, before: Stack | None, deployed: Template | None, wanted: Wanted) -> Deployed:
        """From a stack that takes a change set to one that has it."""
        stacks, template = self._stacks, wanted.template
        plan = diff(deployed.stacks() if deployed else None, template)
        plan.check_data(self._choices.lose)
        updates = updates_to(deployed, template)
        self._check_stores(deployed, template)
        self._artifacts.keep(wanted.files)
        self._check()
        name, found = self._propose("update" if deployed is not None else "create", template)
        if verdict(found) == "nothing":
            stacks.forget(name)
            release = self._releases.add(wanted.release, template, is_prod=wanted.is_prod)
            return Deployed(False, release, dict(before.outputs) if before else {})
        try:
            agreed = self._agrees(merged(plan, found))
        except BaseException:
            stacks.forget(name)
            raise
        if not agreed:
            stacks.forget(name)
            return Deployed(False, None, dict(before.outputs) if before else {})
        if len(updates) == 1:
            ended = self._execute(name, updates[0])
        else:
            stacks.forget(name)
            ended = self._one_by_one(updates)
        release = self._releases.add(wanted.release, template, is_prod=wanted.is_prod)
        return Deployed(True, release, dict(ended.outputs))

    def _one_by_one(self, updates: Sequence[Update]) -> Stack:
        """Several updates, of which the plan that was agreed to is the sum."""
        stacks, count = self._stacks, len(updates)
        ended: Stack | None = None
        for number, update in enumerate(updates, 1):
            self._watcher.say(f"update {number} of {count} of {stacks.name}: {update.what}")
            self._check()
            text = update.template.root_text()
            self._artifacts.keep({key_of(text): text.encode()})
            deployed = deployed_template(stacks, stacks.describe())
            name, found = self._propose("update", update.template)
            if verdict(found) == "nothing":
                stacks.forget(name)
                continue
            try:
                plan = diff(deployed.stacks() if deployed else None, update.template)
                merged(plan, found).check_data(self._choices.lose)
            except BaseException:
                stacks.forget(name)
                raise
            ended = self._execute(
                name, update, hint=f"AWS undid update {number} of {count}; mend the cause, and deploy again to go on"
            )
        return self._there(ended or stacks.describe())

    def _propose(self, kind: str, template: Template) -> tuple[str, ChangeSet]:
        """A change set that CloudFormation takes, and its name. Raises DeployFailed for another one."""
        name, found = self._stacks.propose(
            kind,
            self._artifacts.url(key_of(template.root_text())),
            {BUCKET_PARAMETER: self._artifacts.bucket}
            if BUCKET_PARAMETER in template.root.get("Parameters", {})
            else {},
            self._tags,
        )
        if verdict(found) == "failed":
            self._stacks.forget(name)
            raise DeployFailed(f"CloudFormation takes no such change: {found.reason}")
        return name, found

    def _execute(self, change_set: str, update: Update, *, hint: str | None = None) -> Stack:
        """Executes it to a good end. Raises DeployFailed for any other one, with `hint` if AWS undid it."""
        self._check()
        self._stores.wait_for_indexes(update.tables, self._check)
        ended = self._there(self._stacks.execute(change_set))
        if not succeeded(ended.status):
            undone = ended.status == "UPDATE_ROLLBACK_COMPLETE"
            raise failure(ended, self._stacks.last_failure, hint=(hint if undone else None) or way_out(ended.status))
        return ended

    def _there(self, stack: Stack | None) -> Stack:
        if stack is None:
            raise ProjectConflict(f"{self._stacks.name} was deleted meanwhile", hint=BY_OTHERS)
        return stack


def effects(plan: Plan) -> set[tuple[str, str]]:
    """What happens to which resource: what a plan is agreed to for."""
    return {(one.action, one.id) for one in plan.changes if one.action != "keep"}


def explained(plan: Plan, stack: Stack | None) -> Plan:
    """The plan with what has to be done before it, by the state that the stack is in."""
    move = move_to_deploy(stack)
    if stack is None or move not in EXPLAINED:
        return plan
    return plan._replace(steps=(f"the stack is {stack.status}: {EXPLAINED[move]}", *plan.steps))


def deployed_template(stacks: Stacks, stack: Stack | None) -> Template | None:
    """What is deployed: nothing while a stack is only an empty shell, or is to be deleted before it can be used.

    Raises ConfigurationError for a stack of others, which is not to be deleted either.
    """
    move = move_to_deploy(stack)
    if stack is None or move == "create":
        return None
    root = own_template(stacks)
    return None if move == "delete" else stacks.template(root)


def own_template(stacks: Stacks) -> dict[str, Any]:
    """The root template of a stack of ours. Raises ConfigurationError for a stack of others."""
    root = stacks.root_template()
    if METADATA not in root.get("Metadata", {}):
        raise ConfigurationError(
            f"there is a stack {stacks.name} that portable has not made", hint="give the app or the stage another name"
        )
    return root


def way_out(status: str) -> str:
    """What to do about a stack that an operation left so."""
    if status in ("UPDATE_ROLLBACK_FAILED", "IMPORT_ROLLBACK_FAILED"):
        return "AWS could not undo the change either; deploy again, with --skip RESOURCE to give up what hinders it"
    if status == "DELETE_FAILED":
        return "mend the cause, or leave it behind: portable destroy --keep RESOURCE"
    return "AWS undid the change; mend the cause, then deploy again"
