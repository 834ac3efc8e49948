"""What `help` and notebooks show first of a function: names and defaults, without the types.

Type checkers read them in the source, and `typing.get_type_hints` finds them. Functions that wrap
one of these by `functools.wraps` take over its signature.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["hide_types"]


def hide_types(public: Iterable[object]) -> None:
    """Take the types out of the signatures of functions, and of classes and their methods."""
    for item in public:
        if inspect.isfunction(item):
            _simplify(item)
        elif inspect.isclass(item):
            for name, part in vars(item).items():
                if inspect.isfunction(part) and (name == "__init__" or not name.startswith("_")):
                    _simplify(part)


def _simplify(function: Callable[..., Any]) -> None:
    """Give a function a signature without types and without parameters that are private."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
        if not name.startswith("_")
    ]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
