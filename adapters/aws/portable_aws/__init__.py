"""The AWS adapter, found as `aws` by entry point.

Nothing heavy is imported here: a deployed function comes by, and so does who looks for adapters.
"""

from .adapter import AwsAdapter

__all__ = ["adapter"]

adapter = AwsAdapter()
