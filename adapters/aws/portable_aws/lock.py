"""The lock of a stage in the bucket of artefacts, by conditional writes of S3; portable/deploy/lock.py has the rest."""

from portable.deploy import lock
from portable.deploy.lock import LEASE

from .artifacts import Artifacts

__all__ = ["LEASE", "Lock"]


class Lock(lock.Lock):
    """The lock of one app in one stage; `with lock.held("deploy", caller):`."""

    def __init__(self, artifacts: Artifacts, app: str, stage: str, *, lease: float = LEASE) -> None:
        super().__init__(artifacts, app, stage, lease=lease, is_providers=is_botocores)


def is_botocores(error: Exception) -> bool:
    return type(error).__module__.startswith("botocore.")
