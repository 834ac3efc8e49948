"""Measures the installed leastsq beside other implementations; ci/benchmark.py runs it."""
