#!/usr/bin/env python
"""Runs the benchmark; `ci/benchmark.py --help` says what it can do."""

from benchmark.command import main  # the package beside this file, which goes before a module

if __name__ == "__main__":
    main()
