"""Dead letters: deliveries that failed for good, of any background handler, with the same verbs on every provider."""

from collections.abc import Callable
from typing import Any

from .binding import Registry, Resource
from .drivers import DeadLetter, DeadLetterDriver, DeadLetterPage, DriverFactory
from .errors import InvalidArgument, Location, NotFound
from .messages import check_message_id
from .specs import Route

__all__ = ["DeadLetter", "DeadLetterPage", "DeadLetters", "dead_letters"]

LIST_MOST = 1000


class DeadLetters(Resource[DeadLetterDriver]):
    """The dead letters of one background handler; kept 14 days, unless redriven or discarded before.

    `handler` is the handler's qualified name, `owner` the id of the resource that grants are counted for.
    """

    kind = "dead-letters"
    verbs: tuple[str, ...] = ("dead_letters", "redrive", "discard")

    def __init__(self, registry: Registry, handler: str, location: Location, *, owner: str | None = None) -> None:
        super().__init__(registry, handler, location)
        self._owner = owner

    @property
    def id(self) -> str:
        return self._owner or f"{self.kind}:{self.name}"

    def _make_driver(self, factory: DriverFactory) -> DeadLetterDriver:
        return factory.dead_letters(self.name)

    def list(self, *, limit: int = 100, cursor: str | None = None) -> DeadLetterPage:
        """At most `limit` (1-1000) letters, the oldest first; `cursor` is the last page's, which is None at the end."""
        if type(limit) is not int or not 1 <= limit <= LIST_MOST:
            raise InvalidArgument(f"limit={limit!r} is not 1-{LIST_MOST}", resource=self.id)
        if cursor is not None and (type(cursor) is not str or not cursor):
            raise InvalidArgument(f"cursor={cursor!r} is not that of a page", resource=self.id)
        return self._call("dead_letters", None, self._driver.list, limit=limit, cursor=cursor)

    def redrive(self, id: str) -> None:
        """Delivers the letter anew, with a fresh count of attempts. Raises NotFound if there is no such letter."""
        check_message_id(id, "dead letter", self.id)
        if not self._call("redrive", id, self._driver.redrive, id):
            raise self._absent(id)

    def discard(self, id: str) -> None:
        """Drops the letter for good. Raises NotFound if there is no such letter."""
        check_message_id(id, "dead letter", self.id)
        if not self._call("discard", id, self._driver.discard, id):
            raise self._absent(id)

    def _absent(self, id: str) -> NotFound:
        return NotFound(
            f"{self.name} has no dead letter {id}",
            hint="it was redriven or discarded, or died more than 14 days ago",
            resource=self.id,
            key=id,
        )


def dead_letters(registry: Registry, handler: str | Callable[..., Any]) -> DeadLetters:
    """The dead letters of any background handler of an App or Service.

        from portable.dead_letters import dead_letters
        for letter in dead_letters(app, received).list().letters: ...

    `handler` is the function, or its name in the app (`exchange.refresh`). Raises InvalidArgument if it is none.
    """
    top = registry
    while top._parent is not None:
        top = top._parent
    parts: list[Any] = [top, *getattr(top, "services", ())]
    known = {part.qualify(name): found for part in parts for name, found in part.handlers.items()}
    background = {name: found for name, found in known.items() if not isinstance(found.spec.trigger, Route)}
    wanted: Any = getattr(handler, "__wrapped__", handler)
    names = [
        name for name, found in background.items() if handler in (name, found.function) or found.function is wanted
    ]
    if len(names) != 1:
        shown = handler if isinstance(handler, str) else getattr(handler, "__name__", repr(handler))
        raise InvalidArgument(
            f"{shown!r} is {'more than one' if names else 'no'} background handler of {top.name!r}",
            hint=f"one of: {', '.join(names or background) or 'there are none'}",
        )
    return DeadLetters(top, names[0], background[names[0]].spec.location)
