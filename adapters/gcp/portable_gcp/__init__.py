"""The Google Cloud adapter, found as `gcp` by entry point.

Nothing heavy is imported here: a deployed function comes by, and so does who looks for adapters.
"""

from .adapter import GcpAdapter

__all__ = ["adapter"]

adapter = GcpAdapter()
