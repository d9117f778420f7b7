"""The task in dramatiq over Redis; run by dramatiq's own command."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from queues.done import done

broker = RedisBroker(url=os.environ["BENCH_STORE"])
dramatiq.set_broker(broker)


@dramatiq.actor  # type: ignore[untyped-decorator]
def one(number: int) -> None:
    done()
