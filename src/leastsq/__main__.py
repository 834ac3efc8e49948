"""``python -m leastsq``: fit two of NIST's reference data sets, compare with the certificates.

``--plot FILE`` draws them.
"""

import argparse
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leastsq import _nist_plot, leastsq
from leastsq._nist import MISRA1A, THURBER, DataSet

__all__ = ["Fit", "compare", "digits_of_agreement", "fit", "main", "report"]

PROGRAM = "python -m leastsq"

TOLERANCE = 1e-14
"""For ftol and xtol."""

CERTIFIED_DIGITS = 11
REQUIRED_DIGITS = 6


@dataclass(frozen=True, eq=False)
class Fit:
    """What one fit found.

    Attributes
    ----------
    x : ndarray, shape (n,)
        Parameters.
    errors : ndarray, shape (n,)
        Their standard errors; NaN where the solver gave no covariance.
    rss : float
        Residual sum of squares.
    nfev : int
        Evaluations of the model.
    ier : int
        How the solver ended, as a number from 0 to 8.
    message : str
        The same in words, on one line, with the tolerances as they are.
    digits : ndarray, shape (n,)
        Digits to which the parameters agree with the certified ones.
    """

    x: npt.NDArray[np.float64]
    errors: npt.NDArray[np.float64]
    rss: float
    nfev: int
    ier: int
    message: str
    digits: npt.NDArray[np.float64]


def digits_of_agreement(
    found: npt.NDArray[np.float64],
    certified: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return minus the decimal logarithm of the relative error, at most 11.

    Parameters
    ----------
    found, certified : ndarray, shape (n,)
        Values to compare; the certified ones have 11 digits, none of them is zero.

    Returns
    -------
    ndarray, shape (n,)
        Digits of agreement; negative for values of different magnitude, NaN for NaN.

    References
    ----------
    McCullough, Assessing the Reliability of Statistical Software: Part I,
    The American Statistician 52 (1998) 358-366.

    Examples
    --------
    >>> digits_of_agreement(np.array([1.001, 2.0]), np.array([1.0, 2.0])).round(2)
    array([ 3., 11.])
    """
    relative_error = np.abs(found - certified) / np.abs(certified)
    digits: npt.NDArray[np.float64] = -np.log10(
        np.maximum(relative_error, 10.0**-CERTIFIED_DIGITS),
    )
    return digits


def fit(data: DataSet) -> Fit:
    """Fit a data set from its start, with a difference Jacobian.

    Parameters
    ----------
    data : DataSet
        Observations, model and start.

    Returns
    -------
    Fit
        Parameters, their errors and how the solver ended.

    Examples
    --------
    >>> [f"{parameter:.6g}" for parameter in fit(MISRA1A).x]
    ['238.942', '0.000550156']
    """
    x, cov_x, info, message, ier = leastsq(
        lambda b: data.model(b, data.x) - data.y,
        data.start,
        full_output=True,
        ftol=TOLERANCE,
        xtol=TOLERANCE,
    )
    rss = float(info["fvec"] @ info["fvec"])
    errors = np.full(x.size, np.nan)
    if cov_x is not None:
        errors = np.sqrt(rss / (data.x.size - x.size) * np.diagonal(cov_x))
    return Fit(
        x=x,
        errors=errors,
        rss=rss,
        nfev=info["nfev"],
        ier=ier,
        message=" ".join(message.split()).replace(f"{TOLERANCE:f}", f"{TOLERANCE:g}"),
        digits=digits_of_agreement(x, data.certified),
    )


def report(data: DataSet, found: Fit) -> str:
    """Lay a fit out beside its certificate.

    Parameters
    ----------
    data : DataSet
        What was fitted, with the certified values.
    found : Fit
        What `fit` made of it.

    Returns
    -------
    str
        Lines of at most 100 columns.
    """
    start = ", ".join(f"{value:g}" for value in data.start)
    head = ("", "fitted", "certified", "digits", "std. error", "certified s.d.")
    lines = [
        f"{data.name}: {data.about}",
        f"  model: {data.formula}",
        f"  {data.x.size} observations, {found.x.size} parameters, start: {start}",
        "  {:4}{:>20}{:>20}{:>8}{:>16}{:>16}".format(*head),
    ]
    columns = (found.x, data.certified, found.digits, found.errors, data.certified_errors)
    lines += [
        f"  b{i:<3}{x:20.10e}{certified:20.10e}{digits:8.1f}{error:16.6e}{deviation:16.6e}"
        for i, (x, certified, digits, error, deviation) in enumerate(zip(*columns, strict=True), 1)
    ]
    lines += [
        f"  rss {found.rss:20.10e}{data.certified_rss:20.10e}",
        f"  {found.nfev} evaluations, ier {found.ier}:",
        *textwrap.wrap(found.message, width=96, initial_indent="  ", subsequent_indent="  "),
    ]
    return "\n".join(lines)


def compare(
    datasets: Sequence[DataSet] = (MISRA1A, THURBER), picture: Path | None = None
) -> int:
    """Fit each data set and print how it compares with NIST's certificate.

    Parameters
    ----------
    datasets : sequence of DataSet, optional
        What to fit.
    picture : Path, optional
        Where to draw the fits and their residuals; needs matplotlib.

    Returns
    -------
    int
        Exit status: 0, 1 if any parameter agrees to fewer than 6 digits, or 2 if the picture could
        not be drawn.
    """
    print("NIST's reference data sets, each from NIST's start 1, with a difference Jacobian;")
    print(f"ftol = xtol = {TOLERANCE:g}: the default, 1.49e-08, would end Thurber at 4 digits.\n")
    fits = [fit(data) for data in datasets]
    for data, found in zip(datasets, fits, strict=True):
        print(report(data, found), end="\n\n")
    # A NaN is no agreement: the comparison is written so that it fails.
    good = all(bool(np.all(found.digits >= REQUIRED_DIGITS)) for found in fits)
    verdict = "every parameter agrees" if good else "NOT every parameter agrees"
    print(f"{verdict} with NIST's certified value to {REQUIRED_DIGITS} digits or more")
    if picture is not None and not _draw(datasets, fits, picture):
        return 2
    return 0 if good else 1


def _draw(datasets: Sequence[DataSet], fits: Sequence[Fit], picture: Path) -> bool:
    """Write the picture, or say why it could not be written; return whether it was."""
    parameters = [found.x for found in fits]
    try:
        _nist_plot.drawn(list(zip(datasets, parameters, strict=True))).savefig(picture)
    except (OSError, RuntimeError, ValueError) as error:  # files, LaTeX, formats
        print(f"{PROGRAM}: error: --plot {picture}: {error}", file=sys.stderr)
        return False
    print(f"drawn to {picture}")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for.

    Parameters
    ----------
    arguments : sequence of str, optional
        The options; those of the command line by default.

    Returns
    -------
    int
        Exit status, as of `compare`.

    Raises
    ------
    SystemExit
        With status 2, if there is an unknown option, or a picture cannot be drawn by that name.
    """
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Fit two of NIST's reference data sets and compare with the certified values.",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE",
                        help="draw the fits and their residuals, too: PNG, PDF, SVG ... by the "
                             "name's end; needs matplotlib")  # fmt: skip
    picture = parser.parse_args(arguments).plot
    if picture is not None:
        complaint = _cannot_draw(picture)
        if complaint:
            parser.error(f"--plot {picture}: {complaint}")
    return compare(picture=picture)


def _cannot_draw(picture: Path) -> str:
    """Say why a picture could not be drawn there; empty if nothing is known against it."""
    try:
        suffixes = _nist_plot.supported_suffixes()
    except ImportError as error:
        return f"needs matplotlib (pip install matplotlib): {error}"
    except ValueError as error:  # its configuration
        return f"matplotlib says: {error}"
    if picture.is_dir():
        return "is a directory"
    if picture.suffix.lower() not in suffixes:
        return f"the name must end with one of {', '.join(suffixes)}"
    if not picture.parent.is_dir():
        return f"there is no directory {picture.parent}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
