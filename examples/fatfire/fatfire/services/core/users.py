"""Users: one item a household. Signing in is not part of this slice, see the README."""

import re

from fatfire.models import NewUser, User
from portable import InvalidArgument

from .ledger import service, users

USER_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


@service.put("/users/{user}")
def save_user(user: str, body: NewUser) -> User:
    """Creates or replaces a household."""
    if USER_ID.fullmatch(user) is None:
        raise InvalidArgument(f"{user!r} is no user id", hint="small letters, digits and hyphens, at most 60")
    saved = User(id=user, **body.model_dump())
    users.put(saved)
    return saved


@service.get("/users/{user}")
def read_user(user: str) -> User:
    return users.require(user)
