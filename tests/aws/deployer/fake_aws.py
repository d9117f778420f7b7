"""OUR FAKE of the parts of AWS that the deployer talks to: it does what AWS documents, as far as that reaches here.

LocalStack has no rollback, no Retain, no import and no interruption, so those are proven against this. It sits below
the deployer, in the place of botocore's clients: requests and answers are checked against AWS's own descriptions of the
interfaces, which botocore carries. Its state can be a JSON file, so that it outlives a process that is killed.

States of stacks: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
Change sets and imports: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
Retain: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
ContinueUpdateRollback: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
DeleteStack: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
Conditional writes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

import base64
import fcntl
import hashlib
import io
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from portable_aws.deploy_clients import DeployClients

from tests.aws.deployer.fake_cloudformation import CloudFormation

ACCOUNT, REGION = "123456789012", "eu-central-1"
Hook = Callable[[str, str, str], None]
"""Called with "before" or "after", the service and the operation; what it raises is what the caller gets."""


class Refused(Exception):
    """An error answer of AWS."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class FakeAws:
    """The state of one account: in a file, which several processes may share, or in memory."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {}
        if file is None or not file.exists():
            self.write({"objects": {}, "buckets": {}, "stacks": {}, "world": {}, "fail": {}, "calls": [], "logs": {}})

    def read(self) -> dict[str, Any]:
        text = json.dumps(self._state) if self.file is None else self.file.read_text()
        found: dict[str, Any] = json.loads(text)
        return found

    def write(self, state: dict[str, Any]) -> None:
        if self.file is None:
            self._state = json.loads(json.dumps(state))
            return
        draft = self.file.with_suffix(".new")
        draft.write_text(json.dumps(state))
        draft.rename(self.file)

    def change(self, change: Callable[[dict[str, Any]], Any]) -> Any:
        """Runs a change of the state, alone."""
        if self.file is None:
            with self._lock:
                return change(self._state)
        with self.file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self.read()
            try:
                return change(state)
            finally:
                self.write(state)

    def fail(self, logical: str, when: str, reason: str) -> None:
        """From now on a resource cannot be created, updated, deleted, or undone."""
        self.change(lambda state: state["fail"].setdefault(logical, {}).update({when: reason}))

    def mend(self) -> None:
        self.change(lambda state: state["fail"].clear())

    def calls(self) -> list[str]:
        return list(self.read()["calls"])

    def stack(self, name: str) -> dict[str, Any] | None:
        for stack in self.read()["stacks"].values():
            if stack["name"] == name and stack["status"] != "DELETE_COMPLETE":
                found: dict[str, Any] = stack
                return found
        return None

    def world(self) -> dict[str, str]:
        """What there is, by physical name: its type."""
        return {name: one["type"] for name, one in self.read()["world"].items()}


@cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


@cache
def operations(service: str) -> dict[str, str]:
    """Operations by the names of their methods."""
    return {str(botocore.xform_name(name)): name for name in model(service).operation_names}


def checked(value: Any, shape: Any) -> None:
    """Raises AssertionError for what AWS's description of a message does not know."""
    if shape is None:
        return
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), report.generate_report()


class FakeClient:
    """One service: each operation is a function of the state."""

    def __init__(self, aws: FakeAws, service: str, hook: Hook) -> None:
        self._aws = aws
        self._service = service
        self._hook = hook
        self.meta = type("Meta", (), {"region_name": REGION})

    def __getattr__(self, name: str) -> Any:
        operation = operations(self._service).get(name)
        if operation is None:
            raise AttributeError(name)
        shapes = model(self._service).operation_model(operation)

        def call(**parameters: Any) -> Any:
            checked(parameters, shapes.input_shape)
            self._hook("before", self._service, operation)

            def run(state: dict[str, Any]) -> Any:
                state["calls"].append(f"{self._service}.{operation}")
                return HANDLERS[self._service](state, name, parameters)

            try:
                answer = self._aws.change(run)
            except Refused as error:
                raise ClientError(
                    {
                        "Error": {"Code": error.code, "Message": str(error)},
                        "ResponseMetadata": {"HTTPStatusCode": error.status},
                    },
                    operation,
                ) from None
            body = answer.pop("Body", None)
            checked(answer, shapes.output_shape)
            self._hook("after", self._service, operation)
            date = format_datetime(datetime.now(UTC), usegmt=True)
            extra = {} if body is None else {"Body": io.BytesIO(body)}
            return {**answer, **extra, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {"date": date}}}

        return call


class FakeClients(DeployClients):
    """The deployer's clients, all of which lead to the fake."""

    def __init__(self, aws: FakeAws, hook: Hook = lambda *_: None) -> None:
        super().__init__(REGION)
        self._aws = aws
        self._hook = hook

    def _client(self, attribute: str, service: str, *, attempts: int = 1, **options: Any) -> Any:
        return FakeClient(self._aws, service, self._hook)

    @property
    def dynamodb(self) -> Any:
        return FakeClient(self._aws, "dynamodb", self._hook)


# S3


def s3(state: dict[str, Any], operation: str, given: dict[str, Any]) -> dict[str, Any]:
    owner = given.get("ExpectedBucketOwner")
    assert operation == "create_bucket" or owner == ACCOUNT, f"{operation} does not say whose bucket it has to be"
    bucket = given["Bucket"]
    if operation == "create_bucket":
        if bucket in state["buckets"]:
            ours = state["buckets"][bucket]["owner"] == ACCOUNT
            raise Refused("BucketAlreadyOwnedByYou" if ours else "BucketAlreadyExists", bucket, 409)
        state["buckets"][bucket] = {"owner": ACCOUNT}
        return {}
    if bucket in state["world"]:
        return bucket_of_app(state, operation, given)
    if bucket not in state["buckets"]:
        raise Refused(
            "404" if operation.startswith("head") else "NoSuchBucket", "The specified bucket does not exist", 404
        )
    if state["buckets"][bucket]["owner"] != owner:
        raise Refused("AccessDenied", "Access Denied", 403)
    settings = state["buckets"][bucket]
    if operation.startswith("put_bucket") or operation == "put_public_access_block":
        settings[operation] = {
            name: value for name, value in given.items() if name not in ("Bucket", "ExpectedBucketOwner")
        }
        return {}
    if operation == "get_bucket_tagging":
        if "put_bucket_tagging" not in settings:
            raise Refused("NoSuchTagSet", "The TagSet does not exist", 404)
        return {"TagSet": settings["put_bucket_tagging"]["Tagging"]["TagSet"]}
    if operation == "list_objects_v2":
        keys = sorted(key for key in state["objects"] if key.startswith(given.get("Prefix", "")))
        keys = [key for key in keys if key > given.get("ContinuationToken", "")]
        more = {"NextContinuationToken": keys[1]} if len(keys) > 2 else {}
        return {"Contents": [{"Key": key} for key in (keys[:2] if more else keys)], **more}
    return s3_object(state, operation, given)


def bucket_of_app(state: dict[str, Any], operation: str, given: dict[str, Any]) -> dict[str, Any]:
    """A bucket that a stack has made: two versions on a page."""
    versions = state["world"][given["Bucket"]].setdefault("versions", [])
    if operation == "head_bucket":
        return {}
    if operation == "get_bucket_tagging":
        tags = state["world"][given["Bucket"]].get("tags", [])
        if not tags:
            raise Refused("NoSuchTagSet", "The TagSet does not exist", 404)
        return {"TagSet": tags}
    if operation == "list_object_versions":
        return {"Versions": [{"Key": key, "VersionId": version} for key, version in versions[:2]]}
    if operation == "delete_objects":
        gone = [[one["Key"], one["VersionId"]] for one in given["Delete"]["Objects"]]
        state["world"][given["Bucket"]]["versions"] = [one for one in versions if one not in gone]
        return {}
    if operation == "list_multipart_uploads":
        return {}
    assert operation == "delete_bucket"
    if versions:
        raise Refused("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
    del state["world"][given["Bucket"]]
    return {}


def s3_object(state: dict[str, Any], operation: str, given: dict[str, Any]) -> dict[str, Any]:
    there = state["objects"].get(given.get("Key"))
    if operation == "put_object":
        if given.get("IfNoneMatch") == "*" and there is not None:
            raise Refused("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)
        if "IfMatch" in given and (there is None or there["etag"] != given["IfMatch"]):
            raise Refused("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)
        body = given["Body"]
        etag = f'"{hashlib.md5(body + str(time.time_ns()).encode()).hexdigest()}"'
        state["objects"][given["Key"]] = {"body": base64.b64encode(body).decode(), "etag": etag, "at": time.time()}
        return {"ETag": etag}
    if there is None:
        raise Refused("404" if operation == "head_object" else "NoSuchKey", "The specified key does not exist.", 404)
    if operation == "head_object":
        return {"ETag": there["etag"]}
    assert operation == "get_object"
    return {
        "Body": base64.b64decode(there["body"]),
        "ETag": there["etag"],
        "LastModified": datetime.fromtimestamp(int(there["at"]), UTC),
    }


# What is not worth a module


def sts(state: dict[str, Any], operation: str, given: dict[str, Any]) -> dict[str, Any]:
    assert operation == "get_caller_identity"
    return {"Account": ACCOUNT, "UserId": "AIDA", "Arn": f"arn:aws:iam::{ACCOUNT}:user/tester"}


def dynamodb(state: dict[str, Any], operation: str, given: dict[str, Any]) -> dict[str, Any]:
    name = given["ResourceArn"].rpartition("/")[2] if operation == "list_tags_of_resource" else given["TableName"]
    table = state["world"].get(name)
    if table is None:
        raise Refused("ResourceNotFoundException", "Requested resource not found")
    if operation == "list_tags_of_resource":
        start = int(given.get("NextToken", "0"))
        tags = table.get("tags", [])
        return {"Tags": tags[start : start + 2], **({"NextToken": str(start + 2)} if start + 2 < len(tags) else {})}
    if operation == "describe_table":
        described = {"TableStatus": "ACTIVE", "DeletionProtectionEnabled": table.get("protected", False)}
        if table.get("filling"):
            table["filling"] -= 1
            described["GlobalSecondaryIndexes"] = [{"IndexName": "one", "IndexStatus": "CREATING"}]
        return {"Table": described}
    if operation == "update_table":
        table["protected"] = given["DeletionProtectionEnabled"]
        return {}
    assert operation == "delete_table"
    if table.get("protected"):
        raise Refused("ValidationException", "Resource cannot be deleted as it is currently protected against deletion")
    del state["world"][given["TableName"]]
    return {}


def logs(state: dict[str, Any], operation: str, given: dict[str, Any]) -> dict[str, Any]:
    assert operation == "filter_log_events"
    group = state["logs"].get(given["logGroupName"])
    if group is None:
        raise Refused("ResourceNotFoundException", "The specified log group does not exist.")
    found = [one for one in group if one["timestamp"] >= given.get("startTime", 0)]
    start = int(given.get("nextToken", "0"))
    more = {"nextToken": str(start + 2)} if start + 2 < len(found) else {}
    return {"events": found[start : start + 2], **more}


HANDLERS: dict[str, Callable[[dict[str, Any], str, dict[str, Any]], dict[str, Any]]] = {
    "s3": s3,
    "sts": sts,
    "dynamodb": dynamodb,
    "logs": logs,
    "cloudformation": lambda state, operation, given: CloudFormation(state, Refused).call(operation, given),
}
