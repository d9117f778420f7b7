"""The time of one account, as SQS and the signed URLs of S3 see it: it stands still, and moves when a test says so.

An account that nobody has set a time for lives by the machine's clock.
"""

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

QUEUE_METHODS = (
    "put",
    "receive",
    "update_visibility_timeout",
    "requeue_inflight_messages",
    "enqueue_delayed_messages",
    "remove_expired_messages",
)


class Clocks:
    """The accounts that have a time of their own."""

    def __init__(self) -> None:
        self._now: dict[str, float] = {}
        self._lock = threading.Lock()
        self._acting = threading.local()

    def set(self, account: str, now: float) -> None:
        with self._lock:
            self._now[account] = now

    def forget(self, account: str) -> None:
        with self._lock:
            self._now.pop(account, None)

    def known(self, account: str) -> float | None:
        return self._now.get(account)

    def now(self) -> float:
        """The time of the account that this thread acts for."""
        account = getattr(self._acting, "account", None)
        found = self._now.get(account) if account is not None else None
        return time.time() if found is None else found

    def act_for(self, account: str | None) -> None:
        self._acting.account = account

    @contextmanager
    def acting_for(self, account: str) -> Iterator[None]:
        before = getattr(self._acting, "account", None)
        self._acting.account = account
        try:
            yield
        finally:
            self._acting.account = before


CLOCKS = Clocks()


def in_time_of_account(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a queue, which sees its account's time."""

    @functools.wraps(method)
    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        with CLOCKS.acting_for(self.account_id):
            return method(self, *args, **kwargs)

    return timed


def update_queues(account: str) -> None:
    """What LocalStack's own worker does once a second: messages become visible, and are forgotten."""
    from localstack.services.sqs.models import sqs_stores

    for owner, _, store in sqs_stores.iter_stores():
        if owner == account:
            for queue in list(store.queues.values()):
                queue.requeue_inflight_messages()
                queue.enqueue_delayed_messages()
                queue.remove_expired_messages()


def install() -> None:
    install_for_queues()
    install_for_objects()
    install_for_signed_urls()


def install_for_queues() -> None:
    from localstack.services.sqs import models

    models.time = QueueTime()
    models.SqsMessage.is_delayed = property(is_delayed)
    for owner in (models.SqsQueue, models.StandardQueue, models.FifoQueue):
        for name in QUEUE_METHODS:
            if name in vars(owner):
                setattr(owner, name, in_time_of_account(vars(owner)[name]))


def is_delayed(message: Any) -> bool:
    """LocalStack holds a message back also at the very moment when its delay ends, which would be for good here."""
    return message.delay_seconds is not None and CLOCKS.now() < message.created + message.delay_seconds


class QueueTime:
    """The module `time` as LocalStack's queues use it."""

    def time(self) -> float:
        return CLOCKS.now()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class AccountDatetime(datetime):
    """`datetime` as LocalStack's objects use it: now is the account's."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.fromtimestamp(CLOCKS.now(), tz)


def install_for_objects() -> None:
    """When an object was written is told in the time of the account whose request it was."""
    from localstack.aws import handlers
    from localstack.services.s3 import models

    def act(chain: Any, context: Any, response: Any) -> None:
        # For the rest of this thread's work on the request; the next one that it takes sets its own.
        CLOCKS.act_for(context.account_id)

    handlers.serve_custom_service_request_handlers.append(act)
    models.datetime = AccountDatetime


def install_for_signed_urls() -> None:
    from localstack.services.s3 import presigned_url

    validate = presigned_url.validate_presigned_url_s3v4

    def timed(context: Any) -> None:
        """Whose URL it is says the credential in it."""
        account = context.request.args.get("X-Amz-Credential", "").partition("/")[0]
        with CLOCKS.acting_for(account):
            validate(context)

    def is_expired(expiry: datetime) -> bool:
        return datetime.fromtimestamp(CLOCKS.now(), tz=expiry.tzinfo) > expiry

    presigned_url.validate_presigned_url_s3v4 = timed
    presigned_url.is_expired = is_expired
