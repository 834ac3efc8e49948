"""Python processes that measure something on their own and print it."""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["numbers_from"]

DIRECTORY = Path(__file__).parents[1]
"""From which a process can import this package."""


def numbers_from(*arguments: str) -> list[float]:
    """Run Python with these arguments; return the numbers that it prints."""
    path = os.environ.get("PYTHONPATH")
    environment = os.environ | {"PYTHONPATH": f"{DIRECTORY}{os.pathsep + path if path else ''}"}
    command = [sys.executable, *arguments]
    output = subprocess.check_output(command, env=environment, text=True)  # noqa: S603
    return [float(word) for word in output.split()]
