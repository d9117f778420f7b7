"""Makes the moves of a plan, in their order; those that need nothing of each other side by side.

Every move can be made again: what is there already is taken as it is and changed where it differs, what is gone is
gone. So a run that was interrupted anywhere is taken up by the next one, which looks first.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from portable.adapter import Step, Watcher
from portable.errors import DeployFailed, ProjectConflict

from .cloud import Cloud
from .diff import WORDS, Move, differing, owner_of
from .google_errors import code_of, is_absent, is_refused
from .libraries import Found
from .operations import DONE, Operation, Pace
from .resources import Resource, rank

DOING = {"create": "creating", "update": "updating", "replace": "replacing", "delete": "deleting"}
MADE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
FORBIDDEN, TOO_MANY = 403, 429
MOST_LOOKS = 1000
MOST_TRIES = 10
SOON = (
    "does not exist",
    "has not been used in project",
    "SERVICE_DISABLED",
    "Eventarc Service Agent",
    "Permission denied while",
)
"""What Google says for a short while after an account, an interface or a right was made.
https://cloud.google.com/iam/docs/access-change-propagation"""


class Failed(NamedTuple):
    """A move, and what Google said of it."""

    move: Move
    error: Exception


class Applying:
    """One deploy, rollback or destroy. `check` raises ProjectConflict once the lock is lost: before each change."""

    def __init__(self, cloud: Cloud, watcher: Watcher, check: Callable[[], None], pace: Callable[[], Pace]) -> None:
        self._cloud = cloud
        self._watcher = watcher
        self._check = check
        self._pace = pace

    # Waiting for what is under way

    def settled(
        self, resources: Sequence[Resource], found: Mapping[str, Found], *, wait: bool = True
    ) -> dict[str, Found]:
        """What is there, once Google is at work on nothing of it. Raises ProjectConflict if one is not to `wait`."""
        now, pace = dict(found), self._pace()
        by_id = {one.id: one for one in resources}
        for _ in range(MOST_LOOKS):
            pending = [id for id, one in sorted(now.items()) if one.is_pending]
            if not pending:
                return now
            shown = ", ".join(f"{by_id[id].kind} {by_id[id].shown} ({now[id].state})" for id in pending[:3])
            if not wait:
                raise ProjectConflict(f"Google is at work on {shown}", hint="try again when it is done")
            self._watcher.say(f"Google is at work on {shown}: waiting")
            pace.wait()
            for id in pending:
                got = self._cloud.get(by_id[id])
                if got is None:
                    del now[id]
                else:
                    now[id] = got
        raise ProjectConflict("Google does not come to rest", hint="look at the functions in Google's console")

    # Moves

    def apply(self, moves: Iterable[Move]) -> None:
        """Makes all of them. Raises DeployFailed for the first that fails, once those beside it are over."""
        todo = [move for move in moves if move.action != "keep"]
        for _, some in groupby(todo, key=lambda move: (move.action == "delete", rank(move.resource))):
            failed = self._together(list(some))
            if failed:
                raise failure(failed)

    def _together(self, moves: Sequence[Move]) -> list[Failed]:
        failed: list[Failed] = []
        running: list[tuple[Move, Operation]] = []
        for move in moves:
            self._check()
            self._tell(move, "started")
            try:
                operation = self._begun(move)
            except Exception as error:
                failed.append(self._fails(move, error))
            else:
                running.append((move, operation))
        pace = self._pace()
        for _ in range(MOST_LOOKS):
            left: list[tuple[Move, Operation]] = []
            for move, operation in running:
                try:
                    if operation.is_done():
                        self._tell(move, "done")
                    else:
                        left.append((move, operation))
                except Exception as error:
                    failed.append(self._fails(move, error))
            news, running = len(left) < len(running), left
            if not running:
                return failed
            pace.wait(news=news)
        raise ProjectConflict("Google does not come to an end", hint="run it again: it goes on from where Google is")

    def _fails(self, move: Move, error: Exception) -> Failed:
        """Raises what is none of Google's answers to a change: an interruption, a mistake of ours, a lost answer."""
        if not code_of(error):
            raise error
        self._tell(move, "failed", str(error))
        return Failed(move, error)

    def _tell(self, move: Move, state: Literal["started", "done", "failed"], reason: str | None = None) -> None:
        one = move.resource
        words = DOING[move.action] if state != "done" else MADE[move.action]
        status = f"{words} failed" if state == "failed" else words
        kind = WORDS.get(one.kind, one.kind)
        self._watcher.step(Step(time.time(), kind, one.shown or one.id, one.id, status, state, reason))

    def _begun(self, move: Move) -> Operation:
        """Begins a move; again for a while, where what it needs is not known everywhere yet, or too much was asked."""
        pace = self._pace()
        for _ in range(MOST_TRIES):
            try:
                return self._begin(move)
            except Exception as error:
                is_soon = code_of(error) in (400, 403, 404) and any(text in str(error) for text in SOON)
                if not is_soon and code_of(error) != TOO_MANY:
                    raise
            pace.wait()
            self._check()
        return self._begin(move)

    def _begin(self, move: Move) -> Operation:
        operation = self._changed(move)
        if move.back_to:
            self._check()
            self._cloud.seek(move.resource, move.back_to)
        return operation

    def _changed(self, move: Move) -> Operation:
        one = move.resource
        if one.kind == "access":
            self._cloud.policies.change(one.name, move.give, move.take)
            return DONE
        if move.action == "create":
            try:
                return self._cloud.create(one)
            except Exception as error:
                if not is_refused(error):
                    raise
                return self._taken_over(one)
        if move.action == "update":
            return self._cloud.update(one, move.paths) if move.paths else DONE
        if move.found is None:
            raise ValueError(f"{move.action} of {one.id}, which was not found")
        try:
            operation = self._cloud.delete(one, move.found)
        except Exception as error:
            if not is_absent(error):
                raise
            operation = DONE
        if move.action == "delete":
            return operation
        pace = self._pace()
        while not operation.is_done():
            pace.wait()
        self._check()
        return self._cloud.create(one)

    def _taken_over(self, one: Resource) -> Operation:
        """What came to be there since it was looked: by an attempt of ours whose answer was lost, or in its place."""
        try:
            found = self._cloud.get(one)
        except Exception as error:
            if code_of(error) != FORBIDDEN:
                raise
            found = None
        if found is None or owner_of(one, found) == "others":
            raise DeployFailed(
                f"{one.kind} {one.name.rpartition('/')[2]} cannot be made: its name is taken, and not by this project",
                hint="give the app, the stage or what is declared another name",
            )
        found = self.settled([one], {one.id: found}).get(one.id)
        self._check()
        if found is None:
            return self._cloud.create(one)
        paths = tuple(differing(one.body, found.body))
        return self._cloud.update(one, paths) if paths or found.is_failed else DONE


def failure(failed: Sequence[Failed]) -> DeployFailed:
    """All that failed, as one error: the first by its name and reason."""
    move, error = failed[0]
    more = f"; and {len(failed) - 1} more" if len(failed) > 1 else ""
    one = move.resource
    hint = "mend the cause, then run it again: it goes on from there"
    if code_of(error) in (401, 403):
        hint = "`portable doctor --target gcp --policy` prints the rights that a deploy needs"
    return DeployFailed(
        f"{DOING[move.action]} {WORDS.get(one.kind, one.kind)} {one.shown or one.id} failed: {error}{more}", hint=hint
    )
