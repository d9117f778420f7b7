"""Users: one item a household. Signing in is not part of this slice, see the README."""

from fatfire.models import NewUser, User

from .ledger import service, users


@service.put("/users/{user}")
def save_user(user: str, body: NewUser) -> User:
    saved = User(id=user, **body.model_dump())
    users.put(saved)
    return saved


@service.get("/users/{user}")
def read_user(user: str) -> User:
    return users.require(user)
