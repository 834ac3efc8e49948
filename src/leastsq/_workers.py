"""Calls through what the user gives as workers: the map of a pool, an executor or a cluster."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

__all__ = ["Workers", "checked_map"]

Item = TypeVar("Item")

Workers = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]
"""Like map, of a function and one list."""


def checked_map(
    workers: Workers, function: Callable[[Item], Any], items: list[Item], name: str
) -> Iterator[Any]:
    """Yield the results of a function of some items; refuse more or fewer results than items."""
    returned = workers(function, items)
    try:
        results = iter(returned)
    except TypeError:
        raise TypeError(
            f"workers must return an iterable of results, not {returned!r}"
        ) from None
    count = 0
    for result in results:
        if count == len(items):
            raise ValueError(f"workers returned {count + 1} results or more for {count} {name}")
        yield result
        count += 1
    if count < len(items):
        raise ValueError(f"workers returned {count} results for {len(items)} {name}")
