"""What is told of something that was raised: the user's frames, and none of how their code was reached."""

from concurrent.futures import ThreadPoolExecutor

from portable.failures import user_traceback


def fails() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(divides).result()


def divides() -> None:
    raise ZeroDivisionError("no luck")


def test_the_thread_that_a_handler_runs_on_is_no_frame_of_its_trace() -> None:
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(divides).exception()
    assert error is not None
    lines = user_traceback(error).splitlines()
    assert "divides" in lines[1]
    assert not any("concurrent" in line for line in lines)


def test_threads_that_the_users_code_began_stay_in_it() -> None:
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(fails).exception()
    assert error is not None
    lines = user_traceback(error).splitlines()
    assert "fails" in lines[1]
    assert any("thread.py" in line for line in lines)
