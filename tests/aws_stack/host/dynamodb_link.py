"""LocalStack's DynamoDB is the DynamoDB Local that runs already, and an account's tables are the same by both ways."""

import threading
from typing import Any


def install() -> None:
    from localstack.services.dynamodb import server, utils
    from localstack.services.dynamodb.v2 import provider
    from localstack.utils.run import FuncThread

    def running_elsewhere(self: Any) -> Any:
        """In the place of a thread that runs java."""
        thread = FuncThread(lambda *_: threading.Event().wait())
        thread.start()
        return thread

    def key_of(account: str, region: str) -> str:
        """DynamoDB Local keeps the data of each access key and region apart: the account is its key."""
        return account

    server.DynamodbServer.do_start_thread = running_elsewhere
    utils.get_ddb_access_key = key_of
    provider.get_ddb_access_key = key_of
    from localstack.services.dynamodbstreams.v2 import provider as streams

    streams.get_ddb_access_key = key_of
