"""What this installation was built from, what it uses here, and where its library is."""

import platform

import numpy as np

from leastsq import _minpack

__all__ = ["__version__", "get_include", "get_library_dir", "show_config"]

__version__: str = _minpack.build_config()["version"]

_minpack.instruction_set()  # where LEASTSQ_SIMD cannot be met, the import fails


def get_include() -> str:
    """Return the directory of the C headers and of leastsq_interface.f90, for a compiler's -I.

    Returns
    -------
    str
        Absolute path.

    See Also
    --------
    get_library_dir : Returns that of the library.

    Examples
    --------
    >>> import os
    >>> from leastsq import get_include
    >>> {"leastsq.h", "leastsq_interface.f90"} <= set(os.listdir(get_include()))
    True
    """
    return _directory_of("include", "leastsq.h")


def get_library_dir() -> str:
    """Return the directory of libleastsq.a, for a linker's -L.

    Returns
    -------
    str
        Absolute path.

    See Also
    --------
    get_include : Returns that of the headers.

    Examples
    --------
    >>> import os
    >>> from leastsq import get_library_dir
    >>> "libleastsq.a" in os.listdir(get_library_dir())
    True
    """
    return _directory_of("lib", "libleastsq.a")


def _directory_of(folder: str, name: str) -> str:
    from importlib.resources import files  # slow to import, and rarely wanted

    # The files of an editable install are in several directories; `files` finds only whole files.
    path = str(files("leastsq").joinpath(folder, name))
    return path[: -len(name) - 1]


def show_config() -> None:
    """Print versions, compiler, flags, whose MINPACK this is, and the instruction set in force.

    See Also
    --------
    get_include, get_library_dir : Return where the C and Fortran library is.

    Examples
    --------
    >>> from leastsq import show_config
    >>> show_config()  # doctest: +ELLIPSIS
    leastsq: ...
    """
    built = _minpack.build_config()
    rows = {
        "leastsq": __version__,
        "Python": platform.python_version(),
        "NumPy": f"{np.__version__} (built with {built['numpy']})",
        "C compiler": built["c_compiler"],
        "Fortran compiler": built["fortran_compiler"],
        "Fortran flags": built["fortran_flags"],
        "MINPACK": built["minpack"],
        "Instruction set": _minpack.instruction_set(),
    }
    for name, value in rows.items():
        print(f"{name + ':':18}{value}")
