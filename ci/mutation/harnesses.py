"""Faults of the kinds that the harnesses are there to find: lost memory, lost errors, lost bits."""

__all__ = ["CHANGES"]

CHANGES: dict[tuple[str, str], str] = {}
