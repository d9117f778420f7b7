"""The clients of AWS that drivers use: each made at first use, since making one costs more than most requests.

botocore itself is used, not boto3: what boto3 adds (resources, transfer) is not needed and not loaded. Endpoints,
credentials and the region come from where every AWS SDK takes them, so `AWS_ENDPOINT_URL` and
`AWS_ENDPOINT_URL_<SERVICE>` work.
"""

import os
from _thread import allocate_lock
from typing import Any

from .errors import note_attempt

CONNECT_SECONDS = 4
READ_SECONDS = 20
"""An answer that takes longer is lost: a handler has 28 seconds for a request."""
POOL = 32
ATTEMPTS = 4

# AWS leaves out the checksum only of what it cannot verify; asking for more costs CPU on both sides.
WHEN_REQUIRED = "when_required"


class Clients:
    """botocore's clients as attributes; one object serves all threads of a process.

    `region` None: as AWS's own configuration has it. Writes that must not be repeated go through `dynamodb_once`.
    """

    def __init__(self, region: str | None = None) -> None:
        # botocore alone among AWS's tools does not look at AWS_REGION.
        self.region = region or os.environ.get("AWS_REGION") or None
        self._lock = allocate_lock()
        self._session: Any = None
        self._made: dict[str, Any] = {}

    def _client(self, attribute: str, service: str, *, attempts: int = ATTEMPTS, **options: Any) -> Any:
        found = self._made.get(attribute)
        if found is not None:
            return found
        # Making clients is not thread-safe in botocore, using them is.
        with self._lock:
            found = self._made.get(attribute)
            if found is None:
                found = self._made[attribute] = self._make(service, attempts, options)
        return found

    def _make(self, service: str, attempts: int, options: dict[str, Any]) -> Any:
        import botocore.session
        from botocore.config import Config

        if self._session is None:
            session: Any = botocore.session
            self._session = session.get_session()
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=POOL,
            tcp_keepalive=True,
            # What drivers send is checked already, and by their tests.
            parameter_validation=False,
            **options,
        )
        client: Any = self._session.create_client(service, region_name=self.region, config=config)
        client.meta.events.register_first("needs-retry", note_attempt)
        return client

    @property
    def dynamodb(self) -> Any:
        return self._made.get("dynamodb") or self._client("dynamodb", "dynamodb")

    @property
    def dynamodb_once(self) -> Any:
        """Never tries again: for increments without a token."""
        return self._client("dynamodb_once", "dynamodb", attempts=1)

    @property
    def s3(self) -> Any:
        return self._client(
            "s3",
            "s3",
            request_checksum_calculation=WHEN_REQUIRED,
            response_checksum_validation=WHEN_REQUIRED,
            signature_version="s3v4",
        )

    @property
    def sqs(self) -> Any:
        return self._client("sqs", "sqs")

    @property
    def sns(self) -> Any:
        return self._client("sns", "sns")

    @property
    def ssm(self) -> Any:
        return self._client("ssm", "ssm")

    @property
    def secretsmanager(self) -> Any:
        return self._client("secretsmanager", "secretsmanager")

    @property
    def scheduler(self) -> Any:
        return self._client("scheduler", "scheduler")
