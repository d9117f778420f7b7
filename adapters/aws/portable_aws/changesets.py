"""What a stack's state means and what to do next, decided from its description alone. Pure.

States are those of https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html; each has a
way out, which tests walk.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from portable.deploy.plan import Change, Plan, ordered

from .diff import DATA_STORES, kind_of

Move = Literal["create", "update", "wait", "delete", "undo", "roll back", "done"]
"""`create` and `update` are types of a change set; `undo` is ContinueUpdateRollback, `roll back` RollbackStack."""

GONE = "DELETE_COMPLETE"
SHELL = "REVIEW_IN_PROGRESS"
"""A stack that has a change set, and nothing else yet: no template either."""
TO_DEPLOY: dict[str, Move] = {
    GONE: "create",
    # A first change set that was never executed: the stack is an empty shell, and takes another one.
    "REVIEW_IN_PROGRESS": "create",
    "CREATE_COMPLETE": "update",
    "UPDATE_COMPLETE": "update",
    "UPDATE_ROLLBACK_COMPLETE": "update",
    "IMPORT_COMPLETE": "update",
    "IMPORT_ROLLBACK_COMPLETE": "update",
    # A first deploy that failed. No change set applies to it: it can only be deleted. What it had made of data stays.
    "ROLLBACK_COMPLETE": "delete",
    "ROLLBACK_FAILED": "delete",
    "CREATE_FAILED": "delete",
    "DELETE_FAILED": "delete",
    "UPDATE_ROLLBACK_FAILED": "undo",
    # Only where somebody has updated it with rollback disabled.
    "UPDATE_FAILED": "roll back",
    "IMPORT_ROLLBACK_FAILED": "undo",
}
EXPLAINED: dict[Move, str] = {
    "wait": "AWS is at work on it",
    "delete": "a first deploy, or a deletion, has failed: the stack is deleted, without its data stores, and made anew",
    "undo": "undoing an update has failed: that is taken up again",
    "roll back": "an update has failed and was left as it was: it is undone first",
}
NOTHING = ("didn't contain changes", "No updates are to be performed")
"""How a change set fails that would change nothing: there is no code for it."""


class Stack(NamedTuple):
    """What DescribeStacks says. `id` is the ARN, which a stack that was deleted keeps."""

    id: str
    status: str
    reason: str
    outputs: Mapping[str, str]


class ChangeSet(NamedTuple):
    """What DescribeChangeSet says, all pages of it."""

    status: str
    reason: str
    changes: tuple[Mapping[str, Any], ...]


def stack_of(answer: Mapping[str, Any]) -> Stack:
    """Of one entry of DescribeStacks."""
    outputs = {str(one["OutputKey"]): str(one.get("OutputValue", "")) for one in answer.get("Outputs", ())}
    return Stack(str(answer["StackId"]), str(answer["StackStatus"]), str(answer.get("StackStatusReason", "")), outputs)


def is_settled(status: str) -> bool:
    """Whether AWS is not at work on the stack."""
    return status == "REVIEW_IN_PROGRESS" or not status.endswith("_IN_PROGRESS")


def move_to_deploy(stack: Stack | None) -> Move:
    """What brings a stack nearer to being deployed."""
    if stack is None:
        return "create"
    if not is_settled(stack.status):
        return "wait"
    # A state that AWS adds is none to guess about: waiting for it to become another one harms nothing.
    return TO_DEPLOY.get(stack.status, "wait")


def move_to_destroy(stack: Stack | None) -> Move:
    """What brings a stack nearer to being gone: from every state that AWS is not at work in, it can be deleted."""
    if stack is None or stack.status == GONE:
        return "done"
    return "delete" if is_settled(stack.status) else "wait"


def succeeded(status: str) -> bool:
    """Whether the end of an operation is what was asked for."""
    return status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", GONE)


def verdict(found: ChangeSet) -> Literal["wait", "ready", "nothing", "failed"]:
    """What has become of a change set."""
    if found.status == "CREATE_COMPLETE":
        return "ready"
    if found.status == "FAILED":
        return "nothing" if any(text in found.reason for text in NOTHING) else "failed"
    return "wait" if found.status in ("CREATE_PENDING", "CREATE_IN_PROGRESS") else "failed"


class Touched(NamedTuple):
    """One resource of a change set, as far as it matters here."""

    id: str
    type: str
    action: str
    replacement: str
    causes: tuple[str, ...]

    @property
    def endangers_data(self) -> bool:
        if self.type not in DATA_STORES:
            return False
        return self.action == "Remove" or self.replacement in ("True", "Conditional")


def touched(found: ChangeSet) -> list[Touched]:
    listed: list[Touched] = []
    for entry in found.changes:
        one: Mapping[str, Any] = entry.get("ResourceChange") or {}
        if not one:
            continue
        causes = {
            str(detail.get("Target", {}).get("Name") or detail.get("Target", {}).get("Attribute") or "")
            for detail in one.get("Details", ())
        }
        listed.append(
            Touched(
                str(one["LogicalResourceId"]),
                str(one["ResourceType"]),
                str(one["Action"]),
                str(one.get("Replacement", "False")),
                tuple(sorted(causes - {""})),
            )
        )
    return listed


def merged(plan: Plan, found: ChangeSet) -> Plan:
    """Our plan with what CloudFormation itself says about it, which has the last word."""
    changes = {one.id: one for one in plan.changes}
    for one in touched(found):
        ours = changes.get(one.id)
        if one.action == "Import" and ours is not None:
            changes[one.id] = ours._replace(
                reasons=("it is there already, kept by an earlier destroy: it is taken over",)
            )
        elif one.endangers_data and (ours is None or not ours.endangers_data):
            changes[one.id] = risk(ours, one)
    return plan._replace(changes=ordered(changes.values()))


def risk(ours: Change | None, one: Touched) -> Change:
    """A data store that CloudFormation would replace or delete, although we had not seen it coming."""
    if one.action == "Remove":
        action, reason = "delete", "CloudFormation would delete it, or let go of it"
    else:
        action = "replace"
        sure = "would" if one.replacement == "True" else "might"
        reason = f"CloudFormation {sure} replace it, because of {', '.join(one.causes) or 'what it depends on'}"
    known = ours or Change("keep", kind_of(one.type), one.id, one.id, (), None, True)
    return known._replace(
        action="delete" if action == "delete" else "replace", reasons=(reason, *known.reasons), is_data_store=True
    )
