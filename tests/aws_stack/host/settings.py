"""How LocalStack is told to run as a plain process on loopback. Set before anything of it is imported."""

import os
import socket
import threading
from pathlib import Path


def free_port() -> int:
    """A port that nobody listens on now. LocalStack has to know its own before it starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def settle(port: int) -> None:
    folder = Path(os.environ["PORTABLE_LOCALSTACK_FOLDER"])
    folder.mkdir(parents=True, exist_ok=True)
    dynamodb = os.environ["PORTABLE_DYNAMODB"].rpartition(":")[2]
    os.environ |= {
        # Its default server takes no notice of the host and binds every interface.
        "GATEWAY_SERVER": "hypercorn",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "LOCALSTACK_HOST": f"127.0.0.1:{port}",
        "SQS_ENDPOINT_STRATEGY": "path",
        # Nobody looks at them, and each empty look into a queue would be one.
        "SQS_DISABLE_CLOUDWATCH_METRICS": "1",
        "DNS_ADDRESS": "0",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DISABLE_EVENTS": "1",
        "SKIP_INFRA_DOWNLOADS": "1",
        "FILESYSTEM_ROOT": str(folder),
        "LOCALSTACK_VOLUME_DIR": str(folder),
        "PROVIDER_OVERRIDE_DYNAMODB": "v2",
        "PROVIDER_OVERRIDE_DYNAMODBSTREAMS": "v2",
        "DYNAMODB_IN_MEMORY": "1",
        "DYNAMODB_LOCAL_PORT": dynamodb,
        # A type that nobody implements fails the change set, instead of passing with the id "unknown".
        "CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES": "0",
        "S3_SKIP_SIGNATURE_VALIDATION": "0",
        "SQS_ENABLE_MESSAGE_RETENTION_PERIOD": "1",
        "LAMBDA_KEEPALIVE_MS": "60000",
        "LAMBDA_RETRY_BASE_DELAY": "1",
        "HOSTNAME_FROM_LAMBDA": "127.0.0.1",
        "DISABLE_CORS_CHECKS": "1",
    }


class LockType:
    """LocalStack is written for Python 3.13, where threading.Lock is a type (`Lock | None` is an annotation there)."""

    def __new__(cls) -> "threading.Lock":  # type: ignore[misc]
        return _allocate()


_allocate = threading.Lock


def adapt_to_this_python() -> None:
    threading.Lock = LockType
