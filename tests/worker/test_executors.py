"""Executors: the same behaviour wherever the functions run."""

import os
import signal
import threading
import time

import pytest

from orion_like.errors import (
    ConfigurationError,
    ExecutionError,
    ExecutorClosed,
    ExecutorWorkerLost,
    TrialTimeout,
)
from orion_like.worker.executor import (
    AsyncException,
    AsyncResult,
    DaskExecutor,
    PoolExecutor,
    SingleExecutor,
    ThreadExecutor,
    executor_factory,
)

KINDS = ["single", "pool", "thread", "joblib", "dask", "ray"]


@pytest.fixture(params=KINDS, scope="module")
def executor(request):
    with executor_factory.create(request.param, n_workers=1) as executor:
        yield executor


def square(x):
    return x * x


def fail(message):
    raise ValueError(message)


def gather(executor, futures):
    outcomes = []
    while futures:
        outcomes += executor.async_get(futures, timeout=1)
    return outcomes


def test_results_come_in_the_order_asked_for(executor):
    futures = [executor.submit(square, x) for x in range(4)]

    assert executor.wait(futures) == [0, 1, 4, 9]
    assert futures[0].ready()
    assert futures[0].successful()


def test_lambdas_and_closures_can_be_run(executor):
    offset = 10

    assert executor.submit(lambda x, *, y: x + y + offset, 1, y=2).get() == 13


def test_outcomes_are_taken_off_the_list_as_they_come(executor):
    futures = [executor.submit(square, 3), executor.submit(fail, "no")]

    outcomes = gather(executor, futures)

    good = next(outcome for outcome in outcomes if isinstance(outcome, AsyncResult))
    bad = next(outcome for outcome in outcomes if isinstance(outcome, AsyncException))
    assert good.value == 9
    assert isinstance(bad.exception, ValueError)
    assert "in fail" in bad.traceback
    with pytest.raises(ValueError, match="no"):
        _ = bad.value


def test_a_future_raises_what_the_function_raised(executor):
    future = executor.submit(fail, "no")

    with pytest.raises(ValueError, match="no"):
        future.get()
    assert not future.successful()


def test_whether_a_function_succeeded_is_not_known_before_it_ended(executor):
    future = executor.submit(time.sleep, 60)

    with pytest.raises(ValueError, match="has not ended"):
        future.successful()

    executor.cancel(future, TrialTimeout("enough"))
    assert not future.successful()


def test_a_closed_executor_takes_no_more(executor):
    options = {"client": executor._client} if isinstance(executor, DaskExecutor) else {}
    other = type(executor)(n_workers=1, **options)  # on the same Ray, or the same Dask cluster
    assert other.submit(square, 2).get() == 4

    other.close()

    with pytest.raises(ExecutorClosed):
        other.submit(square, 1)
    assert executor.submit(square, 3).get() == 9


def test_a_function_that_outlasts_its_executor_says_so(executor):
    options = {"client": executor._client} if isinstance(executor, DaskExecutor) else {}
    other = type(executor)(n_workers=1, **options)
    future = other.submit(time.sleep, 60)

    other.close()

    if not executor.in_process:  # there it has never begun
        with pytest.raises(ExecutorClosed):
            future.get(timeout=0)


@pytest.mark.parametrize("executor", ["joblib", "dask", "ray"], indirect=True, scope="module")
def test_a_process_that_is_lost_is_not_held_against_its_function(executor):
    with pytest.raises(ExecutorWorkerLost):
        executor.submit(_crash).get(timeout=120)

    assert executor.submit(square, 2).get(timeout=120) == 4


def test_a_cancelled_function_gives_the_reason(executor):
    future = executor.submit(time.sleep, 60)

    executor.cancel(future, TrialTimeout("too long"))

    with pytest.raises(TrialTimeout, match="too long"):
        future.get()
    assert executor.submit(square, 2).get() == 4


@pytest.fixture
def pool():
    with PoolExecutor(n_workers=2) as pool:
        yield pool


def test_a_process_that_crashes_takes_only_its_own_function_with_it(pool):
    crash = pool.submit(_crash)
    others = [pool.submit(square, x) for x in range(3)]

    with pytest.raises(ExecutionError, match="SIGSEGV") as death:
        crash.get()

    assert death.value.return_code == -signal.SIGSEGV
    assert pool.wait(others) == [0, 1, 4]


def _crash():
    os.kill(os.getpid(), signal.SIGSEGV)


def test_functions_run_at_the_same_time(pool, tmp_path):
    """Each waits for the file that the other writes."""

    def meet(mine, theirs):
        (tmp_path / mine).touch()
        while not (tmp_path / theirs).exists():
            time.sleep(0.001)
        return os.getpid()

    first, second = pool.submit(meet, "a", "b"), pool.submit(meet, "b", "a")

    assert len({first.get(), second.get(), os.getpid()}) == 3


def test_results_that_cannot_be_sent_are_an_error_not_a_hang(pool):
    with pytest.raises(TypeError, match="cannot be sent between processes"):
        pool.submit(lambda: (i for i in range(3))).get()


class OddError(Exception):
    """An exception that pickle cannot make again."""

    def __init__(self, message, code):
        super().__init__(message)


def fail_oddly():
    raise OddError("no luck", 3)


def test_an_exception_that_cannot_be_made_again_keeps_its_words(pool):
    (outcome,) = gather(pool, [pool.submit(fail_oddly)])

    assert str(outcome.exception) == "OddError: no luck"
    assert "in fail_oddly" in outcome.traceback
    assert pool.submit(square, 2).get() == 4


def test_a_function_that_cannot_be_sent_says_so(pool):
    lock = threading.Lock()

    with pytest.raises(TypeError, match="cannot be sent to another process"):
        pool.submit(lambda: lock)


def test_closing_ends_what_runs(tmp_path):
    pool = PoolExecutor(n_workers=1)
    running = pool.submit(_say_pid_and_sleep, str(tmp_path / "pid"))
    while not (tmp_path / "pid").exists():
        running.wait(0.01)

    pool.close()

    with pytest.raises(ExecutorClosed):
        running.get()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def _say_pid_and_sleep(path):
    with open(path + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".part", path)
    time.sleep(60)


def test_unfinished_functions_time_out(pool):
    with pytest.raises(TimeoutError):
        pool.submit(time.sleep, 60).get(timeout=0.01)


def test_executors_are_found_by_name_whatever_the_case():
    assert isinstance(executor_factory.create("SingleExecutor"), SingleExecutor)
    assert isinstance(executor_factory.create("threading", n_workers=1), ThreadExecutor)
    with pytest.raises(ConfigurationError, match="did you mean 'pool'"):
        executor_factory.create("polexecutor")
    with pytest.raises(ConfigurationError, match="nope"):
        executor_factory.create("poolexecutor", nope=1)
