"""What every function does when memory runs out: each allocation of a call fails, one at a time.

    python tests/allocations.py                   all calls, about ten minutes
    python tests/allocations.py minpack many      those of some groups
    python tests/allocations.py --only weights    those whose names contain that
    python tests/allocations.py --every 7         every seventh allocation

A child process, which has failing_malloc.c in place of malloc for Python's memory too, makes each
call of calls.py with its first allocation failing, then with its second, until the call gets by
with what it is given; and each time also with all later ones failing. The call must raise
MemoryError or return what it returns otherwise, and leave no error, no memory and no reference
behind; its arguments are as they were, and the next call returns the same bits. A few calls have a
documented third way to end, see `Case`. A crash or a line on stderr is a fault as well.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import gc
import inspect
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import programs
from calls import Case, Outcome
from calls_many import groups
from reference import bits
from support import MANY_ARRAYS

from leastsq import LeastsqManyResult, LevenbergMarquardt, _minpack

SOURCES = [Path(__file__).with_name(name) for name in ("failing_malloc.c", "decay.c")]
NATIVE_GROUPS = ("many", "pointer", "numba")
"""Whose Python code has closures, which CPython cannot fail to create: see `limit_scope`."""
WARM_UP = 20
"""Calls that fill the caches of Python and NumPy, and let Python specialize its code."""
LOST = re.compile(r"without (setting an exception|exception set)|with an exception set")
"""In SystemErrors of CPython."""
MOST_FAULTS = 10
"""After so many the next call's turn comes."""
REPEATS = 20
"""Calls by which what is kept once is told from what leaks each time."""
ROUNDS = 60
NEVER = 2**62
WATCHED = [None, *map(np.dtype, ("f8", "i4", "i8", "u1", "?", "O")), np.ndarray, tuple, dict, list]
"""Objects that all calls share: a lost reference to one of them leaks no memory."""


class Fault(Exception):  # noqa: N818  (what a call did wrong)
    """What went wrong."""


# In the child process


class Memory:
    """The functions of failing_malloc.c in this process."""

    def __init__(self) -> None:
        library = ctypes.PyDLL(None)
        self.live_blocks = library.live_blocks
        self.live_blocks.restype = ctypes.c_long
        self.requests = library.allocation_requests
        self.requests.restype = ctypes.c_long
        self._call = library.call_failing
        self._call.restype = ctypes.py_object
        self._call.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_long, ctypes.c_long]
        self._function = ctypes.cast(ctypes.pythonapi.PyObject_CallNoArgs, ctypes.c_void_p)

    def call(self, function: Callable[[], object], first: int, last: int) -> object:
        """Call a function while allocations from first to last, counted from 1, fail."""
        return self._call(self._function, function, first, last)

    def usage(self) -> tuple[int, int]:
        """Return the number of blocks in use, and of references to watched objects."""
        return self.live_blocks(), references()


def references() -> int:
    """Return the number of references to watched objects."""
    return sum(map(sys.getrefcount, WATCHED))


@functools.cache
def numpy_loses_references() -> bool:
    """Whether NumPy loses a reference to float64 in each call of np.empty without a dtype.

    Version 2.5 does, and in ndarray.dot.
    """
    before = references()
    for _ in range(REPEATS):
        np.empty(1)
    return references() - before >= REPEATS


def outcome(call: Callable[[], object], state: Callable[[], object]) -> Outcome:
    """Return the bits of a call's result and the state then, or its exception's type and text."""
    try:
        return "returns", plain(call()), state()
    except Exception as error:
        return "raises", type(error), str(error)


def lost_by_others(found: Outcome) -> bool:
    """Whether an exception was lost, by no function of the native module.

    CPython 3.11 to 3.13 loses one whose traceback cannot be extended, as that of
    ``def f(): raise TypeError``, and str.format and NumPy's where lose their own. An error that
    a native function has lost is reported with its name.
    """
    kind, *rest = found
    if (kind, rest[0]) != ("raises", SystemError):
        return False
    names = [name for name, _ in native_functions()]
    culprit = re.match(r"<(?:built-in |fortran )?function (\w+)", rest[1])
    return LOST.search(rest[1]) is not None and (culprit is None or culprit[1] not in names)


def plain(value: Any) -> object:
    """Return bits that can be compared; of many fits those of each, and their errors."""
    if isinstance(value, LeastsqManyResult):
        arrays = [getattr(value, name) for name in MANY_ARRAYS if getattr(value, name) is not None]
        fits = [tuple(map(bits, fit)) for fit in zip(*arrays, strict=True)]
        return fits, {place: (type(error), str(error)) for place, error in value.errors.items()}
    if isinstance(value, LevenbergMarquardt):
        return bits(value.__getstate__())
    return value if isinstance(value, (bytes, str, type(None))) else bits(value)


class Sweep:
    """One call, with every allocation failing in turn."""

    def __init__(self, memory: Memory, name: str, case: Case, log: int) -> None:
        self.memory, self.name, self.case, self.log = memory, name, case, log
        self.ignored: list[str] = []
        sys.unraisablehook = lambda what: self.ignored.append(repr(what.exc_value))
        for _ in range(WARM_UP):
            self.want = outcome(*case.prepare())
        before = references()
        for _ in range(REPEATS):
            outcome(*case.prepare())
        self.lost = references() - before if numpy_loses_references() else 0
        self.tally: Counter[str] = Counter()

    def run(self, every: int) -> Iterator[str]:
        """Yield what goes wrong."""
        gc.collect()
        gc.freeze()
        failing, reached = 1, True
        while reached:
            for last in (failing, NEVER):
                how = "alone" if last == failing else "and all later ones"
                where = f"{self.name}: allocation {failing} fails, {how}"
                os.pwrite(self.log, where.ljust(200).encode(), 0)
                try:
                    reached = self.attempt(failing, last)
                    if reached and all(self.takes_memory(failing, last) for _ in range(3)):
                        self.repeat(failing, last)
                except Fault as fault:
                    yield f"{where}: {fault}"
            failing += every
        gc.unfreeze()

    def takes_memory(self, first: int, last: int) -> bool:
        """Return whether there are more blocks or references after an attempt than before."""
        before = self.memory.usage()
        self.attempt(first, last)
        blocks, shared = map(int.__sub__, self.memory.usage(), before)
        return blocks > 0 or shared * REPEATS > 2 * self.lost  # it is called twice

    def attempt(self, first: int, last: int) -> bool:
        """Make the call with failing allocations, then once more; return whether one failed."""
        attempt = self.case.prepare()
        state = attempt.state()
        got = outcome(lambda: self.memory.call(attempt.call, first, last), attempt.state)
        if self.memory.requests() < first:
            return False
        if self.ignored:
            raise Fault(f"an exception was ignored: {self.ignored.pop()}")
        if got == self.want:
            self.tally["return the same"] += 1
            return True
        if got[0] == "raises" and issubclass(got[1], MemoryError):
            self.tally["raise MemoryError"] += 1
        elif self.case.accepts(got, self.want):
            self.tally["end as documented"] += 1
        elif first == last and lost_by_others(got):
            self.tally["lose the error elsewhere"] += 1
        else:
            raise Fault(f"it {shown(got)}, and otherwise {shown(self.want)}")
        if attempt.state() != state:
            raise Fault("its arguments are not as they were")
        again = outcome(attempt.call, attempt.state)
        if again != self.want:
            raise Fault(f"the next call {shown(again)}, and before {shown(self.want)}")
        return True

    def repeat(self, first: int, last: int) -> None:
        """Raise a fault if each call takes more memory; caches are full after a while."""
        for _ in range(ROUNDS):
            gc.collect()
            before = self.memory.usage()
            for _ in range(REPEATS):
                self.attempt(first, last)
            gc.collect()
            blocks, shared = map(int.__sub__, self.memory.usage(), before)
            if blocks < REPEATS and shared - 2 * self.lost < REPEATS:
                return
        raise Fault(f"{REPEATS} calls leak {blocks} blocks, {shared} shared references")


def shown(found: Outcome) -> str:
    """Return an outcome as text."""
    kind, *rest = found
    return f"{kind} {' '.join(str(part)[:150] for part in rest)}"


def work_around_others() -> None:
    """Replace what loses errors, memory or the process itself, by no fault of leastsq.

    CPython 3.11 to 3.13 corrupts memory where a function with a closure cannot be created, and so
    does what creates some: inspect.signature, and NumPy's text of an array.
    """
    # It also crashes in warn(), if the frame object of the caller cannot be created.
    warnings.warn = lambda *args, **options: None  # type: ignore[assignment]
    inspect.signature = functools.cache(inspect.signature)
    np.array2string = lambda *args, **options: "array"  # type: ignore[assignment]
    # After its specialized calls of C functions it does not look for lost errors; partial does.
    for name, function in native_functions():
        setattr(_minpack, name, functools.partial(function))


def native_functions() -> list[tuple[str, Callable[..., Any]]]:
    """Return the functions of the native module by name."""
    found = vars(_minpack).items()
    return [(name, f) for name, f in found if callable(f) and not isinstance(f, type)]


def limit_scope() -> None:
    """Let only allocations inside the native module's functions fail, and in some of NumPy."""
    in_scope = memoryview(ctypes.c_int.in_dll(ctypes.CDLL(None), "in_scope")).cast("B").cast("i")

    def limited(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **options: Any) -> Any:
            before = in_scope[0]
            in_scope[0] = 1
            try:
                return function(*args, **options)
            finally:
                in_scope[0] = before

        return called

    in_scope[0] = 0
    for name, function in native_functions():
        if name != "first_residual":  # it calls a closure of _many_run.py; leastsq's calls test it
            setattr(_minpack, name, limited(function))
    for name in ("empty", "zeros", "arange", "asarray", "ascontiguousarray"):
        setattr(np, name, limited(getattr(np, name)))


def child(group: str, only: str, every: int, log: int) -> None:
    """Sweep the calls of a group, and print a line for each and for each fault."""
    work_around_others()
    if group in NATIVE_GROUPS:
        limit_scope()
    gc.disable()
    memory = Memory()
    for call, case in groups(ctypes.CDLL(None))[group]().items():
        name = f"{group}, {call}"
        if only not in name:
            continue
        sweep = Sweep(memory, name, case, log)
        for fault in islice(sweep.run(every), MOST_FAULTS):
            print(f"FAULT {fault}")
        counts = ", ".join(f"{count} {what}" for what, count in sweep.tally.items())
        print(f"{name}: of {sweep.tally.total()} calls {counts}", flush=True)


# In the parent process


def build(directory: Path) -> Path:
    """Compile failing_malloc.c, and the functions of decay.c with it."""
    flags = ["-Wno-builtin-declaration-mismatch", "-O2", "-shared", "-fPIC", "-lm"]
    return programs.build(directory, *SOURCES, *flags)


def run(group: str, library: Path, only: str = "", every: int = 1) -> str:
    """Sweep the calls of a group in a child process, and return what it prints."""
    environment = {"LD_PRELOAD": library, "PYTHONMALLOC": "malloc", "PYTHONFAULTHANDLER": "1"}
    with tempfile.TemporaryFile() as log:
        done = subprocess.run(  # noqa: S603
            [
                sys.executable, __file__, group, "--only", only, "--every", str(every),
                "--log", str(log.fileno()),
            ],
            env=os.environ | environment,
            pass_fds=[log.fileno()],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        where = os.pread(log.fileno(), 200, 0).decode().strip()
    output = done.stdout
    if done.returncode != 0:
        output += f"FAULT {where}: the process ends with {done.returncode}\n{done.stderr}"
    elif done.stderr:
        output += f"FAULT {group}: {done.stderr}"
    return output


def main() -> NoReturn:
    """Sweep the calls asked for; the status is 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("group", nargs="*", help="groups of calls.py, by default all")
    parser.add_argument("--only", default="", metavar="NAME", help="calls with NAME in their names")
    parser.add_argument("--every", type=int, default=1, help="fail every so many-th allocation")
    parser.add_argument("--log", type=int, help=argparse.SUPPRESS)  # in a child: where it is
    options = parser.parse_args()
    if options.log is not None:
        child(options.group[0], options.only, options.every, options.log)
        sys.exit(0)
    output = ""
    with tempfile.TemporaryDirectory() as directory:
        library = build(Path(directory))
        for group in options.group or groups(ctypes.CDLL(None)):
            found = run(group, library, options.only, options.every)
            print(found, end="", flush=True)
            output += found
    if not output:
        sys.exit(f"no call has {options.only!r} in its name")
    print(f"{output.count('FAULT')} faults")
    sys.exit("FAULT" in output)


if __name__ == "__main__":
    main()
