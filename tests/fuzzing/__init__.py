"""Random cases of many kinds for `fuzz.py`, a kind a module."""
