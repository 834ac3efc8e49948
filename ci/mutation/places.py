"""Where in the sources each change is to be made.

A table of changes maps a test and a pattern of files to lines of the form

    name  |  text before {old -> new} text after

whose text must occur once in all the files that match the pattern. A space in it stands for any
white space, with a Fortran comment in it or not.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

from mutation import building_blocks, harnesses, solves

__all__ = ["CHECKOUT", "Mutation", "find_all"]

CHECKOUT = Path(__file__).parents[2]
CHANGES = building_blocks.CHANGES | solves.CHANGES | harnesses.CHANGES
SPACE = r"\s+(?:!+ .*\s+)?"


class Mutation(NamedTuple):
    """What to replace in which file, and the test file that should notice."""

    name: str
    test: str
    path: str
    line: int
    start: int
    old: str
    new: str

    def apply(self, text: str) -> str:
        """Return the text of the file with the change."""
        return text[: self.start] + self.new + text[self.start + len(self.old) :]


def find_all() -> list[Mutation]:
    """Return every change with its place; exit with a message if one has none, or several."""
    mutations, wrong = [], []
    for (test, pattern), changes in CHANGES.items():
        texts = {path: path.read_text(encoding="utf-8") for path in CHECKOUT.glob(pattern)}
        for change in changes.strip().splitlines():
            title, context = (part.strip() for part in change.split("|", maxsplit=1))
            before, old, new, after = re.split(r"\{(.+?) -> (.+?)\}", context)
            parts = (re.escape(part).replace(r"\ ", SPACE) for part in (before, old, after))
            wanted = re.compile("{}({}){}".format(*parts))
            found = [(path, m) for path, text in texts.items() for m in wanted.finditer(text)]
            if len(found) != 1:
                wrong.append(f"{pattern} has {len(found)} of: {context}")
                continue
            path, start = found[0][0], found[0][1].start(1)
            line = texts[path].count("\n", 0, start) + 1
            relative = str(path.relative_to(CHECKOUT))
            mutations.append(
                Mutation(f"{path.stem}: {title}", test, relative, line, start, old, new)
            )
    names = [mutation.name for mutation in mutations]
    wrong += [f"two changes have the name {name}" for name in set(names) if names.count(name) > 1]
    if wrong:
        sys.exit("\n".join(wrong))
    return mutations
