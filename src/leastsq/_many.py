"""leastsq_many: many independent fits of one size."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

from leastsq._checks import as_c_int, require_bundled, require_callable, settings
from leastsq._compiled import CompiledResidual, is_numba, require_no_python
from leastsq._driver import Residual
from leastsq._many_compiled import Compiled
from leastsq._many_fits import Fits
from leastsq._many_kinds import OneByOne, Vectorized
from leastsq._many_result import LeastsqManyResult, summary
from leastsq._many_run import Options, Run, StopRun
from leastsq._many_workers import collect, resolve_workers, run_tasks
from leastsq._outcome import IMPROPER_INPUT, improper_message
from leastsq._problems import Problems
from leastsq._workers import Workers

__all__ = ["leastsq_many"]

NAN_POLICIES = ("propagate", "omit", "raise")


def leastsq_many(
    func: Residual | CompiledResidual,
    x0: npt.ArrayLike,
    *,
    data: Any = (),  # noqa: ANN401  (whatever can be sliced)
    args: object = (),
    Dfun: Residual | None = None,
    col_deriv: object = False,
    weights: npt.ArrayLike | None = None,
    nan_policy: Literal["propagate", "omit", "raise"] = "propagate",
    vectorized: object = False,
    cov: object = True,
    ftol: SupportsFloat = 1.49012e-08,
    xtol: SupportsFloat = 1.49012e-08,
    gtol: SupportsFloat = 0.0,
    maxfev: SupportsIndex = 0,
    epsfcn: SupportsFloat | None = None,
    factor: SupportsFloat = 100,
    diag: npt.ArrayLike | None = None,
    workers: SupportsIndex | Workers = 1,
    chunksize: SupportsIndex | None = None,
    progress: bool | Callable[[int, int], object] = False,
) -> LeastsqManyResult:
    """Minimise the sums of squares of many independent problems of one size.

    Each is solved as `leastsq` solves it, to the last bit; all of them together, so that one call
    of a vectorized func is for hundreds of problems. The arrays returned have the shape of the
    batch, B. What stops one fit never stops another.

    Parameters
    ----------
    func : callable or CompiledResidual
        ``func(p, *rows, *args)`` returns the M residuals of one problem at p, shape (N,), given its
        row of each array in data; rows are read-only. With vectorized it takes S problems at once.
        A numba function is compiled into the run, which then needs neither Python nor the GIL,
        unless vectorized, or a Dfun that is none of numba's, has it called from Python.
    x0 : array_like, shape B + (N,) or (N,)
        Where to start. Axes of length 1 are broadcast: (1, 1, N) starts every pixel alike. (N,)
        is one start for a batch of one axis, which data must have then.
    data : array or tuple of arrays, default ()
        Arrays whose first axes are those of the batch, or 1 where the same row is for all. Whatever
        has shape, dtype and slicing will do, memmap, h5py and zarr too; it is read in parts.
    args : tuple or object, default ()
        Extra arguments of func and Dfun, the same for all; anything but a tuple is one argument.
    Dfun : callable, optional
        ``Dfun(p, *rows, *args)`` returns the Jacobian of func, shape (M, N), or its transpose if
        col_deriv is true. By default it is approximated by forward differences.
    col_deriv : bool, default False
        Whether Dfun returns derivatives down the columns.
    weights : array_like, shape (M,) or B + (M,), optional
        The residual that is minimised is weights*func: weights are 1/sigma, not its square. Where
        one is 0 the sample is left out, whatever func returns there.
    nan_policy : {"propagate", "omit", "raise"}, default "propagate"
        What to do where func(x0) is NaN: nothing, leave the sample out, or raise.
    vectorized : bool, default False
        Whether func and Dfun take S problems at once: p of shape (N, S, 1), so that p[0], p[1], ...
        broadcast against rows of shape (S, ...); a datum of shape B, one number a problem, comes as
        (S, 1), one that all share with S = 1. func returns (S, M), Dfun (S, M, N), with col_deriv
        (N, S, M). Reductions over samples are along axis=-1.
    cov : bool, default True
        Whether to return covariances, N*N numbers a problem.
    ftol, xtol, gtol : float, default 1.49012e-08, 1.49012e-08, 0.0
        As for `leastsq`.
    maxfev : int, default 0
        Number of residuals of a problem after which to stop; 0 or less stands for 200*(N + 1),
        with Dfun for 100*(N + 1).
    epsfcn : float, optional
        As for `leastsq`; by default it follows the type that func returns first.
    factor : float, default 100
        As for `leastsq`.
    diag : array_like of N positive numbers, optional
        As for `leastsq`; the same for all problems.
    workers : int or map-like callable, default 1
        How many fit at once, -1 for all cores: threads where Python is not needed most of the time
        (compiled, vectorized, or free-threaded Python), otherwise processes, which end with the
        call. Those import the program: func must be that of a module, or of a program whose code
        is under ``if __name__ == "__main__":``. Or the map of an executor or a cluster
        (``ProcessPoolExecutor.map``, loky's, ``client.get_executor().map`` of Dask, that of
        ``mpi4py.futures``), which is called with lists of tasks, at most 64 and some 64 MB each
        time; a worker that dies is the engine's error, or its own retry, but
        `multiprocessing.Pool` waits for it for ever. Arrays in args that can be written to are
        copied for each task. The bits are the same whatever fits.
    chunksize : int, optional
        Fits of a task; by default as many as repay sending them.
    progress : bool or callable, default False
        True for a bar of tqdm (``pip install 'leastsq[progress]'``). A callable is called with the
        numbers of fits done and in all; a StopIteration that it raises ends the run with what
        there is.

    Returns
    -------
    LeastsqManyResult
        Has x, cov_x, ssq, dof, ier, nfev, njev, success, errors and standard_errors().

    Raises
    ------
    TypeError
        If an argument is of a wrong kind or out of range, if the first residual is no array of
        floats, or if M < N.
    ValueError
        If shapes do not broadcast, workers is neither -1 nor positive or returns other than one
        result a task in their order, the first result has a wrong shape, a vectorized func gives a
        problem other residuals among others than alone, or for NaNs where nan_policy is "raise".
    NotImplementedError
        If leastsq was built on the system's MINPACK.

    Warns
    -----
    RuntimeWarning
        Once, at the end, if there are fits without success; those whose weights are all 0 do not
        count.

    See Also
    --------
    leastsq : Solves one problem.
    CompiledResidual : A func of C, Fortran or Cython.

    Notes
    -----
    An exception of func, or a negative value of a compiled one, ends that fit, with ier -1; the
    first hundred exceptions are in errors. Where a vectorized func raises, the problems of that
    call are evaluated again one by one to find out whose exception it is. KeyboardInterrupt
    and SystemExit end the run. A signal's handler is part of what it interrupts: one that is to
    end the run, such as a time limit, must raise one of these and no Exception.

    References
    ----------
    Moré, The Levenberg-Marquardt algorithm: implementation and theory, LNM 630 (1978).

    Examples
    --------
    >>> import numpy as np
    >>> from leastsq import leastsq_many
    >>> t = np.linspace(0.0, 4.0, 50)
    >>> rates = np.linspace(0.5, 2.0, 1000)
    >>> decays = 3.0 * np.exp(-rates[:, None] * t)
    >>> def residual(p, y):
    ...     return p[0] * np.exp(-p[1] * t) - y
    >>> result = leastsq_many(residual, [1.0, 1.0], data=decays, vectorized=True)
    >>> result
    1000 fits: 1000 converged
    >>> bool(np.allclose(result.x[:, 1], rates))
    True
    """
    require_bundled("leastsq_many")
    problems = Problems(x0, data, weights)
    if is_numba(func) and (Dfun is None or is_numba(Dfun)) and not vectorized:
        func = CompiledResidual(func)
    analytic = Dfun is not None or (
        isinstance(func, CompiledResidual) and func.backend.writes_jacobian
    )
    _, ftol, xtol, gtol, limit, epsfcn, factor, scale, _ = settings(
        np.zeros(problems.n), ftol, xtol, gtol, maxfev, epsfcn, factor, diag, analytic
    )
    fault = improper_message(problems.n, scale, ftol=ftol, xtol=xtol, gtol=gtol, factor=factor)
    if fault:
        raise TypeError(fault)
    _check(func, Dfun, nan_policy, vectorized)
    count_or_map = resolve_workers(workers)
    size = None if chunksize is None else as_c_int("chunksize", chunksize)
    if size is not None and size < 1:
        raise ValueError(f"chunksize must be positive, not {chunksize!r}")
    options = Options(
        func=func,
        dfun=Dfun,
        analytic=analytic,
        args=args if isinstance(args, tuple) else (args,),
        transposed=bool(col_deriv),
        nan_policy=NAN_POLICIES.index(nan_policy),
        cov=bool(cov),
        settings=(ftol, xtol, gtol, limit, factor, scale),
        epsfcn=epsfcn,
        n=problems.n,
        shape=problems.shape,
        weights_shape=None if problems.weights is None else problems.weights.shape,
    )
    run = _run(options, vectorized)
    with _shown(progress, problems.count) as report:
        fits = Fits(run, problems, report)
        collect(fits, run_tasks(fits, count_or_map, size))
    result = fits.result()
    masked = (result.ier == IMPROPER_INPUT) & fits.zero_weighted.reshape(problems.shape)
    if not (result.success | masked).all():
        warnings.warn(summary(result.ier, result.success), RuntimeWarning, stacklevel=2)
    return result


def _run(options: Options, vectorized: object) -> Run:
    """Return a run of the kind that func needs."""
    if isinstance(options.func, CompiledResidual):
        return Compiled(options, options.func)
    return Vectorized(options) if vectorized else OneByOne(options)


def _check(func: object, dfun: object, nan_policy: str, vectorized: object) -> None:
    if isinstance(func, CompiledResidual):
        require_no_python(func, dfun, vectorized)
    else:
        require_callable("func", func)
    if dfun is not None:
        require_callable("Dfun", dfun)
    if nan_policy not in NAN_POLICIES:
        raise ValueError(f"nan_policy must be one of {NAN_POLICIES}, not {nan_policy!r}")


@contextmanager
def _shown(progress: object, total: int) -> Iterator[Callable[[int], None]]:
    """Report how many fits are done, by a bar or by the user's function."""
    if isinstance(progress, np.bool_):
        progress = bool(progress)
    if progress is True:
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            raise ImportError(
                "progress=True needs tqdm: pip install 'leastsq[progress]'"
            ) from error
        with tqdm(total=total, unit="fit") as bar:
            yield lambda done: bar.update(done - bar.n)
    elif progress is False or progress is None:
        yield lambda done: None
    elif callable(progress):
        yield _Progress(progress, total)
    else:
        raise TypeError(f"progress must be a bool or callable, not {progress!r}")


class _Progress:
    """Calls the user's function if more fits are done than at the last report."""

    def __init__(self, function: Callable[[int, int], object], total: int) -> None:
        self.function = function
        self.total = total
        self.done = 0

    def __call__(self, done: int) -> None:
        if done == self.done:
            return
        self.done = done
        try:
            self.function(done, self.total)
        except StopIteration:
            raise StopRun from None
