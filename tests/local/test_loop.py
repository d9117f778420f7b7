"""The supervisor's loop: what is ready, timers, signals; with sockets made here and no clock of the wall."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from portable_local.loop import TIMERS, Loop
from portable_local.transport import Channel, Peer

GUARD_SECONDS = 60.0


@contextmanager
def running() -> Iterator[Loop]:
    """A loop that ends with an error should nothing else end it."""
    loop = Loop()

    def give_up() -> None:
        raise TimeoutError("nothing ended the loop")

    loop.after(GUARD_SECONDS, give_up)
    try:
        yield loop
    finally:
        loop.close()


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def nothing() -> None:
    """After each round."""


def test_timers_run_in_the_order_of_their_times_and_equal_ones_as_they_were_made() -> None:
    seen: list[str] = []
    with running() as loop:
        loop.after(0.02, lambda: seen.append("late"))
        loop.after(-5, lambda: seen.append("first"))
        loop.after(0, lambda: seen.append("second"))

        def end() -> None:
            seen.append("last")
            loop.done = True

        loop.after(0.03, end)
        loop.run(nothing)
    assert seen == ["first", "second", "late", "last"]


def test_a_cancelled_timer_does_not_run_and_one_may_cancel_another() -> None:
    seen: list[str] = []
    with running() as loop:
        cancelled = loop.after(0, lambda: seen.append("cancelled"))
        cancelled.cancel()
        victim = loop.after(0.01, lambda: seen.append("victim"))
        loop.after(0, victim.cancel)

        def end() -> None:
            loop.done = True

        loop.after(0.02, end)
        loop.run(nothing)
    assert seen == []


def test_a_timer_that_starts_another_lets_the_others_run() -> None:
    seen: list[int] = []
    with running() as loop:

        def again() -> None:
            seen.append(len(seen))
            if len(seen) < 100:
                loop.after(0, again)
            else:
                loop.done = True

        loop.after(0, again)
        loop.run(nothing)
    assert seen == list(range(100))


def test_settle_is_called_after_every_round() -> None:
    rounds: list[int] = []
    events: list[str] = []
    with running() as loop, pair() as (one, other):
        loop.add(other, lambda: events.append(other.recv(10).decode()))

        def settle() -> None:
            rounds.append(len(events))
            if len(rounds) == 3:
                loop.done = True
            else:
                one.send(b"x")

        one.send(b"x")
        loop.run(settle)
    assert rounds == [1, 2, 3]


def test_what_was_removed_in_the_same_round_is_not_called() -> None:
    seen: list[str] = []
    with running() as loop, pair() as (one, other), pair() as (third, fourth):

        def first(name: str, rival: socket.socket) -> None:
            seen.append(name)
            loop.remove(rival)
            rival.close()
            loop.done = True

        loop.add(other, lambda: first("other", fourth))
        loop.add(fourth, lambda: first("fourth", other))
        one.send(b"x")
        third.send(b"x")
        loop.run(nothing)
    assert len(seen) == 1


def test_a_long_message_to_a_slow_reader_arrives_whole_while_others_are_served() -> None:
    messages = ["a" * 3_000_000, "b", {"c": "d" * 1_000_000}]
    found: list[object] = []
    with running() as loop, pair() as (one, other), pair() as (third, fourth):
        peer = Peer(other)
        loop.add(peer, lambda: None)
        served: list[bytes] = []

        def ping() -> None:
            served.append(fourth.recv(1))
            if len(served) < 20:
                third.send(b"x")
            elif len(served) == 20:
                reader.start()

        def read() -> None:
            channel = Channel(one)
            found.extend(channel.receive() for _ in messages)
            third.send(b"!")

        def over() -> None:
            loop.done = loop.done or b"!" in served

        reader = threading.Thread(target=read)
        loop.add(fourth, ping)
        for message in messages:
            loop.send(peer, message)
        third.send(b"x")
        loop.run(over)
        reader.join(GUARD_SECONDS)
        assert found == messages


def test_a_message_to_a_closed_peer_is_dropped() -> None:
    with running() as loop, pair() as (_, other):
        peer = Peer(other)
        loop.add(peer, nothing)
        loop.remove(peer)
        peer.close()
        loop.send(peer, "x")


def test_signals_are_handled_by_the_loop_and_the_handlers_of_before_come_back() -> None:
    seen: list[int] = []
    before = signal.getsignal(signal.SIGUSR1)
    with running() as loop:

        def handle(number: int) -> None:
            seen.append(number)
            loop.done = True

        with loop.signals(handle, (signal.SIGUSR1,)):
            os.kill(os.getpid(), signal.SIGUSR1)
            # It is told by the loop, not in between.
            assert seen == []
            loop.run(nothing)
        assert seen == [signal.SIGUSR1]
        assert signal.getsignal(signal.SIGUSR1) is before


@pytest.mark.parametrize("count", [1, 50])
def test_an_error_of_a_callback_ends_the_loop_and_is_not_swallowed(count: int) -> None:
    with running() as loop:

        def fail() -> None:
            raise LookupError("mine")

        for _ in range(count):
            loop.after(0, fail)
        with pytest.raises(LookupError, match="mine"):
            loop.run(nothing)


def test_cancelled_timers_do_not_pile_up_and_the_others_still_go_off() -> None:
    loop = Loop()
    called: list[str] = []
    kept = loop.after(0.0, lambda: called.append("kept"))
    for _ in range(10_000):
        loop.after(3600, lambda: called.append("cancelled")).cancel()
    assert len(loop._timers) <= 2 * TIMERS

    def stop() -> None:
        loop.done = True

    loop.after(0.0, stop)
    loop.run(lambda: None)
    loop.close()
    assert called == ["kept"]
    assert kept.callback is not None


def test_so_many_timers_as_are_wanted_are_kept() -> None:
    loop = Loop()
    called: list[int] = []
    for number in range(4 * TIMERS):
        loop.after(0.0, lambda number=number: called.append(number))  # type: ignore[misc]

    def stop() -> None:
        loop.done = True

    loop.after(0.0, stop)
    loop.run(lambda: None)
    loop.close()
    assert called == list(range(4 * TIMERS))


def test_what_can_wait_wakes_nobody_while_there_is_patience_and_is_heard_with_the_next_round() -> None:
    heard: list[str] = []
    with running() as loop, pair() as (patient, its_end), pair() as (other, others_end):
        loop.add(patient, lambda: heard.append(patient.recv(10).decode()))
        loop.add(other, lambda: heard.append(other.recv(10).decode()))
        loop.let_wait(patient)
        loop.patience = lambda: GUARD_SECONDS
        its_end.send(b"can wait")
        rounds: list[list[str]] = []

        def settle() -> None:
            rounds.append(list(heard))
            if len(rounds) == 1:
                others_end.send(b"now")
            loop.done = len(heard) == 2

        loop.after(0, nothing)
        loop.run(settle)
        assert rounds[-1] in (["now", "can wait"], ["can wait", "now"])
        loop.remove(patient)
        loop.remove(other)


def test_patience_has_an_end_and_without_it_all_wake_the_loop() -> None:
    for patience in (0.0, 0.02):
        heard: list[str] = []
        with running() as loop, pair() as (patient, its_end):
            loop.add(patient, lambda heard=heard, patient=patient: heard.append(patient.recv(10).decode()))  # type: ignore[misc]
            loop.let_wait(patient)
            loop.patience = lambda patience=patience: patience  # type: ignore[misc]
            its_end.send(b"here")

            def settle(loop: Loop = loop, heard: list[str] = heard) -> None:
                loop.done = bool(heard)

            loop.run(settle)
            assert heard == ["here"]
            loop.remove(patient)


def test_a_peer_that_can_wait_gets_all_that_its_socket_did_not_take_at_once() -> None:
    with running() as loop, pair() as (ours, theirs):
        peer, channel = Peer(ours), Channel(theirs)
        loop.add(peer, nothing)
        loop.let_wait(peer)
        messages = [f"{number}:" + "x" * 200_000 for number in range(20)]
        found: list[object] = []

        def read() -> None:
            found.extend(channel.receive() for _ in messages)

        reader = threading.Thread(target=read)
        for message in messages:
            loop.send(peer, message)
        reader.start()

        def settle() -> None:
            loop.done = not reader.is_alive()
            if not loop.done:
                loop.after(0.005, nothing)

        loop.run(settle)
        reader.join(GUARD_SECONDS)
        assert found == messages
        loop.remove(peer)
