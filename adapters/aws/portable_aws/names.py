"""Physical names of everything that an app has in AWS: made here, by both halves, and nowhere else.

`app-stage-name`, or `app-stage-service-name` for what belongs to a service; `app-stage--name` for what the framework
adds, since no name in an app begins with a hyphen. What is longer than the service of AWS takes is cut, and ends in
eight characters of its hash. Names of handlers and resources are qualified: `exchange.rates`.
"""

import re

HASH_CHARACTERS = 8
FUNCTION_CHARACTERS = 64
"""https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html"""
QUEUE_CHARACTERS = 80
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""
STACK_CHARACTERS = 128
TABLE_CHARACTERS = 255
TOPIC_CHARACTERS = 256
ROLE_CHARACTERS = 64
SCHEDULE_CHARACTERS = 64
BUCKET_CHARACTERS = 63
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""
PARAMETER_CHARACTERS = 512

DEAD = "-dead"
ID_CHARACTERS = 26
"""Of a message's id; one that is longer is cut."""
LONGEST_REGION = "-ap-southeast-99"
"""What room is left for a region, whose name may be a reference."""
STAGE = re.compile(r"[a-z][a-z0-9]{0,15}", re.ASCII)


def fitted(text: str, most: int) -> str:
    """A name of at most `most` characters; a longer one is cut and told apart by its hash."""
    if len(text) <= most:
        return text
    # Here, because few names are so long, and it brings all of OpenSSL.
    import hashlib

    mark = hashlib.sha256(text.encode()).hexdigest()[:HASH_CHARACTERS]
    return f"{text[: most - HASH_CHARACTERS - 1].rstrip('-')}-{mark}"


class Names:
    """The names of one app in one stage. `account` and `region` may be CloudFormation references in a template."""

    def __init__(self, app: str, stage: str, account: str, region: str) -> None:
        self.app = app
        self.stage = stage
        self.account = account
        self.region = region
        self.prefix = f"{app}-{stage}"

    def _of(self, qualified: str, most: int, ending: str = "") -> str:
        plain = qualified.replace(".", "-")
        return fitted(f"{self.prefix}-{plain}", most - len(ending)) + ending

    def _own(self, name: str, most: int) -> str:
        return fitted(f"{self.prefix}--{name}", most)

    def stack(self) -> str:
        return fitted(self.prefix, STACK_CHARACTERS)

    def table(self, qualified: str) -> str:
        return self._of(qualified, TABLE_CHARACTERS)

    def state_table(self) -> str:
        """The framework's own."""
        return self._own("state", TABLE_CHARACTERS)

    def queue(self, handler: str) -> str:
        """The queue of a background handler; a task's handler has the task's name."""
        return self._of(handler, QUEUE_CHARACTERS - len(DEAD))

    def dead_queue(self, handler: str) -> str:
        return self.queue(handler) + DEAD

    def queues(self) -> str:
        """What all names of queues and dead queues match, as a pattern of IAM: also those that are cut."""
        room = QUEUE_CHARACTERS - len(DEAD) - HASH_CHARACTERS - 1
        return f"{self.prefix}-*" if len(self.prefix) <= room else f"{self.prefix[:room].rstrip('-')}*"

    def topic(self, qualified: str) -> str:
        return self._of(qualified, TOPIC_CHARACTERS)

    def schedule(self, handler: str) -> str:
        return self._of(handler, SCHEDULE_CHARACTERS)

    def schedule_group(self) -> str:
        return fitted(self.prefix, SCHEDULE_CHARACTERS)

    def delay(self, id: str) -> str:
        """The one-time schedule of a task that is due later than a queue can hold it back."""
        return fitted(f"{self._delays()}{id}", SCHEDULE_CHARACTERS)

    def delays(self) -> str:
        """What all names that `delay` makes match, as a pattern of IAM."""
        return f"{self._delays()}*"

    def _delays(self) -> str:
        """What they begin with. Cut so far that an id has room behind it: a role could not tell a name that is cut."""
        return f"{fitted(self.prefix, SCHEDULE_CHARACTERS - ID_CHARACTERS - 2)}--"

    def scheduler_role(self) -> str:
        """With which Scheduler sends to the queues."""
        return self.role(self._own("scheduler", ROLE_CHARACTERS))

    def function(self, qualified: str) -> str:
        """The function of a background handler."""
        return self._of(qualified, FUNCTION_CHARACTERS)

    def http_function(self, service: str) -> str:
        """The function of a service's routes and mounts; `service` is the app's own name for its own."""
        return self._own("http" if service == self.app else f"{service}-http", FUNCTION_CHARACTERS)

    def app_function(self) -> str:
        """The one function of an app that asks for one."""
        return self._own("app", FUNCTION_CHARACTERS)

    def log_group(self, function: str) -> str:
        """Of a function, by its name: where Lambda writes unless told otherwise."""
        return f"/aws/lambda/{function}"

    def role(self, function: str) -> str:
        """Of a function, by its name; the region is appended, since roles are the account's."""
        return f"{fitted(function, ROLE_CHARACTERS - len(LONGEST_REGION))}-{self.region}"

    def bucket_events(self, bucket: str) -> str:
        """The topic to which a bucket tells what several handlers with overlapping prefixes are to hear."""
        return self._own(f"{bucket.replace('.', '-')}-events", TOPIC_CHARACTERS)

    def bucket(self, qualified: str) -> str:
        """The world's name of a bucket. References may stand for account (12 characters) and region (at most 14)."""
        room = BUCKET_CHARACTERS - len("-123456789012") - len(LONGEST_REGION)
        return f"{self._of(qualified, room)}-{self.account}-{self.region}"

    def parameter(self, qualified: str) -> str:
        """In SSM."""
        return self._of(qualified, PARAMETER_CHARACTERS)

    def secret(self, qualified: str) -> str:
        """In Secrets Manager."""
        return self._of(qualified, PARAMETER_CHARACTERS)

    # ARNs

    def arn(self, service: str, rest: str, *, partition: str = "aws") -> str:
        return f"arn:{partition}:{service}:{self.region}:{self.account}:{rest}"
