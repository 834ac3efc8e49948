"""Real signals, killed processes, forks, ends of the interpreter, and sub-interpreters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from asking import asks
from decays import DATA, START, decay
from elsewhere import slow_decay
from engines import processes_of_ours
from reference import assert_same
from support import run_python

from leastsq import leastsq_many

pytestmark = asks

TESTS = Path(__file__).parent
IN_SUITE = {"processes": 2, "threads": 2, "killed": 1, "an executor's killed": 1}


def run_together(programs: dict[str, list[object]]) -> dict[str, tuple[str, int]]:
    """Run Python programs at once; return what each prints, and its exit status."""
    running = {
        name: subprocess.Popen(  # noqa: S603
            [sys.executable, *map(str, words)], cwd=TESTS, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for name, words in programs.items()
    }  # fmt: skip
    return {
        name: (process.communicate(timeout=200)[0], process.returncode)
        for name, process in running.items()
    }


@processes_of_ours
def test_runs_that_are_stopped() -> None:
    """Not a word is printed by processes that were stopped while they started."""
    words = ["stopped.py", "--seed", 1, "--count"]
    ended = run_together({mode: [*words, count, mode] for mode, count in IN_SUITE.items()})
    for mode, count in IN_SUITE.items():
        assert ended[mode] == (f"{count} runs: all ended, and nothing is left\n", 0)


AT_EXIT = """
import ctypes, sys, threading, time
import numpy as np
from decays import DATA, START, T, decay
from leastsq import CompiledResidual, leastsq_many

options = dict(data=np.broadcast_to(DATA, (2000, *DATA.shape)), chunksize=200)
func, options["workers"] = decay, int(sys.argv[2])
if sys.argv[1] == "compiled":
    func = CompiledResidual(ctypes.CDLL(sys.argv[3]).decay, T.size)
options["vectorized"] = sys.argv[1] == "vectorized"
run = threading.Thread(target=leastsq_many, args=(func, [[START]]), kwargs=options, daemon=True)
run.start()
time.sleep(0.1)
assert run.is_alive()
"""


def test_an_interpreter_that_ends_during_a_run(decay_library: Path) -> None:
    """The thread of the run is a daemon: nothing is printed, and the process does not crash."""
    kinds = [("compiled", 1), ("compiled", 2), ("vectorized", 1), ("vectorized", 2), ("plain", 1)]
    ended = run_together({str(kind): ["-c", AT_EXIT, *kind, decay_library] for kind in kinds})
    assert set(ended.values()) == {("", 0)}, ended


def test_an_executor_that_is_shut_down_during_a_run() -> None:
    pool = ThreadPoolExecutor(2)
    timer = threading.Timer(0.1, pool.shutdown, kwargs={"cancel_futures": True})
    timer.start()
    with pytest.raises((CancelledError, RuntimeError)):
        leastsq_many(
            slow_decay, START, data=DATA, args=(0.001,), chunksize=5, workers=pool.map
        )
    timer.join()
    assert leastsq_many(decay, START, data=DATA[:40], workers=2).success.all()


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("vectorized", [False, True])
def test_a_fork_while_another_thread_fits(vectorized: bool) -> None:
    """The child fits as if there had been no other thread."""
    want = leastsq_many(decay, START, data=DATA[:50], vectorized=vectorized)
    enough = threading.Event()

    def fit() -> None:
        while not enough.is_set():
            leastsq_many(decay, START, data=DATA[:50], vectorized=vectorized)

    thread = threading.Thread(target=fit)
    thread.start()
    try:
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    got = leastsq_many(decay, START, data=DATA[:50], vectorized=vectorized)
                    code = int(not np.array_equal(got.x, want.x))
                finally:
                    os._exit(code)
            assert os.waitpid(pid, 0)[1] == 0
    finally:
        enough.set()
        thread.join()
    assert_same(leastsq_many(decay, START, data=DATA[:50], vectorized=vectorized).x, want.x)


@processes_of_ours
def test_a_fork_server_that_is_killed() -> None:
    """The next run starts another."""
    if not sys.platform.startswith("linux"):
        pytest.skip("no fork server")
    from multiprocessing import forkserver

    options = {"data": DATA[:60], "workers": 2, "chunksize": 5}
    want = leastsq_many(decay, START, **options)
    pid = forkserver._forkserver._forkserver_pid
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert_same(leastsq_many(decay, START, **options).x, want.x)


def test_sub_interpreters() -> None:
    """They cannot import NumPy, or can work; nothing crashes."""
    run_python(
        """
        try:
            import _interpreters as interpreters  # Python >= 3.13
        except ImportError:
            import _xxsubinterpreters as interpreters

        code = (
            "from leastsq import leastsq\\n"
            "x, ier = leastsq(lambda x: [x[0] - 1.0, x[0] - 1.0], 3.0)\\n"
            "assert x[0] == 1.0\\n"
        )
        import leastsq
        for _ in range(2):
            number = interpreters.create()
            try:
                failed = interpreters.run_string(number, code)
            except Exception as error:
                failed = error
            assert failed is None or "ImportError" in str(failed), failed
            interpreters.destroy(number)
        """
    )
