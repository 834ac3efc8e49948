"""What `help` and notebooks show first of a function: names and defaults, without the types.

Those are for type checkers, which read the source, and for `typing.get_type_hints`.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["hide_types"]


def hide_types(public: Iterable[object]) -> None:
    """Take the types out of the signatures of functions, and of classes and their methods."""
    for item in public:
        parts = [item] if inspect.isfunction(item) else []
        if inspect.isclass(item) and not issubclass(item, dict):
            parts = [part for part in vars(item).values() if inspect.isfunction(part)]
        for function in parts:
            _hide_types(function)


def _hide_types(function: Callable[..., Any]) -> None:
    signature = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
    ]
    plain = inspect.Signature(parameters)
    function.__signature__ = plain  # type: ignore[attr-defined]
