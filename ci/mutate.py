#!/usr/bin/env python
"""Runs the mutation tests; `ci/mutate.py --help` says what they are."""

from mutation.command import main

if __name__ == "__main__":
    main()
