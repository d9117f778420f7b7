"""Core: users, what they own and owe, and what it is worth in one currency."""

from . import holdings, net_worth, users
from .ledger import service

__all__ = ["holdings", "net_worth", "service", "users"]
