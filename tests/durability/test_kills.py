"""K1, Q1, Q2: `portable dev` is killed, whole or in part, at any instant; what it acknowledged is kept and done."""

import random
import signal
import threading
from pathlib import Path

import pytest

from .crash_names import supervisor_names
from .dev_process import Broken, Dev, until
from .queue_judge import Run, judge
from .served_ledger import Writer

MOST_ATTEMPTS = 4
WRITERS = 4


def victims(dev: Dev, source: random.Random) -> list[int]:
    """All processes, the supervisor, or some one of them."""
    members = dev.members()
    match source.choice(("all", "supervisor", "one", "one")):
        case "all":
            return members
        case "supervisor":
            return members[:1]
        case _:
            return [source.choice(members)] if members else []


def pass_time(seconds: float) -> None:
    """Not to wait for something, but to be at some instant of whatever goes on."""
    threading.Event().wait(seconds)


def crash_loop(tmp_path: Path, kills: int) -> None:
    seed = random.randrange(2**32)
    source = random.Random(seed)
    with Dev(tmp_path) as dev:
        writers = [Writer(dev, number, random.Random(source.randrange(2**32))) for number in range(WRITERS)]
        dev.start()
        for number in range(kills):
            if number % 4 == 3:
                # During its start.
                dev.kill_all()
                dev.launch()
                pass_time(source.uniform(0.0, 1.2))
                dev.kill(victims(dev, source))
            else:
                for writer in writers:
                    writer.begin()
                pass_time(source.uniform(0.1, 0.6))
                dev.kill(victims(dev, source))
                for writer in writers:
                    writer.end()
            dev.start()
            faults = [fault for writer in writers for fault in writer.check()]
            assert faults == [], f"seed {seed}, kill {number}:\n{dev.log.read_text()[-2000:]}"
        acknowledged = sum(writer.ledger.acknowledged for writer in writers)
        assert acknowledged > 5 * kills, f"seed {seed}: {acknowledged} writes were acknowledged"
        assert dev.starts > 1, f"seed {seed}: the supervisor was never killed"


def test_no_acknowledged_write_is_lost_by_kills_at_any_instant(tmp_path: Path) -> None:
    crash_loop(tmp_path, 6)


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_by_sixty_kills(tmp_path: Path) -> None:
    crash_loop(tmp_path, 60)


def finished(dev: Dev, acknowledged: list[str]) -> dict[str, Run]:
    """Waits until every run has ended for good."""
    runs: dict[str, Run] = {}

    def is_over() -> bool:
        for id in acknowledged:
            if id not in runs or runs[id].state not in ("succeeded", "dead"):
                try:
                    reply = dev.request("GET", f"/tasks/{id}")
                except Broken:
                    dev.start()
                    return False
                if reply.status == 404:
                    return True
                if reply.status == 200:
                    runs[id] = Run(reply.body["state"], reply.body["attempts"])
                if runs.get(id, Run("", 0)).state not in ("succeeded", "dead"):
                    return False
        return True

    until(is_over, f"the end of {len(acknowledged)} tasks\n{dev.log.read_text()[-2000:]}")
    return runs


def witnessed(dev: Dev) -> list[str]:
    return dev.witness.read_text().splitlines() if dev.witness.exists() else []


def queue_under_kills(tmp_path: Path, tasks: int, kills: int) -> None:
    seed = random.randrange(2**32)
    source = random.Random(seed)
    acknowledged: list[str] = []
    with Dev(tmp_path) as dev:
        dev.start()
        for number in range(kills):
            for _ in range(tasks // kills):
                try:
                    reply = dev.request("POST", "/tasks", {"fails": source.random() < 0.2})
                except Broken:
                    continue
                if reply.status == 200:
                    acknowledged.append(reply.body["id"])
            pass_time(source.uniform(0.0, 0.3))
            dev.kill(victims(dev, source))
            if number % 2:
                dev.start()
            else:
                # Whatever is left of it goes on for a while, or comes up again by itself.
                until(lambda: dev.has_ended() or answers(dev), "an answer, or the end")
                dev.start()
        runs = finished(dev, acknowledged)
        letters = dev.request("GET", "/letters").body
        faults = judge(acknowledged, witnessed(dev), runs, letters, most=MOST_ATTEMPTS, is_disturbed=True)
        assert faults == [], f"seed {seed}:\n{dev.log.read_text()[-2000:]}"
        assert len(acknowledged) > tasks // 2, f"seed {seed}: {len(acknowledged)} tasks were acknowledged"


def answers(dev: Dev) -> bool:
    try:
        return dev.request("GET", "/health").status == 200
    except Broken:
        return False


def test_every_acknowledged_task_runs_or_is_a_dead_letter_though_processes_are_killed(tmp_path: Path) -> None:
    queue_under_kills(tmp_path, 40, 5)


@pytest.mark.slow
def test_six_hundred_tasks_survive_sixty_kills(tmp_path: Path) -> None:
    queue_under_kills(tmp_path, 600, 60)


def test_undisturbed_every_task_runs_exactly_once_and_a_failing_one_as_often_as_it_may(tmp_path: Path) -> None:
    with Dev(tmp_path) as dev:
        dev.start()
        well = [dev.request("POST", "/tasks", {"n": number}).body["id"] for number in range(60)]
        ill = [dev.request("POST", "/tasks", {"fails": True}).body["id"] for _ in range(2)]
        runs = finished(dev, [*well, *ill])
        letters = dev.request("GET", "/letters").body
        lines = witnessed(dev)
        assert judge([*well, *ill], lines, runs, letters, most=MOST_ATTEMPTS, is_disturbed=False) == []
        assert {runs[id].state for id in well} == {"succeeded"}
        assert sorted(letters) == sorted(ill)
        assert [line for line in lines if ill[0] in line] == [f"start {ill[0]} {n}" for n in range(1, 5)]
        assert dev.stop(signal.SIGTERM) == 0


def supervisor_killed_at(tmp_path: Path, name: str, count: int) -> None:
    seed = random.randrange(2**32)
    acknowledged: list[str] = []
    with Dev(tmp_path) as dev:
        writer = Writer(dev, 0, random.Random(seed))
        dev.launch(crash_at=f"{name}:{count}")
        until(lambda: dev.has_ended() or (dev.is_ready() and answers(dev)), "an answer, or the end")
        for _ in range(100):
            if dev.has_ended():
                break
            writer.write()
            try:
                reply = dev.request("POST", "/tasks", {})
            except Broken:
                continue
            if reply.status == 200:
                acknowledged.append(reply.body["id"])
        assert f"crash point {name}\n" in dev.log.read_text(), f"{name} was not reached {count} times"
        dev.start()
        assert writer.check() == [], f"seed {seed}"
        runs = finished(dev, acknowledged)
        letters = dev.request("GET", "/letters").body
        faults = judge(acknowledged, witnessed(dev), runs, letters, most=MOST_ATTEMPTS, is_disturbed=True)
        assert faults == [], f"seed {seed}"


@pytest.mark.parametrize("name", supervisor_names())
def test_a_supervisor_killed_between_commit_and_answer_or_hand_out_loses_nothing(tmp_path: Path, name: str) -> None:
    supervisor_killed_at(tmp_path, name, random.randint(2, 6))


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("name", supervisor_names())
def test_a_supervisor_killed_there_several_times_loses_nothing(tmp_path: Path, name: str, count: int) -> None:
    supervisor_killed_at(tmp_path, name, count)
