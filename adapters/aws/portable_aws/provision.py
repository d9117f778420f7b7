"""Makes what a template declares of data plane by plain calls, for an app that runs in a test.

CloudFormation would take longer for one app than a whole suite may. What is made is read from the template itself, so
that the same tables, queues, filters and schedules are proven that a deploy makes; types that no data goes through
(functions, roles, alarms, policies) are left out. Event source mappings are what `Provisioned.mappings` has.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, cast

from portable.errors import ConfigurationError

from .clients import Clients

VARIABLE = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")
QUEUE_NUMBERS = ("VisibilityTimeout", "MessageRetentionPeriod", "DelaySeconds", "ReceiveMessageWaitTimeSeconds")
TABLE_PROPERTIES = ("TableName", "BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
PAGE = 1000


class Source(NamedTuple):
    """An event source mapping: where events come from, and the function that gets them, by their names."""

    arn: str
    function: str
    batch_size: int


class Provisioner:
    """Makes the resources of one template in one account, and removes them again."""

    def __init__(self, template: Mapping[str, Any], clients: Clients, account: str, region: str) -> None:
        self.resources: dict[str, dict[str, Any]] = dict(template["Resources"])
        self.clients = clients
        self.account = account
        self.region = region
        self.mappings: list[Source] = []
        self.queues: dict[str, str] = {}
        """URLs by name."""
        self.tables: list[str] = []
        self.buckets: list[str] = []
        self._attributes: dict[str, dict[str, str]] = {}
        self._making: set[str] = set()
        self._values: set[tuple[str, str]] = set()
        self._undo: list[Callable[[], object]] = []
        self._makers: dict[str, Callable[[Any], dict[str, str]]] = {
            "AWS::DynamoDB::Table": self._table,
            "AWS::SQS::Queue": self._queue,
            "AWS::SNS::Topic": self._topic,
            "AWS::SNS::Subscription": self._subscription,
            "AWS::S3::Bucket": self._bucket,
            "AWS::Scheduler::ScheduleGroup": self._group,
            "AWS::Scheduler::Schedule": self._schedule,
            "AWS::Lambda::EventSourceMapping": self._mapping,
            "AWS::Lambda::Function": self._function,
        }

    def make(self) -> None:
        for logical in self.resources:
            self.attributes(logical)

    def remove(self) -> None:
        """Removes what was made, the newest first; all of it, also where one thing cannot be removed."""
        errors: list[Exception] = []
        while self._undo:
            try:
                self._undo.pop()()
            except Exception as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup("not everything that the app had could be removed", errors)

    def forget_value(self, kind: Literal["param", "secret"], name: str) -> None:
        """Has `remove` erase a value too, which no template declares."""
        if (kind, name) in self._values:
            return
        self._values.add((kind, name))
        if kind == "param":
            self._undo.append(lambda: self.clients.ssm.delete_parameter(Name=name))
        else:
            manager = self.clients.secretsmanager
            self._undo.append(lambda: manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True))

    # Values of a template

    def attributes(self, logical: str) -> dict[str, str]:
        """What is known of a resource, which is made first: `Ref` and attributes by name."""
        if logical not in self._attributes:
            if logical in self._making:
                raise ConfigurationError(f"the template's {logical} needs itself")
            self._making.add(logical)
            declared = self.resources[logical]
            make = self._makers.get(declared["Type"])
            found = {} if make is None else make(self.value(declared.get("Properties", {})))
            self._attributes[logical] = found
        return self._attributes[logical]

    def reference(self, logical: str, attribute: str = "Ref") -> str:
        pseudo = {"AWS::AccountId": self.account, "AWS::Region": self.region, "AWS::Partition": "aws"}
        if logical in pseudo:
            return pseudo[logical]
        # What is not made here (a role, a function) is known by its logical id: nothing looks behind it.
        return self.attributes(logical).get(attribute, f"{logical}.{attribute}")

    def value(self, given: Any) -> Any:
        """A value of the template with its references put in."""
        if isinstance(given, list):
            return list(map(self.value, cast("list[object]", given)))
        if not isinstance(given, dict):
            return given
        found = cast("dict[str, Any]", given)
        if len(found) == 1:
            (function, argument), *_ = found.items()
            if function == "Ref":
                return self.reference(argument)
            if function == "Fn::GetAtt":
                named: list[str] = argument.split(".", 1) if isinstance(argument, str) else argument
                return self.reference(named[0], named[1])
            if function == "Fn::Sub":
                return VARIABLE.sub(lambda match: self.reference(*match[1].split(".", 1)), argument)
            if function.startswith("Fn::"):
                raise ConfigurationError(f"{function} is not known here")
        return {key: self.value(entry) for key, entry in found.items()}

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    # What is made

    def _table(self, given: Any) -> dict[str, str]:
        """Without TTL: that follows the machine's clock, and tests bring their own."""
        wanted = {name: given[name] for name in TABLE_PROPERTIES if name in given}
        if "StreamSpecification" in given:
            wanted["StreamSpecification"] = {"StreamEnabled": True, **given["StreamSpecification"]}
        dynamodb, name = self.clients.dynamodb, given["TableName"]
        about = dynamodb.create_table(**wanted)["TableDescription"]
        self._undo.append(lambda: dynamodb.delete_table(TableName=name))
        while about["TableStatus"] != "ACTIVE":
            about = dynamodb.describe_table(TableName=name)["Table"]
        self.tables.append(name)
        return {"Ref": name, "Arn": about["TableArn"], "StreamArn": about.get("LatestStreamArn", "")}

    def _queue(self, given: Any) -> dict[str, str]:
        sqs, name = self.clients.sqs, given["QueueName"]
        attributes = {key: str(given[key]) for key in QUEUE_NUMBERS if key in given}
        if "RedrivePolicy" in given:
            attributes["RedrivePolicy"] = json.dumps(given["RedrivePolicy"])
        url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self._undo.append(lambda: sqs.delete_queue(QueueUrl=url))
        self.queues[name] = url
        return {"Ref": url, "Arn": self.arn("sqs", name), "QueueName": name}

    def _topic(self, given: Any) -> dict[str, str]:
        sns = self.clients.sns
        arn: str = sns.create_topic(Name=given["TopicName"])["TopicArn"]
        self._undo.append(lambda: sns.delete_topic(TopicArn=arn))
        return {"Ref": arn, "TopicArn": arn, "TopicName": given["TopicName"]}

    def _subscription(self, given: Any) -> dict[str, str]:
        sns = self.clients.sns
        attributes = {
            name: json.dumps(given[name]) if isinstance(given[name], dict | bool) else str(given[name])
            for name in ("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope")
            if name in given
        }
        wanted = {name: given[name] for name in ("TopicArn", "Protocol", "Endpoint")}
        arn: str = sns.subscribe(**wanted, Attributes=attributes, ReturnSubscriptionArn=True)["SubscriptionArn"]
        self._undo.append(lambda: sns.unsubscribe(SubscriptionArn=arn))
        return {"Ref": arn}

    def _bucket(self, given: Any) -> dict[str, str]:
        s3, name = self.clients.s3, given["BucketName"]
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": self.region})
        self._undo.append(lambda: self._remove_bucket(name))
        self.buckets.append(name)
        if "VersioningConfiguration" in given:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=given["VersioningConfiguration"])
        if "NotificationConfiguration" in given:
            s3.put_bucket_notification_configuration(
                Bucket=name, NotificationConfiguration=notifications(given["NotificationConfiguration"])
            )
        return {"Ref": name, "Arn": f"arn:aws:s3:::{name}"}

    def _remove_bucket(self, name: str) -> None:
        s3 = self.clients.s3
        while True:
            page = s3.list_object_versions(Bucket=name, MaxKeys=PAGE)
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if not found:
                break
            objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in found]
            s3.delete_objects(Bucket=name, Delete={"Objects": objects})
        s3.delete_bucket(Bucket=name)

    def _group(self, given: Any) -> dict[str, str]:
        scheduler, name = self.clients.scheduler, given["Name"]
        scheduler.create_schedule_group(Name=name)
        # With it go its schedules, also those that drivers have made since.
        self._undo.append(lambda: scheduler.delete_schedule_group(Name=name))
        return {"Ref": name, "Arn": self.arn("scheduler", f"schedule-group/{name}")}

    def _schedule(self, given: Any) -> dict[str, str]:
        self.clients.scheduler.create_schedule(**given)
        return {"Ref": given["Name"]}

    def _function(self, given: Any) -> dict[str, str]:
        """It is not made: its name is what a mapping needs."""
        name: str = given["FunctionName"]
        return {"Ref": name, "Arn": self.arn("lambda", f"function:{name}")}

    def _mapping(self, given: Any) -> dict[str, str]:
        self.mappings.append(
            Source(given["EventSourceArn"], function_of(given["FunctionName"]), given.get("BatchSize", 1))
        )
        return {}


def function_of(reference: str) -> str:
    """The name of a function by its name or ARN."""
    return reference.rpartition(":")[2]


def notifications(given: Mapping[str, Any]) -> dict[str, Any]:
    """A bucket's notifications as S3's own interface has them; CloudFormation spells them differently."""
    found: dict[str, Any] = {}
    for plural, singular in (("QueueConfigurations", "Queue"), ("TopicConfigurations", "Topic")):
        entries: list[dict[str, Any]] = []
        for entry in given.get(plural, []):
            made: dict[str, Any] = {f"{singular}Arn": entry[singular], "Events": [entry["Event"]]}
            if "Filter" in entry:
                made["Filter"] = {"Key": {"FilterRules": entry["Filter"]["S3Key"]["Rules"]}}
            entries.append(made)
        if entries:
            found[plural] = entries
    return found
