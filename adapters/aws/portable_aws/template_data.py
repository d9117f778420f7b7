"""What holds data: tables, the framework's table, buckets; and topics, since what is here stays in the root stack."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .layout import PK, SK, TTL, index_attributes, index_name, index_types
from .stacks import METADATA
from .template_parts import ACCOUNT, Link, Naming, Part, Resource, logical, policy, resource, sub

KEY_SCHEMA = [{"AttributeName": PK, "KeyType": "HASH"}, {"AttributeName": SK, "KeyType": "RANGE"}]
STATE = "StateTable"
TABLE = "AWS::DynamoDB::Table"
EVENTS = {"created": "s3:ObjectCreated:*", "deleted": "s3:ObjectRemoved:*"}
UPLOAD_DAYS = 7
"""After which the parts of an upload that was never finished are erased."""
REPLACED_DAYS = 1
"""After which versions that are not current are erased: they are kept for their ids, not to be read."""
RETAIN = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def table_id(qualified: str) -> str:
    return logical("Table", qualified)


def topic_id(qualified: str) -> str:
    return logical("Topic", qualified)


def bucket_id(qualified: str) -> str:
    return logical("Bucket", qualified)


def stream_link(table: str) -> Link:
    return Link(table_id(table), "StreamArn")


def topic_link(topic: str, name: Naming) -> Link:
    return Link(topic_id(topic), None, name.topic_arn(topic))


def changed_tables(manifest: Mapping[str, Any]) -> set[str]:
    """The tables that some handler hears the changes of."""
    return {handler["trigger"]["table"] for handler in manifest["handlers"] if handler["trigger"]["type"] == "table"}


# Tables


def table(
    physical: str,
    tags: Sequence[Mapping[str, str]],
    *,
    fields: Mapping[str, Any] | None = None,
    indexes: Sequence[Mapping[str, Any]] = (),
    expires: bool,
    streams: bool,
    is_prod: bool,
) -> Resource:
    attributes = {PK: "S", SK: "S"}
    made: list[dict[str, Any]] = []
    # By name: another order in the code is no change of the table.
    for index in sorted(indexes, key=lambda one: str(one["name"])):
        names, types = index_attributes(index["name"]), index_types(index["types"])
        attributes.update(zip(names, types, strict=True))
        made.append(
            {
                "IndexName": index_name(index["name"]),
                "KeySchema": [
                    {"AttributeName": names[0], "KeyType": "HASH"},
                    {"AttributeName": names[1], "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        )
    properties: dict[str, Any] = {
        "TableName": physical,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": KEY_SCHEMA,
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": type_} for key, type_ in attributes.items()],
    }
    if made:
        properties["GlobalSecondaryIndexes"] = made
    if expires:
        properties["TimeToLiveSpecification"] = {"AttributeName": TTL, "Enabled": True}
    if streams:
        properties["StreamSpecification"] = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    properties |= protection(is_prod=is_prod)
    properties["Tags"] = list(tags)
    known = {} if fields is None else {"Metadata": {METADATA: fields}}
    return resource(TABLE, properties, **known, **RETAIN)


def protection(*, is_prod: bool) -> dict[str, Any]:
    """The properties that keep a table from being deleted, and what was in it from being lost."""
    return {
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": is_prod},
        "DeletionProtectionEnabled": is_prod,
    }


def fields_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a table's key and indexes, which leave no trace in its properties.

    They are in the resource, so that a change of nothing else is an update too, and is known to the next plan:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-metadata.html
    """
    indexes = sorted((str(index["name"]), list(index["fields"])) for index in spec["indexes"])
    return {"Key": list(spec["key"]), "Indexes": dict(indexes)}


def data_parts(manifest: Mapping[str, Any], name: Naming, *, is_prod: bool) -> list[Part]:
    """Tables, the state table, buckets and topics: one Part each."""
    changed = changed_tables(manifest)
    app = name.app
    found = [
        Part(
            "state",
            app,
            {STATE: table(name.names.state_table(), name.tag_list(app), expires=True, streams=False, is_prod=is_prod)},
            always_root=True,
        )
    ]
    for spec in manifest["tables"]:
        made = table(
            name.names.table(spec["name"]),
            name.tag_list(spec["service"]),
            fields=fields_of(spec),
            indexes=spec["indexes"],
            expires=spec["ttl"] is not None,
            streams=spec["name"] in changed,
            is_prod=is_prod,
        )
        found.append(Part(f"table:{spec['name']}", spec["service"], {table_id(spec["name"]): made}, always_root=True))
    for spec in manifest["topics"]:
        made = resource(
            "AWS::SNS::Topic",
            {"TopicName": name.names.topic(spec["name"]), "Tags": name.tag_list(spec["service"])},
        )
        found.append(Part(f"topic:{spec['name']}", spec["service"], {topic_id(spec["name"]): made}, always_root=True))
    for spec in manifest["buckets"]:
        parts = bucket_resources(spec, listeners(manifest, spec["name"]), name)
        found.append(Part(f"bucket:{spec['name']}", spec["service"], parts, always_root=True))
    return found


# Buckets


def listeners(manifest: Mapping[str, Any], bucket: str) -> list[Mapping[str, Any]]:
    return [
        handler
        for handler in manifest["handlers"]
        if handler["trigger"]["type"] == "bucket" and handler["trigger"]["bucket"] == bucket
    ]


def shared_events(heard: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The events of which two handlers hear with prefixes that overlap: S3 sends such ones to one place only.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
    """
    return frozenset(
        one["trigger"]["event"]
        for one in heard
        for other in heard
        if one["name"] != other["name"]
        and one["trigger"]["event"] == other["trigger"]["event"]
        and other["trigger"]["prefix"].startswith(one["trigger"]["prefix"])
    )


def s3_prefix(prefix: str) -> str:
    """A prefix as S3 wants it in a filter: everything but its safe characters percent-encoded."""
    return quote(prefix, safe="/!-_.*'()").replace("~", "%7E")


def bucket_resources(spec: Mapping[str, Any], heard: Sequence[Mapping[str, Any]], name: Naming) -> dict[str, Resource]:
    qualified, service = spec["name"], spec["service"]
    bucket = bucket_id(qualified)
    shared = shared_events(heard)
    queues = [
        {
            "Event": EVENTS[handler["trigger"]["event"]],
            **filtered(handler["trigger"]["prefix"]),
            "Queue": Link(f"{logical('Handler', handler['name'])}Queue", "Arn", name.queue_arn(handler["name"])),
        }
        for handler in heard
        if handler["trigger"]["event"] not in shared
    ]
    notifications: dict[str, Any] = {}
    if queues:
        notifications["QueueConfigurations"] = queues
    if shared:
        notifications["TopicConfigurations"] = [
            {"Event": EVENTS[event], "Topic": {"Ref": f"{bucket}Events"}} for event in sorted(shared)
        ]
    # S3 sends a test message when it is told of a queue, and refuses one that does not take it.
    first = [
        f"{logical('Handler', handler['name'])}Senders"
        for handler in heard
        if handler["trigger"]["event"] not in shared
    ] + ([f"{bucket}EventsSenders"] if shared else [])
    properties: dict[str, Any] = {
        "BucketName": sub(name.names.bucket(qualified)),
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "unfinished-uploads",
                    "Status": "Enabled",
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
                },
                {
                    "Id": "replaced-and-deleted",
                    "Status": "Enabled",
                    "NoncurrentVersionExpiration": {"NoncurrentDays": REPLACED_DAYS},
                    "ExpiredObjectDeleteMarker": True,
                },
            ]
        },
        # An object's version is S3's, which there is only so.
        "VersioningConfiguration": {"Status": "Enabled"},
    }
    if notifications:
        properties["NotificationConfiguration"] = notifications
    properties["Tags"] = name.tag_list(service)
    attributes: dict[str, Any] = {"DependsOn": sorted(first)} if first else {}
    found = {
        bucket: resource("AWS::S3::Bucket", properties, **attributes, **RETAIN),
        # It goes with the stack and comes with the next one: CloudFormation makes none where there is one already.
        f"{bucket}Policy": resource(
            "AWS::S3::BucketPolicy", {"Bucket": {"Ref": bucket}, "PolicyDocument": tls_only(bucket)}
        ),
    }
    if shared:
        found |= event_topic(bucket, qualified, service, name)
    return found


def filtered(prefix: str) -> dict[str, Any]:
    if not prefix:
        return {}
    return {"Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": s3_prefix(prefix)}]}}}


def tls_only(bucket: str) -> dict[str, Any]:
    """Refuses whoever asks without TLS."""
    arn = {"Fn::GetAtt": [bucket, "Arn"]}
    return policy(
        {
            "Sid": "OnlyOverTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )


def event_topic(bucket: str, qualified: str, service: str, name: Naming) -> dict[str, Resource]:
    """The topic that hands one notification to several queues."""
    topic = f"{bucket}Events"
    return {
        topic: resource(
            "AWS::SNS::Topic",
            {"TopicName": name.names.bucket_events(qualified), "Tags": name.tag_list(service)},
        ),
        f"{topic}Senders": resource(
            "AWS::SNS::TopicPolicy",
            {
                "Topics": [{"Ref": topic}],
                "PolicyDocument": policy(
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "s3.amazonaws.com"},
                        "Action": "sns:Publish",
                        "Resource": {"Ref": topic},
                        "Condition": from_bucket(qualified, name),
                    }
                ),
            },
        ),
    }


def from_bucket(qualified: str, name: Naming) -> dict[str, Any]:
    """Only this account's bucket: a name that is given up may become another account's."""
    return {
        "ArnEquals": {"aws:SourceArn": sub(name.bucket_arn(qualified))},
        "StringEquals": {"aws:SourceAccount": sub(ACCOUNT)},
    }
