"""The local adapter: the portable contract on one machine, on SQLite and files. Found as `local` by entry point.

Nothing heavy is imported here: looking an adapter up must stay cheap. (PYTEST_DONT_REWRITE: see portable.)
"""

from .adapter import LocalAdapter

__all__ = ["adapter"]

adapter = LocalAdapter()
