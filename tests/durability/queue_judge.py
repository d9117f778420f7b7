"""Whether a queue kept its word: what it acknowledged, what handlers witnessed and what it says of each run. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Run(NamedTuple):
    """What the runtime says of a run at the end."""

    state: str
    attempts: int


def judge(
    acknowledged: Sequence[str],
    witnessed: Iterable[str],
    runs: Mapping[str, Run],
    letters: Sequence[str],
    *,
    most: int,
    is_disturbed: bool,
) -> list[str]:
    """What is wrong. `witnessed` has lines `start ID ATTEMPT` and `end ID ATTEMPT`, `most` is max_attempts.

    `is_disturbed`: processes were killed, so that an attempt may have been repeated; else each ran exactly once.
    """
    starts: defaultdict[str, list[int]] = defaultdict(list)
    ends: Counter[str] = Counter()
    for line in witnessed:
        word, id, attempt = line.split(" ")
        if word == "start":
            starts[id].append(int(attempt))
        else:
            ends[id] += 1
    faults = [fault for id, attempts in starts.items() for fault in of_starts(id, attempts, most)]
    for id in acknowledged:
        run = runs.get(id)
        if run is None:
            faults.append(f"{id} was acknowledged and is not known")
        elif run.state == "succeeded":
            if not ends[id]:
                faults.append(f"{id} succeeded, and never ran to its end")
            if not is_disturbed and (len(starts[id]), ends[id], run.attempts) != (1, 1, 1):
                faults.append(f"{id} was undisturbed and ran {len(starts[id])} times")
        elif run.state == "dead":
            faults += of_a_letter(id, run, letters.count(id), most)
        else:
            faults.append(f"{id} is still {run.state}")
    return faults


def of_starts(id: str, attempts: Sequence[int], most: int) -> list[str]:
    faults: list[str] = []
    if len(attempts) > most:
        faults.append(f"{id} was started {len(attempts)} times, of at most {most}")
    if len(set(attempts)) < len(attempts) or list(attempts) != sorted(attempts):
        faults.append(f"{id} had the attempts {attempts}")
    if attempts[-1] > most:
        faults.append(f"{id} came to attempt {attempts[-1]}, of at most {most}")
    return faults


def of_a_letter(id: str, run: Run, times: int, most: int) -> list[str]:
    faults: list[str] = []
    if run.attempts != most:
        faults.append(f"{id} died after {run.attempts} attempts, of {most}")
    if times != 1:
        faults.append(f"{id} is dead, and {times} times among the dead letters")
    return faults
