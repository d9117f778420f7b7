"""OUR FAKE of CloudFormation: stacks go through the states that AWS documents, some steps at each look: fake_aws.py."""

import base64
import json
import uuid
from datetime import UTC, datetime
from typing import Any

ACCOUNT, REGION = "123456789012", "eu-central-1"
STEPS_AT_ONCE = 6
EVENTS_IN_A_PAGE = 7
NAMES = ("TableName", "BucketName", "QueueName", "FunctionName", "RoleName", "TopicName", "LogGroupName", "AlarmName")
TAKES_UPDATE = (
    "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE",
)  # fmt: skip
RETAIN = "Retain"
LOOKS_AT_FILLING = 3
"""So often DynamoDB says that an index is being made or erased, after CloudFormation has gone on."""


def tags_of(one: dict[str, Any]) -> list[Any]:
    """Of a resource as a template has it; some types have them in another shape."""
    found = one.get("Properties", {}).get("Tags", [])
    return found if isinstance(found, list) else []


def physical_of(stack: dict[str, Any], logical: str, resource: dict[str, Any]) -> str:
    """The name that a template gives, or one that CloudFormation makes up."""
    for key in NAMES:
        value = resource.get("Properties", {}).get(key)
        if isinstance(value, dict):
            value = value.get("Fn::Sub")
        if isinstance(value, str):
            return value.replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION)
    return f"{stack['name']}-{logical}"


def indexes_of(resource: dict[str, Any]) -> set[str]:
    return {one["IndexName"] for one in resource.get("Properties", {}).get("GlobalSecondaryIndexes", ())}


class CloudFormation:
    """One call on the state of an account."""

    def __init__(self, state: dict[str, Any], refused: Any) -> None:
        self.state = state
        self.refused = refused

    def call(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = getattr(self, operation)(given)
        return found

    # Finding

    def _find(self, name: str) -> dict[str, Any]:
        stacks = self.state["stacks"]
        if name in stacks:
            found: dict[str, Any] = stacks[name]
            return found
        for stack in stacks.values():
            if stack["name"] == name and stack["status"] != "DELETE_COMPLETE":
                named: dict[str, Any] = stack
                return named
        raise self.refused("ValidationError", f"Stack with id {name} does not exist")

    # Looking

    def describe_stacks(self, given: dict[str, Any]) -> dict[str, Any]:
        stack = self._find(given["StackName"])
        for _ in range(STEPS_AT_ONCE):
            self._advance(stack)
        return {
            "Stacks": [
                {
                    "StackId": stack["id"],
                    "StackName": stack["name"],
                    "CreationTime": datetime.now(UTC),
                    "StackStatus": stack["status"],
                    "StackStatusReason": stack["reason"],
                    "Outputs": [
                        {"OutputKey": key, "OutputValue": f"value of {key}"}
                        for key in (stack["template"] or {}).get("Outputs", {})
                    ],
                }
            ]
        }

    def describe_stack_events(self, given: dict[str, Any]) -> dict[str, Any]:
        stack = self._find(given["StackName"])
        newest_first = list(reversed(stack["events"]))
        start = int(given.get("NextToken", "0"))
        page = newest_first[start : start + EVENTS_IN_A_PAGE]
        more = start + EVENTS_IN_A_PAGE < len(newest_first)
        return {
            "StackEvents": [{**one, "Timestamp": datetime.fromtimestamp(one["Timestamp"], UTC)} for one in page],
            **({"NextToken": str(start + EVENTS_IN_A_PAGE)} if more else {}),
        }

    def list_stack_resources(self, given: dict[str, Any]) -> dict[str, Any]:
        stack = self._find(given["StackName"])
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": logical,
                    "PhysicalResourceId": one["physical"],
                    "ResourceType": one["type"],
                    "ResourceStatus": "CREATE_COMPLETE",
                    "LastUpdatedTimestamp": datetime.now(UTC),
                }
                for logical, one in stack["resources"].items()
            ]
        }

    def get_template(self, given: dict[str, Any]) -> dict[str, Any]:
        stack = self._find(given["StackName"])
        if stack["template"] is None:
            raise self.refused("ValidationError", f"Stack {stack['name']} has no template")
        return {"TemplateBody": json.dumps(stack["template"])}

    # Drift

    def detect_stack_drift(self, given: dict[str, Any]) -> dict[str, Any]:
        stack = self._find(given["StackName"])
        self.state.setdefault("detections", {})["1"] = {"stack": stack["id"], "looks": 0}
        return {"StackDriftDetectionId": "1"}

    def describe_stack_drift_detection_status(self, given: dict[str, Any]) -> dict[str, Any]:
        one = self.state["detections"][given["StackDriftDetectionId"]]
        one["looks"] += 1
        known = {"StackId": one["stack"], "StackDriftDetectionId": "1", "Timestamp": datetime.now(UTC)}
        if one["looks"] < 3:
            return {**known, "DetectionStatus": "DETECTION_IN_PROGRESS"}
        return {**known, "DetectionStatus": "DETECTION_COMPLETE", "StackDriftStatus": "DRIFTED"}

    def describe_stack_resource_drifts(self, given: dict[str, Any]) -> dict[str, Any]:
        stack = self._find(given["StackName"])
        found = []
        for logical, one in stack["resources"].items():
            there = self.state["world"].get(one["physical"])
            status = "DELETED" if there is None else "MODIFIED" if "changed" in there else "IN_SYNC"
            if status in given["StackResourceDriftStatusFilters"]:
                found.append(
                    {
                        "StackId": stack["id"],
                        "LogicalResourceId": logical,
                        "PhysicalResourceId": one["physical"],
                        "ResourceType": one["type"],
                        "StackResourceDriftStatus": status,
                        "Timestamp": datetime.now(UTC),
                        "PropertyDifferences": (there or {}).get("changed", []),
                    }
                )
        start = int(given.get("NextToken", "0"))
        more = {"NextToken": str(start + 1)} if start + 1 < len(found) else {}
        return {"StackResourceDrifts": found[start : start + 1], **more}

    # Change sets

    def create_change_set(self, given: dict[str, Any]) -> dict[str, Any]:
        kind, name = given["ChangeSetType"], given["StackName"]
        try:
            stack = self._find(name)
        except self.refused:
            if kind == "UPDATE":
                raise
            id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}"
            stack = {
                "id": id, "name": name, "status": "REVIEW_IN_PROGRESS", "reason": "", "template": None,
                "resources": {}, "events": [], "change_sets": {}, "queue": [],
            }  # fmt: skip
            self.state["stacks"][id] = stack
            self._event(stack, None, "REVIEW_IN_PROGRESS", "User Initiated")
        if kind == "CREATE" and stack["status"] != "REVIEW_IN_PROGRESS":
            raise self.refused("ValidationError", f"Stack [{name}] already exists and cannot be created again")
        if kind == "UPDATE" and stack["status"] not in TAKES_UPDATE:
            raise self.refused(
                "ValidationError", f"Stack:{stack['id']} is in {stack['status']} state and can not be updated."
            )
        if given["ChangeSetName"] in stack["change_sets"]:
            raise self.refused("AlreadyExistsException", "ChangeSet already exists")
        assert given["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
        key = given["TemplateURL"].partition(".amazonaws.com/")[2]
        template = json.loads(base64.b64decode(self.state["objects"][key]["body"]))
        unknown = {one["ParameterKey"] for one in given["Parameters"]} ^ set(template.get("Parameters", {}))
        if unknown:
            raise self.refused("ValidationError", f"Parameters: {sorted(unknown)} do not exist or must have values")
        changes = self._changes(stack, template, given.get("ImportExistingResources", False))
        stack["change_sets"][given["ChangeSetName"]] = {
            "template": template, "changes": changes, "looks": 0, "kind": kind, "executed": False,
        }  # fmt: skip
        return {"Id": "arn:change-set/1", "StackId": stack["id"]}

    def _changes(self, stack: dict[str, Any], template: dict[str, Any], imports: bool) -> list[dict[str, Any]]:
        before = (stack["template"] or {"Resources": {}})["Resources"] if stack["resources"] else {}
        found = []
        for logical, one in template["Resources"].items():
            old = before.get(logical)
            physical = physical_of(stack, logical, one)
            if old is None:
                exists = physical in self.state["world"]
                free = exists and self.state["world"][physical]["stack"] is None
                # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
                named = any(isinstance(one.get("Properties", {}).get(key), str) for key in NAMES)
                kept = one.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate")
                action = "Import" if imports and free and named and kept else "Add"
                found.append(self._change(logical, one["Type"], action, None))
            elif (old.get("Properties"), old.get("Metadata")) != (one.get("Properties"), one.get("Metadata")):
                # Metadata of a resource that changes is an update, and replaces nothing.
                keys = [
                    key
                    for key in {*old.get("Properties", {}), *one.get("Properties", {})}
                    if old.get("Properties", {}).get(key) != one.get("Properties", {}).get(key)
                ]
                replaced = set(keys) & {*NAMES, *self.state.get("replacing", [])}
                found.append(self._change(logical, one["Type"], "Modify", "True" if replaced else "False", keys))
        for logical, one in before.items():
            if logical not in template["Resources"]:
                found.append(self._change(logical, one["Type"], "Remove", None))
        return found

    def _change(
        self, logical: str, type_: str, action: str, replacement: str | None, keys: list[str] | None = None
    ) -> dict[str, Any]:
        one: dict[str, Any] = {"Action": action, "LogicalResourceId": logical, "ResourceType": type_}
        if replacement is not None:
            one["Replacement"] = replacement
            one["Details"] = [{"Target": {"Attribute": "Properties", "Name": key}} for key in sorted(keys or ())]
        return {"Type": "Resource", "ResourceChange": one}

    def describe_change_set(self, given: dict[str, Any]) -> dict[str, Any]:
        stack = self._find(given["StackName"])
        one = stack["change_sets"].get(given["ChangeSetName"])
        if one is None:
            raise self.refused("ChangeSetNotFound", f"ChangeSet [{given['ChangeSetName']}] does not exist", 404)
        one["looks"] += 1
        if one["looks"] < 3:
            return {"Status": "CREATE_PENDING" if one["looks"] == 1 else "CREATE_IN_PROGRESS"}
        if not one["changes"]:
            reason = (
                "The submitted information didn't contain changes. Submit different information to create a change set."
            )
            return {"Status": "FAILED", "StatusReason": reason}
        start = int(given.get("NextToken", "0"))
        more = {"NextToken": str(start + 25)} if start + 25 < len(one["changes"]) else {}
        return {"Status": "CREATE_COMPLETE", "Changes": one["changes"][start : start + 25], **more}

    def delete_change_set(self, given: dict[str, Any]) -> dict[str, Any]:
        self._find(given["StackName"])["change_sets"].pop(given["ChangeSetName"], None)
        return {}

    def execute_change_set(self, given: dict[str, Any]) -> dict[str, Any]:
        stack = self._find(given["StackName"])
        one = stack["change_sets"].pop(given["ChangeSetName"], None)
        if one is None or one["looks"] < 3 or not one["changes"]:
            raise self.refused("InvalidChangeSetStatus", "ChangeSet cannot be executed in its current status")
        stack["change_sets"] = {}
        new = one["template"]
        if one["kind"] == "CREATE":
            self._start(stack, "CREATE_IN_PROGRESS", self._creation(stack, new, one["changes"]))
        else:
            self._start(stack, "UPDATE_IN_PROGRESS", self._update(stack, new, one["changes"]))
        return {}

    # Operations: queues of steps, which looks make go on

    def _start(self, stack: dict[str, Any], status: str, queue: list[list[Any]]) -> None:
        # The stack is in its new state after the answer, and not before.
        stack["queue"] = [["status", status, "User Initiated"], *queue]

    def _fails(self, logical: str, when: str) -> str | None:
        found: str | None = self.state["fail"].get(logical, {}).get(when)
        return found

    def _creation(self, stack: dict[str, Any], new: dict[str, Any], changes: list[dict[str, Any]]) -> list[list[Any]]:
        queue: list[list[Any]] = [["template", new]]
        imported = {
            one["ResourceChange"]["LogicalResourceId"] for one in changes if one["ResourceChange"]["Action"] == "Import"
        }
        made: list[str] = []
        for logical, one in new["Resources"].items():
            physical = physical_of(stack, logical, one)
            queue.append(["event", logical, one["Type"], physical, "CREATE_IN_PROGRESS", ""])
            reason = self._fails(logical, "create")
            if reason is None and logical not in imported and physical in self.state["world"]:
                reason = f"{physical} already exists"
            if reason is not None:
                queue.append(["event", logical, one["Type"], physical, "CREATE_FAILED", reason])
                return [*queue, *self._unmaking(stack, new, made)]
            queue.append(["make", logical, one["Type"], physical, "CREATE_COMPLETE", tags_of(one)])
            made.append(logical)
        return [*queue, ["status", "CREATE_COMPLETE", ""]]

    def _unmaking(self, stack: dict[str, Any], new: dict[str, Any], made: list[str]) -> list[list[Any]]:
        """The rollback of a creation: what is retained stays, which is what RetainExceptOnCreate would change."""
        other = next((id for id in new["Resources"] if id not in made), None)
        queue: list[list[Any]] = []
        if other is not None:
            queue.append(
                ["event", other, new["Resources"][other]["Type"], "", "CREATE_FAILED", "Resource creation cancelled"]
            )
        queue.append(["status", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create"])
        failed = False
        for logical in reversed(made):
            step, bad = self._removal(stack, logical, new["Resources"][logical], ())
            queue.append(step)
            failed = failed or bad
        return [*queue, ["status", "ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE", ""]]

    def _removal(self, stack: dict[str, Any], logical: str, one: dict[str, Any], kept: Any) -> tuple[list[Any], bool]:
        """The step that removes a resource, and whether it fails."""
        physical = stack["resources"].get(logical, {}).get("physical") or physical_of(stack, logical, one)
        if one.get("DeletionPolicy") == RETAIN or logical in kept:
            return ["let go", logical, one["Type"], physical], False
        reason = self._fails(logical, "delete")
        if reason is not None:
            return ["event", logical, one["Type"], physical, "DELETE_FAILED", reason], True
        return ["remove", logical, one["Type"], physical], False

    def _update(self, stack: dict[str, Any], new: dict[str, Any], changes: list[dict[str, Any]]) -> list[list[Any]]:
        queue: list[list[Any]] = []
        old = stack["template"]
        done: list[str] = []
        added: list[str] = []
        listed = [one["ResourceChange"] for one in changes]
        for change in listed:
            logical = change["LogicalResourceId"]
            if change["Action"] == "Remove":
                continue
            one = new["Resources"][logical]
            verb = "UPDATE" if change["Action"] == "Modify" else "CREATE"
            physical = physical_of(stack, logical, one)
            queue.append(["event", logical, one["Type"], physical, f"{verb}_IN_PROGRESS", ""])
            reason = self._fails(logical, verb.lower())
            if reason is None and change["Action"] == "Add" and physical in self.state["world"]:
                reason = f"{physical} already exists"
            changed = indexes_of(one) ^ indexes_of(old["Resources"][logical]) if verb == "UPDATE" else set()
            if reason is None and changed:
                reason = self._index_fault(physical, changed)
            if reason is not None:
                queue.append(["event", logical, one["Type"], physical, f"{verb}_FAILED", reason])
                return [*queue, *self._undoing(stack, old, new, done, added)]
            queue.append(["make", logical, one["Type"], physical, f"{verb}_COMPLETE", tags_of(one)])
            if changed:
                queue.append(["fill", physical])
            (added if verb == "CREATE" else done).append(logical)
        queue.append(["status", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""])
        queue.append(["template", new])
        gone = [change["LogicalResourceId"] for change in listed if change["Action"] == "Remove"]
        queue += [self._removal(stack, logical, old["Resources"][logical], ())[0] for logical in gone]
        return [*queue, ["status", "UPDATE_COMPLETE", ""]]

    def _index_fault(self, physical: str, changed: set[str]) -> str | None:
        """As CloudFormation and DynamoDB word it."""
        if len(changed) > 1:
            return "Cannot perform more than one GSI creation or deletion in a single update"
        if self.state["world"][physical].get("filling"):
            return f"Attempt to change a resource which is still in use: Table is being updated: {physical}"
        return None

    def _undoing(
        self,
        stack: dict[str, Any],
        old: dict[str, Any],
        new: dict[str, Any],
        done: list[str],
        added: list[str],
        skip: Any = (),
    ) -> list[list[Any]]:
        queue: list[list[Any]] = [
            ["status", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update"]
        ]
        for logical in reversed(done):
            one = old["Resources"][logical]
            physical = physical_of(stack, logical, one)
            reason = self._fails(logical, "undo")
            if reason is not None and logical not in skip:
                queue.append(["event", logical, one["Type"], physical, "UPDATE_FAILED", reason])
                queue.append(["undo", {"old": old, "new": new, "done": done, "added": added}])
                return [*queue, ["status", "UPDATE_ROLLBACK_FAILED", f"[{logical}] failed"]]
            queue.append(["event", logical, one["Type"], physical, "UPDATE_COMPLETE", ""])
        queue.append(["status", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", ""])
        queue += [self._removal(stack, logical, new["Resources"][logical], ())[0] for logical in reversed(added)]
        return [*queue, ["template", old], ["status", "UPDATE_ROLLBACK_COMPLETE", ""]]

    def continue_update_rollback(self, given: dict[str, Any]) -> dict[str, Any]:
        stack = self._find(given["StackName"])
        if stack["status"] != "UPDATE_ROLLBACK_FAILED":
            raise self.refused("ValidationError", f"Stack:{stack['id']} is in {stack['status']} state")
        left = stack["undo"]
        queue = self._undoing(
            stack, left["old"], left["new"], left["done"], left["added"], given.get("ResourcesToSkip", ())
        )
        stack["queue"] = queue
        return {}

    def rollback_stack(self, given: dict[str, Any]) -> dict[str, Any]:
        stack = self._find(given["StackName"])
        if stack["status"] not in ("CREATE_FAILED", "UPDATE_FAILED"):
            raise self.refused("ValidationError", f"Stack:{stack['id']} is in {stack['status']} state")
        stack["queue"] = [
            ["status", "UPDATE_ROLLBACK_IN_PROGRESS", ""], ["status", "UPDATE_ROLLBACK_COMPLETE", ""],
        ]  # fmt: skip
        return {}

    def delete_stack(self, given: dict[str, Any]) -> dict[str, Any]:
        try:
            stack = self._find(given["StackName"])
        except self.refused:
            return {}
        kept = given.get("RetainResources", ())
        if kept and stack["status"] != "DELETE_FAILED":
            raise self.refused("ValidationError", "RetainResources is only for stacks in DELETE_FAILED")
        if stack["status"].endswith("_IN_PROGRESS") and stack["status"] != "REVIEW_IN_PROGRESS":
            raise self.refused("ValidationError", f"Stack [{stack['id']}] cannot be deleted while in {stack['status']}")
        queue: list[list[Any]] = []
        failed = False
        described = (stack["template"] or {"Resources": {}})["Resources"]
        for logical in reversed(list(stack["resources"])):
            step, bad = self._removal(
                stack, logical, described.get(logical, {"Type": "?", "DeletionPolicy": RETAIN}), kept
            )
            queue.append(step)
            failed = failed or bad
        self._start(
            stack, "DELETE_IN_PROGRESS", [*queue, ["status", "DELETE_FAILED" if failed else "DELETE_COMPLETE", ""]]
        )
        return {}

    def _advance(self, stack: dict[str, Any]) -> None:
        if not stack["queue"]:
            return
        kind, *rest = stack["queue"].pop(0)
        if kind == "status":
            stack["status"], stack["reason"] = rest
            self._event(stack, None, *rest)
        elif kind == "event":
            logical, type_, physical, status, reason = rest
            self._event(stack, (logical, type_, physical), status, reason)
        elif kind == "template":
            stack["template"] = rest[0]
        elif kind == "undo":
            stack["undo"] = rest[0]
        elif kind == "fill":
            self.state["world"][rest[0]]["filling"] = LOOKS_AT_FILLING
        elif kind == "make":
            logical, type_, physical, status, tags = rest
            stack["resources"][logical] = {"physical": physical, "type": type_}
            self.state["world"].setdefault(physical, {"type": type_}).update(stack=stack["id"], tags=tags)
            self._event(stack, (logical, type_, physical), status, "")
        else:
            logical, type_, physical = rest
            stack["resources"].pop(logical, None)
            if kind == "let go":
                if physical in self.state["world"]:
                    self.state["world"][physical]["stack"] = None
                self._event(stack, (logical, type_, physical), "DELETE_SKIPPED", "")
            else:
                self.state["world"].pop(physical, None)
                self._event(stack, (logical, type_, physical), "DELETE_COMPLETE", "")

    def _event(self, stack: dict[str, Any], about: tuple[str, str, str] | None, status: str, reason: str) -> None:
        logical, type_, physical = about or (stack["name"], "AWS::CloudFormation::Stack", stack["id"])
        event = {
            "StackId": stack["id"], "EventId": str(uuid.uuid4()), "StackName": stack["name"],
            "LogicalResourceId": logical, "PhysicalResourceId": physical, "ResourceType": type_,
            "Timestamp": datetime.now(UTC).timestamp(), "ResourceStatus": status,
        }  # fmt: skip
        stack["events"].append({**event, **({"ResourceStatusReason": reason} if reason else {})})
