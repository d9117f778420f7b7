"""What roles and policies of resources allow and refuse, judged by a simulator of IAM's rules."""

from collections.abc import Callable, Mapping
from typing import Any

from portable_aws.stacks import Template
from portable_aws.translate import Stage

Make = Callable[[str, Stage], Template]
ACCOUNT = "123456789012"
REGION = "eu-central-1"
DEV = Stage("dev")
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/everything-dev"
SQS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:everything-dev"
S3 = f"arn:aws:s3:::everything-dev-uploads-{ACCOUNT}-{REGION}"
REFERENCES = {
    "AWS::Partition": "aws",
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}


def plain(value: Any, template: Template) -> Any:
    """A part of a template as AWS would have it: references put in."""
    if isinstance(value, dict):
        if set(value) == {"Fn::Sub"}:
            text = value["Fn::Sub"]
            for key, found in REFERENCES.items():
                text = text.replace(f"${{{key}}}", found)
            for id in template.root["Resources"]:
                if f"${{{id}.Arn}}" in text:
                    text = text.replace(f"${{{id}.Arn}}", arn_of(id, template))
            return text
        if set(value) == {"Ref"}:
            return REFERENCES.get(value["Ref"]) or arn_of(value["Ref"], template)
        if set(value) == {"Fn::GetAtt"}:
            assert value["Fn::GetAtt"][1] == "Arn"
            return arn_of(value["Fn::GetAtt"][0], template)
        return {key: plain(entry, template) for key, entry in value.items()}
    return [plain(entry, template) for entry in value] if isinstance(value, list) else value


def arn_of(id: str, template: Template) -> str:
    found = template.root["Resources"][id]
    properties = found["Properties"]
    if found["Type"] == "AWS::SNS::Topic":
        return f"arn:aws:sns:{REGION}:{ACCOUNT}:{properties['TopicName']}"
    if found["Type"] == "AWS::S3::Bucket":
        return f"arn:aws:s3:::{plain(properties['BucketName'], template)}"
    raise AssertionError(f"a policy refers to {id}")


def asked_by(template: Template, id: str) -> Callable[..., dict[str, Any]]:
    role = template.root["Resources"][id]["Properties"]
    policies = [
        {"name": one["PolicyName"], "policy": plain(one["PolicyDocument"], template)} for one in role["Policies"]
    ]
    name = plain(role["RoleName"], template)

    def probe(action: str, resource: str, **context: Any) -> dict[str, Any]:
        return {
            "principal": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/it",
            "action": action,
            "resource": resource,
            "account": ACCOUNT,
            "context": {key.replace("__", ":"): value for key, value in context.items()},
            "policies": policies,
        }

    return probe


def keys(*partitions: str) -> dict[str, Any]:
    return {"dynamodb__LeadingKeys": list(partitions)}


def test_a_role_allows_what_its_handler_does_and_refuses_everything_else(
    template: Make, judge: Callable[[list[dict[str, Any]]], list[str]]
) -> None:
    made = template("everything:service", DEV)
    pay, admin, changed = (asked_by(made, f"{id}Role") for id in ("HandlerPay", "AdminToolsHttp", "HandlerChanged"))
    shop, sweep = asked_by(made, "ShopHttpRole"), asked_by(made, "HandlerSweepRole")
    state = f"{TABLE}--state"
    schedule = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/everything-dev/everything-dev--01J"
    scheduler = f"arn:aws:iam::{ACCOUNT}:role/everything-dev--scheduler-{REGION}"
    key = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:everything-dev-shop-api-key"
    logs = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/everything-dev"
    cases: list[tuple[dict[str, Any], bool]] = [
        (pay("sqs:ReceiveMessage", f"{SQS}-pay"), True),
        (pay("sqs:ChangeMessageVisibility", f"{SQS}-pay"), True),
        (pay("sqs:ReceiveMessage", f"{SQS}-audit"), False),
        (pay("sqs:ReceiveMessage", f"{SQS}-pay-dead"), False),
        (pay("sqs:SendMessage", f"{SQS}-pay"), False),
        (pay("sqs:SendMessage", f"{SQS}-audit"), False),
        (pay("dynamodb:Query", state, **keys("letters#pay")), False),
        (pay("dynamodb:PutItem", state, **keys("run#pay#01J")), True),
        (pay("dynamodb:PutItem", state, **keys("letters#pay")), True),
        (pay("dynamodb:PutItem", state, **keys("idempotency#abc")), True),
        (pay("dynamodb:DeleteItem", state, **keys("idempotency#abc")), True),
        (pay("dynamodb:PutItem", state, **keys("run#paying#01J")), False),
        (pay("dynamodb:PutItem", state, **keys("run#shop.ship#01J")), False),
        (pay("dynamodb:PutItem", state, **keys("run#pay#01J", "run#other#01J")), False),
        (pay("dynamodb:PutItem", state), False),
        (pay("dynamodb:Scan", state), False),
        (pay("dynamodb:GetItem", f"{TABLE}-orders", **keys("ada")), False),
        (pay("logs:PutLogEvents", f"{logs}-pay:log-stream:one"), True),
        (pay("logs:PutLogEvents", f"{logs}-paying:log-stream:one"), False),
        (admin("sqs:SendMessage", f"{SQS}-pay"), True),
        (admin("sqs:SendMessage", f"{SQS}-shop-ship"), False),
        (admin("scheduler:CreateSchedule", schedule), True),
        (admin("scheduler:CreateSchedule", schedule.replace("--01J", "-sweep")), False),
        (admin("scheduler:DeleteSchedule", schedule), False),
        (admin("iam:PassRole", scheduler, iam__PassedToService="scheduler.amazonaws.com"), True),
        (admin("iam:PassRole", scheduler, iam__PassedToService="ec2.amazonaws.com"), False),
        (admin("dynamodb:Query", state, **keys("letters#pay")), True),
        (admin("dynamodb:Query", state, **keys("letters#audit")), True),
        (admin("dynamodb:Query", state, **keys("letters#sweep")), False),
        (changed("dynamodb:GetRecords", f"{TABLE}-orders/stream/2026-01-01T00:00:00.000"), True),
        (changed("dynamodb:GetRecords", f"{TABLE}-shop-single/stream/2026-01-01T00:00:00.000"), False),
        (changed("dynamodb:GetItem", f"{TABLE}-orders", **keys("ada")), False),
        (changed("sqs:SendMessage", f"{SQS}-changed"), True),
        (changed("sqs:SendMessage", f"{SQS}-changed-dead"), True),
        (sweep("dynamodb:PutItem", state, **keys("lease#sweep")), True),
        (sweep("dynamodb:PutItem", state, **keys("lease#shop.quarterly")), False),
        (shop("s3:GetObject", f"{S3}/inbox/1"), True),
        (shop("s3:PutObject", f"{S3}/inbox/1"), True),
        (shop("s3:PutBucketPolicy", S3), False),
        (shop("s3:GetObject", f"arn:aws:s3:::everything-prod-uploads-{ACCOUNT}-{REGION}/1"), False),
        (shop("secretsmanager:GetSecretValue", f"{key}-AbC123"), True),
        (shop("secretsmanager:GetSecretValue", f"{key}-other-AbC123"), False),
        (shop("secretsmanager:PutSecretValue", f"{key}-AbC123"), False),
        (shop("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/everything-dev-limit"), True),
        (shop("ssm:PutParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/everything-dev-limit"), False),
    ]
    answers = judge([probe for probe, _ in cases])
    wrong = [
        (probe["action"], probe["resource"], probe["context"], answer)
        for (probe, is_allowed), answer in zip(cases, answers, strict=True)
        if (answer == "Allowed") != is_allowed
    ]
    assert wrong == []


def test_queues_take_messages_from_their_own_topic_bucket_and_schedule_only(
    template: Make, judge: Callable[[list[dict[str, Any]]], list[str]]
) -> None:
    made = template("everything:service", DEV)

    def sent(id: str, queue: str, service: str, source: str, account: str = ACCOUNT) -> dict[str, Any]:
        policy = plain(made.root["Resources"][id]["Properties"]["PolicyDocument"], made)
        context = {"aws:SourceArn": source, "aws:SourceAccount": account, "aws:PrincipalServiceName": service}
        return {
            "principal": service,
            "action": "sqs:SendMessage",
            "resource": queue,
            "account": ACCOUNT,
            "context": context,
            "policies": [],
            "resourcePolicy": policy,
        }

    sns, s3 = "sns.amazonaws.com", "s3.amazonaws.com"
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:everything-dev-order-placed"
    scheduler = asked_by(made, "SchedulerRole")
    cases = [
        (sent("HandlerIndexSenders", f"{SQS}-index", sns, topic), True),
        (sent("HandlerIndexSenders", f"{SQS}-index", sns, f"{topic}-2"), False),
        (sent("HandlerIndexSenders", f"{SQS}-index", s3, topic), False),
        (sent("HandlerRemovedSenders", f"{SQS}-removed", s3, S3), True),
        (sent("HandlerRemovedSenders", f"{SQS}-removed", s3, S3, "999999999999"), False),
        (sent("HandlerRemovedSenders", f"{SQS}-removed", s3, f"{S3}x"), False),
        (scheduler("sqs:SendMessage", f"{SQS}-sweep"), True),
        (scheduler("sqs:SendMessage", f"{SQS}-pay"), True),
        (scheduler("sqs:SendMessage", f"{SQS}-pay-dead"), True),
        (scheduler("sqs:SendMessage", f"{SQS}-index"), False),
    ]
    answers = judge([probe for probe, _ in cases])
    assert [answer == "Allowed" for answer in answers] == [is_allowed for _, is_allowed in cases]


def test_a_bucket_refuses_whoever_comes_without_tls(
    template: Make, judge: Callable[[list[dict[str, Any]]], list[str]]
) -> None:
    made = template("everything:service", DEV)
    policy = plain(made.root["Resources"]["BucketUploadsPolicy"]["Properties"]["PolicyDocument"], made)
    probe = asked_by(made, "ShopHttpRole")
    found = []
    for secure in ("true", "false"):
        asked = probe("s3:GetObject", f"{S3}/inbox/1", aws__SecureTransport=secure)
        found.append({**asked, "resourcePolicy": policy})
    assert judge(found) == ["Allowed", "ExplicitlyDenied"]


def test_a_role_with_tags_in_the_place_of_names_reaches_this_app_and_stage_only(
    manifests: Callable[[str], Mapping[str, Any]], judge: Callable[[list[dict[str, Any]]], list[str]]
) -> None:
    """The role of the schedules of an app with more queues than a policy can name."""
    from portable_aws.translate import Bundle, translate

    from portable.deploy.functions import group

    manifest = manifests("generated")
    made = translate(manifest, DEV, Bundle({one.id: "k.zip" for one in group(manifest)}))
    probe = asked_by(made, "SchedulerRole")
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:generated-dev-service-1-work-1"

    def tagged(app: str, stage: str) -> dict[str, Any]:
        return {"aws__ResourceTag/app": app, "aws__ResourceTag/stage": stage}

    probes = [
        probe("sqs:SendMessage", queue, **tagged("generated", "dev")),
        probe("sqs:SendMessage", queue, **tagged("generated", "prod")),
        probe("sqs:SendMessage", queue),
        probe("sqs:SendMessage", queue.replace("generated-dev", "other-dev"), **tagged("generated", "dev")),
    ]
    assert [answer == "Allowed" for answer in judge(probes)] == [True, False, False, False]
