"""The command ``leastsq-config``: what compilers and linkers must know of this installation.

Paths are printed as they are, flags quoted for a shell: ``eval "cc fit.c $(leastsq-config --cflags
--libs)"`` works wherever the package is installed. ``python -m leastsq.config`` is the same.
"""

import argparse
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from leastsq import __version__, _minpack, get_include, get_library_dir

__all__ = ["main"]


def _libs() -> str:
    system = ["-lminpack"] if _minpack.build_config()["minpack"] == "system" else []
    return shlex.join([f"-L{get_library_dir()}", "-lleastsq", *system, "-lm"])


_ANSWERS: dict[str, tuple[Callable[[], object], str]] = {
    "--cflags": (lambda: shlex.quote(f"-I{get_include()}"), "flags for a C or C++ compiler"),
    "--libs": (_libs, "flags for the linker"),
    "--includedir": (get_include, "directory of leastsq.h and leastsq_capi.h"),
    "--libdir": (get_library_dir, "directory of libleastsq.a"),
    "--pkgconfigdir": (lambda: Path(get_library_dir(), "pkgconfig"), "for PKG_CONFIG_PATH"),
    "--fortran-interface": (
        lambda: Path(get_include(), "leastsq_interface.f90"),
        "Fortran source of interfaces, to be compiled with a program",
    ),
    "--version": (lambda: __version__, "version of the package and the library"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the answers to the options given, in their order, on one line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The options; those of the command line by default.

    Raises
    ------
    SystemExit
        With status 2, if there is no option or an unknown one.
    """
    parser = argparse.ArgumentParser("leastsq-config", description="How to compile with leastsq.")
    for option, (answer, text) in _ANSWERS.items():
        parser.add_argument(
            option, action="append_const", dest="asked", const=answer, default=[], help=text
        )
    asked: list[Callable[[], object]] = parser.parse_args(arguments).asked
    if not asked:
        parser.error("which one? --help lists the options")
    print(*(answer() for answer in asked))


if __name__ == "__main__":
    main()
