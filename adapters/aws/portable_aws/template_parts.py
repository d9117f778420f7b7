"""The pieces that a CloudFormation template is put together from, before it is known which stack each is in.

A Part is what stays together: one function, or one handler's queue with all that feeds it. Between parts there are
Links, which stacks.py makes a reference, a parameter or a plain ARN of, as the two are in one stack or not.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, cast

from .names import Names

Resource = dict[str, Any]
PARTITION = "${AWS::Partition}"
ACCOUNT = "${AWS::AccountId}"
REGION = "${AWS::Region}"
RESERVED = frozenset(
    {"App", "Api", "Artifact", "Bucket", "Handler", "Http", "Schedule", "Scheduler", "Stack", "State", "Table", "Topic"}
)
"""First words of logical ids that no service may take."""
PLAIN = re.compile(r"[a-z][a-z0-9]*(?:[-][a-z][a-z0-9]*)*", re.ASCII)
PLAIN_FUNCTION = re.compile(r"[a-z][a-z0-9]*(?:[_][a-z][a-z0-9]*)*", re.ASCII)


class Link:
    """A reference to a resource of some part: its Ref, or one of its attributes.

    `elsewhere` is the same value made of names alone, for use in another stack; without one it is handed on as a
    parameter.
    """

    def __init__(self, logical: str, attribute: str | None = None, elsewhere: str | None = None) -> None:
        self.logical = logical
        self.attribute = attribute
        self.elsewhere = elsewhere

    def here(self) -> dict[str, Any]:
        """As a reference within one template."""
        if self.attribute is None:
            return {"Ref": self.logical}
        return {"Fn::GetAtt": [self.logical, self.attribute]}

    def parameter(self) -> str:
        return f"{self.logical}{(self.attribute or '').replace('.', '')}"


class Part(NamedTuple):
    """Resources by logical id that are always in one stack. `key` is stable; `always_root` ones never move."""

    key: str
    service: str
    resources: dict[str, Resource]
    always_root: bool = False


class Declared(NamedTuple):
    """What a logical id stands for, for plans and faults: a kind of portable's, a name, and where that was declared."""

    kind: str
    name: str
    location: Mapping[str, Any] | None


class Naming(NamedTuple):
    """Names as texts of a template, in which references stand for account and region."""

    names: Names
    app: str
    stage: str

    def tags(self, service: str) -> dict[str, str]:
        return {"app": self.app, "stage": self.stage, "service": service}

    def tag_list(self, service: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags(service).items()]

    def arn(self, service: str, rest: str) -> str:
        return self.names.arn(service, rest, partition=PARTITION)

    def global_arn(self, service: str, rest: str, *, account: bool = True) -> str:
        """Of what has no region: roles, and buckets, which have no account either."""
        return f"arn:{PARTITION}:{service}::{ACCOUNT if account else ''}:{rest}"

    def table_arn(self, qualified: str) -> str:
        return self.arn("dynamodb", f"table/{self.names.table(qualified)}")

    def state_arn(self) -> str:
        return self.arn("dynamodb", f"table/{self.names.state_table()}")

    def queue_arn(self, handler: str) -> str:
        return self.arn("sqs", self.names.queue(handler))

    def dead_queue_arn(self, handler: str) -> str:
        return self.arn("sqs", self.names.dead_queue(handler))

    def topic_arn(self, qualified: str) -> str:
        return self.arn("sns", self.names.topic(qualified))

    def bucket_events_arn(self, bucket: str) -> str:
        return self.arn("sns", self.names.bucket_events(bucket))

    def bucket_arn(self, qualified: str) -> str:
        return self.global_arn("s3", self.names.bucket(qualified), account=False)

    def function_arn(self, function: str) -> str:
        return self.arn("lambda", f"function:{function}")

    def log_group_arn(self, function: str) -> str:
        return self.arn("logs", f"log-group:{self.names.log_group(function)}:*")

    def scheduler_role_arn(self) -> str:
        return self.global_arn("iam", f"role/{self.names.scheduler_role()}")

    def schedules_arn(self, name: str) -> str:
        return self.arn("scheduler", f"schedule/{self.names.schedule_group()}/{name}")

    def parameter_arn(self, qualified: str) -> str:
        return self.arn("ssm", f"parameter/{self.names.parameter(qualified)}")

    def secret_arn(self, qualified: str) -> str:
        """Secrets Manager adds a hyphen and six characters of its own."""
        return self.arn("secretsmanager", f"secret:{self.names.secret(qualified)}-??????")


def naming(app: str, stage: str) -> Naming:
    return Naming(Names(app, stage, ACCOUNT, REGION), app, stage)


def sub(text: str) -> Any:
    """A text of a template: one with references is substituted."""
    return {"Fn::Sub": text} if "${" in text else text


def resource(type_: str, properties: Mapping[str, Any], **attributes: Any) -> Resource:
    """A resource of a template; attributes (DependsOn, DeletionPolicy) stand before the properties."""
    return {"Type": type_, **attributes, "Properties": dict(properties)}


def statement(
    actions: Iterable[str], resources: Iterable[str], *, condition: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A statement of a policy that allows; one-element lists are written as such, so that texts stay alike."""
    found: dict[str, Any] = {
        "Effect": "Allow",
        **more,
        "Action": list(actions),
        "Resource": [sub(text) for text in resources],
    }
    if condition:
        found["Condition"] = substituted(condition)
    return found


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [dict(one) for one in statements]}


def substituted(value: Any) -> Any:
    """The same value with every text that has references substituted."""
    if isinstance(value, str):
        return sub(value)
    if isinstance(value, Mapping):
        found = cast("Mapping[str, Any]", value)
        return {key: substituted(entry) for key, entry in found.items()}
    if isinstance(value, list | tuple):
        return [substituted(entry) for entry in cast("list[Any]", value)]
    return value


# Logical ids


@lru_cache(8192)
def logical(kind: str, qualified: str, what: str = "") -> str:
    """The logical id of a part of something: `TableNotes`, `CoreHandlerAfterImportQueue`; never moves with others.

    A name that is not of plain words could stand for two ids alike, so it has a hash.
    """
    service, _, name = qualified.rpartition(".")
    pattern = PLAIN_FUNCTION if kind == "Handler" else PLAIN
    is_plain = (not name or pattern.fullmatch(name) is not None) and (
        not service or (PLAIN.fullmatch(service) is not None and camel(service) not in ambiguous(service))
    )
    mark = "" if is_plain else hashlib.sha256(qualified.encode()).hexdigest()[:8]
    return f"{camel(service)}{kind}{camel(name)}{mark}{what}"


def ambiguous(service: str) -> frozenset[str]:
    """The ids that begin like something of the app's own."""
    first = camel(re.split(r"[-_]", service)[0])
    return frozenset({camel(service)}) if first in RESERVED else frozenset()


@lru_cache(8192)
def camel(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", text) if word)
