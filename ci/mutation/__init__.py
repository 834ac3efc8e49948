"""Changes the core a token at a time and runs the unit tests; ci/mutate.py is its command."""
