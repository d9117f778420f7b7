"""What the classes of the suite of buckets share: an app with one bucket."""

from collections.abc import Generator
from contextlib import contextmanager

from portable.adapter import Running
from portable.app import App
from portable.buckets import Bucket

from .harness import Harness


class BucketRuns:
    """Runs an app with the bucket `files`."""

    @contextmanager
    def running(self, harness: Harness) -> Generator[tuple[Bucket, Running], None, None]:
        app = App("conformance")
        bucket = app.bucket("files")
        with harness.running(app) as running:
            yield bucket, running
