"""The sample events of aws-sam-cli, AWS's own, filled as `sam local generate-event` does; see samples/README.md."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from tests.aws import lambdas
from tests.aws.lambdas import NAMES

SAMPLES = Path(__file__).parent / "samples"
HOLE = re.compile(r"\{\{\{(\w+)\}\}\}")


def values(body: str, handler: str) -> dict[str, str]:
    """What goes into the holes: our names in the places of examples. One that has no value stays empty, as in sam's."""
    return {
        "partition": "aws",
        "region": lambdas.REGION,
        "account_id": lambdas.ACCOUNT,
        "dns_suffix": "us-east-1.amazonaws.com",
        "queue_name": NAMES.queue(handler),
        "topic": NAMES.topic("news"),
        "bucket": NAMES.bucket("files"),
        "table": NAMES.table("items"),
        "rule": NAMES.schedule("tick"),
        "key": quote_plus("in/a+b.csv", safe="/"),
        "subject": "example subject",
        "method": "POST",
        "path": "x",
        "stage": "$default",
        "body": body,
        "message": body,
        "md5_of_body": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
    }


BODIES = {
    "Sqs": lambdas.envelope("task", {"a": 1}),
    "Sns": lambdas.envelope("topic", {"a": 1}, attributes={"kind": "good"}),
    "HttpApi": base64.b64encode(b'{"test":"body"}').decode(),
}


def sample(name: str, body: str | None = None, *, handler: str = "work") -> Any:
    """A sample with our values in its holes; a queue is that of `handler`."""
    given = values(BODIES.get(name, "") if body is None else body, handler)
    text = (SAMPLES / f"{name}.json").read_text(encoding="utf-8")
    # What is put in stands between quotes.
    return json.loads(HOLE.sub(lambda hole: json.dumps(given.get(hole[1], ""))[1:-1], text))
