"""What each service of AWS is in this stack, and whose code that is: for the portability report. See README.md."""

from portable.testing.conformance.harness import Stand

from .installation import DYNAMODB_PACKAGE, HERE

LOCALSTACK = next(
    line.partition("==")[2].strip()
    for line in (HERE / "localstack-requirements.txt").read_text(encoding="utf-8").splitlines()
    if line.startswith("localstack-core==")
)
EMULATOR = f"LocalStack {LOCALSTACK}"

STANDS = {
    "dynamodb": Stand(f"AWS's DynamoDB Local ({DYNAMODB_PACKAGE} of npm)", "vendor"),
    "s3": Stand(f"S3 of {EMULATOR}", "emulator"),
    "s3.conditions": Stand(f"S3 of {EMULATOR}, with conditions of copies and deletions that are ours", "fake"),
    "s3.signed": Stand(f"S3 of {EMULATOR}, with the refusal of unsigned requests and the clock ours", "fake"),
    "s3.events": Stand(f"notifications of S3 of {EMULATOR}", "emulator"),
    "sqs": Stand(f"SQS of {EMULATOR}", "emulator"),
    "sns": Stand(f"SNS of {EMULATOR}", "emulator"),
    "ssm": Stand(f"Parameter Store of {EMULATOR}", "emulator"),
    "secretsmanager": Stand(f"Secrets Manager of {EMULATOR}", "emulator"),
    "scheduler": Stand("our EventBridge Scheduler, over the schedules that LocalStack keeps", "fake"),
    "apigateway": Stand("our front of an HTTP API", "fake"),
    "lambda.http": Stand("the function's code in the test's process, called by us", "fake"),
    "lambda.queues": Stand("our poller of queues; the function's code in the test's process", "fake"),
    "lambda.streams": Stand("our poller of streams; the function's code in the test's process", "fake"),
}
