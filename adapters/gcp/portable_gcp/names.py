"""Physical names of everything that an app has in Google Cloud: made here, by both halves, and nowhere else.

`app-stage-name`, or `app-stage-service-name` for what belongs to a service; `app-stage--name` for what the framework
adds, since no name in an app begins with a hyphen. What is longer than Google's service takes is cut, and ends in
eight characters of its hash. Names of handlers and resources are qualified: `exchange.rates`. All is lower case.
"""

import re

HASH_CHARACTERS = 8
DATABASE_CHARACTERS = 63
LEAST_DATABASE_CHARACTERS = 4
"""https://cloud.google.com/firestore/docs/manage-databases#database_id"""
FUNCTION_CHARACTERS = 49
"""Of a Cloud Run service, which a function is: fewer than 50.
https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/create"""
TRIGGER_CHARACTERS = 63
QUEUE_CHARACTERS = 100
"""https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues"""
TOPIC_CHARACTERS = 255
"""Also of subscriptions: https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names"""
JOB_CHARACTERS = 500
SECRET_CHARACTERS = 255
BUCKET_CHARACTERS = 63
"""https://cloud.google.com/storage/docs/buckets#naming"""
ACCOUNT_CHARACTERS = 30
LEAST_ACCOUNT_CHARACTERS = 6
"""https://cloud.google.com/iam/docs/service-accounts-create"""

DEAD = "-dead"
RELEASES = "portable-"
"""How the names of buckets begin that hold releases."""
STAGE = re.compile(r"[a-z][a-z0-9]{0,15}", re.ASCII)


def marked(text: str) -> str:
    """Eight characters that tell a text from others."""
    # Here, because few names are so long, and it brings all of OpenSSL.
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:HASH_CHARACTERS]


def plain(qualified: str) -> str:
    """A name of the app's with letters, digits and hyphens alone: more than those not all services take."""
    return qualified.replace(".", "-").replace("_", "-").lower()


def fitted(text: str, most: int) -> str:
    """A name of at most `most` characters; a longer one is cut and told apart by its hash."""
    if len(text) <= most:
        return text
    return f"{text[: most - HASH_CHARACTERS - 1].rstrip('-')}-{marked(text)}"


class Names:
    """The names of one app in one stage of a project.

    `location` is a region, `europe-west1`. `number` is the project's own, which addresses of functions and Google's
    service agents have in them; it may be "" where neither is asked for. `mark` stands for the project in names that
    are the world's; None: eight characters of its hash.
    """

    def __init__(
        self, app: str, stage: str, project: str, location: str, number: str = "", mark: str | None = None
    ) -> None:
        self.app = app
        self.stage = stage
        self.project = project
        self.location = location
        self.number = number
        self._mark = mark
        self.prefix = f"{app}-{stage}"

    def _of(self, qualified: str, most: int, ending: str = "") -> str:
        return fitted(f"{self.prefix}-{plain(qualified)}", most - len(ending)) + ending

    def _own(self, name: str, most: int) -> str:
        return fitted(f"{self.prefix}--{name}", most)

    # Data

    def database(self) -> str:
        """The Firestore database of all tables of the stage, so that a role can be limited to it."""
        short = fitted(self.prefix, DATABASE_CHARACTERS)
        return short if len(short) >= LEAST_DATABASE_CHARACTERS else self._own("data", DATABASE_CHARACTERS)

    def collection(self, qualified: str) -> str:
        """The collection below each partition key in which a table's items lie, and its collection group."""
        return qualified

    def state_collection(self) -> str:
        """The framework's own; no table's, since names of tables begin with a letter."""
        return "-state"

    def bucket(self, qualified: str) -> str:
        """The world's name of a bucket: told apart by the project's hash."""
        return f"{self._of(qualified, BUCKET_CHARACTERS - HASH_CHARACTERS - 1)}-{self.mark}"

    @property
    def mark(self) -> str:
        """Of the project."""
        if self._mark is None:
            self._mark = marked(self.project)
        return self._mark

    def release_bucket(self) -> str:
        """Of the project and location, for all apps: zips, releases and records."""
        return f"{RELEASES}{self.location}-{self.mark}"

    def lock_bucket(self) -> str:
        """Of the project, for all apps and wherever they are: who deploys from another region sees the same lock."""
        return f"{RELEASES}locks-{self.mark}"

    # Messages

    def queue(self, handler: str) -> str:
        """The queue of a background handler; a task's handler has the task's name."""
        return self._of(handler, QUEUE_CHARACTERS)

    def topic(self, qualified: str) -> str:
        return self._of(qualified, TOPIC_CHARACTERS)

    def bucket_topic(self, bucket: str) -> str:
        """The topic to which a bucket tells what happens in it."""
        return self._own(f"{plain(bucket)}-events", TOPIC_CHARACTERS)

    def subscription(self, handler: str) -> str:
        """How the names begin of what pushes a topic's events, or a bucket's, to a handler."""
        return self._of(handler, TOPIC_CHARACTERS - HASH_CHARACTERS - 1)

    def pushed_subscription(self, handler: str, topic: str, wanted: str) -> str:
        """The subscription of a topic with a filter ("" for none), neither of which Google ever changes.

        With another one it is another subscription, made before the old one goes.
        """
        return f"{self.subscription(handler)}-{marked(f'{topic} {wanted}')}"

    def dead_topic(self, handler: str) -> str:
        """To which Pub/Sub gives what it could not push to a handler."""
        return self.subscription(handler) + DEAD

    def dead_subscription(self, handler: str) -> str:
        """Which keeps what came to the topic of that name."""
        return self.dead_topic(handler)

    def job(self, handler: str) -> str:
        """The job of Cloud Scheduler that starts a schedule's handler."""
        return self._of(handler, JOB_CHARACTERS)

    def trigger(self, handler: str, wanted: str) -> str:
        """The trigger of Eventarc that tells a handler of a table's changes; for other events it is another."""
        return f"{self._of(handler, TRIGGER_CHARACTERS - HASH_CHARACTERS - 1)}-{marked(wanted)}"

    # Values

    def value(self, kind: str, qualified: str) -> str:
        """A param or secret; both are in Secret Manager, and may be called alike."""
        if kind == "secret":
            return self._of(qualified, SECRET_CHARACTERS)
        return self._own(f"param-{plain(qualified)}", SECRET_CHARACTERS)

    # Functions

    def function(self, qualified: str) -> str:
        """The function of a background handler, or of a route that has one to itself."""
        return self._of(qualified, FUNCTION_CHARACTERS)

    def http_function(self, service: str) -> str:
        """The function of a service's routes and mounts; `service` is the app's own name for its own."""
        return self._own("http" if service == self.app else f"{service}-http", FUNCTION_CHARACTERS)

    def background_function(self) -> str:
        """The one function of all background handlers, of an app that asks for one function."""
        return self._own("background", FUNCTION_CHARACTERS)

    def account(self, function: str) -> str:
        """The service account of a function, by the function's name: what stands before the @."""
        short = fitted(function, ACCOUNT_CHARACTERS)
        return short if len(short) >= LEAST_ACCOUNT_CHARACTERS else f"{short}-{marked(function)}"

    def service_account(self, function: str) -> str:
        """The same with what stands after it."""
        return f"{self.account(function)}@{self.project}.iam.gserviceaccount.com"

    def build_account(self) -> str:
        """With which Cloud Build makes the functions' images."""
        return self.service_account(self._own("build", FUNCTION_CHARACTERS))

    def url(self, function: str) -> str:
        """Where a function answers: a Cloud Run service's address that can be told before there is one.

        https://cloud.google.com/run/docs/triggering/https-request#deterministic
        """
        return f"https://{function}-{self.number}.{self.location}.run.app"

    # Paths of resources, as Google's interfaces have them

    def in_project(self, rest: str) -> str:
        return f"projects/{self.project}/{rest}"

    def in_location(self, rest: str) -> str:
        return f"projects/{self.project}/locations/{self.location}/{rest}"
