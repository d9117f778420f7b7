"""How long a handler may take and how much memory it may ask for, by what starts it and by whose limits count."""

from .capabilities import LONGEST, PROVIDERS, Profile, load_profile, strictest
from .errors import DeclarationError, Location
from .specs import Delivery, Route, Schedule, Trigger

SECONDS = {"http": 28, "task": 900, "schedule": 900, "event": 540}
"""The portable profile's, so that an app which stays within them does not read it while it is declared."""
MEMORY_SIZES = (512, 2048, 4096)
SMALLEST_MB = 128


def kind_of(trigger: Trigger) -> str:
    """What counts for the time of a handler: http, task, schedule or event."""
    if isinstance(trigger, Route):
        return "http"
    if isinstance(trigger, Schedule):
        return "schedule"
    return "task" if isinstance(trigger, Delivery) and trigger.kind == "task" else "event"


def check_handler_limits(
    name: str, trigger: Trigger, timeout: object, memory: object, targets: tuple[str, ...] | None, location: Location
) -> None:
    """Raises DeclarationError for what not all `targets` allow; without targets, for what no provider allows.

    A service does not know yet for which targets it will be: the manifest asks again.
    """
    kind = kind_of(trigger)
    most = SECONDS[kind]
    if type(timeout) is not int or not 1 <= timeout <= most:
        limit = max((profile.limit(LONGEST[kind]) for profile in _profiles(targets)), key=lambda limit: limit.value)
        most = int(limit.value)
        if type(timeout) is not int or not 1 <= timeout <= most:
            raise DeclarationError(
                f"{name}: timeout {timeout!r} is not 1-{most} whole seconds, "
                f"what {whose(targets)} gives such a handler ({limit.name}, from {limit.provider})",
                hint="work that takes longer goes into a task" if kind == "http" else "cut it into several tasks",
                location=location,
            )
    if memory is not None and memory not in MEMORY_SIZES:
        free = [profile for profile in _profiles(targets) if not profile.memory_sizes]
        limits = [profile.limit("memory_mb") for profile in free or _profiles(targets)]
        limit = max(limits, key=lambda limit: limit.value)
        largest = int(limit.value)
        if type(memory) is not int or not free or not SMALLEST_MB <= memory <= largest:
            raise DeclarationError(
                f"{name}: memory {memory!r} is not a size that {whose(targets)} has "
                f"({limit.name}, from {limit.provider})",
                hint=f"{SMALLEST_MB} to {largest} (MB)" if free else f"one of {', '.join(map(str, MEMORY_SIZES))} (MB)",
                location=location,
            )


def _profiles(targets: tuple[str, ...] | None) -> list[Profile]:
    return [strictest(targets)] if targets is not None else [load_profile(provider) for provider in PROVIDERS]


def whose(targets: tuple[str, ...] | None) -> str:
    """Those that a limit is of, in words."""
    if targets is None:
        return "any provider"
    return "every provider" if set(targets) == set(PROVIDERS) else " and ".join(dict.fromkeys(targets))
