"""Memory use after failed reverse-communication solves, whatever drives them."""

from __future__ import annotations

from asking import asks
from support import run_python

pytestmark = asks


def test_nothing_leaks() -> None:
    """A leaked array of 8 kB shows as 4.8 MB, a small object as 600 allocated blocks."""
    run_python(
        """
        import gc, os, pickle, sys
        import numpy as np
        from leastsq import LevenbergMarquardt, leastsq

        t = np.linspace(0.0, 1.0, 1000)
        class Stop(Exception):
            pass

        def func(p):
            return p[0] * np.exp(-p[1] * t) - 1.0

        def bad_at(call, bad, function=func):
            calls = 0
            def counted(p):
                nonlocal calls
                calls += 1
                return bad() if calls == call else function(p)
            return counted

        def stop():
            raise Stop

        def fails(function, *arguments, **options):
            try:
                function(*arguments, **options)
            except (Stop, TypeError, ValueError):
                return
            raise AssertionError("nothing was raised")

        def whole():
            solve = LevenbergMarquardt([1.0, 2.0], 1000)
            while (points := solve.ask()) is not None:
                fails(solve.tell, points, np.ones((len(points), 999)))
                fails(solve.tell, points + 1.0, np.ones((len(points), 1000)))
                fails(solve.tell, points, 1j * np.ones((len(points), 1000)))
                if len(points) == 2:
                    solve.tell(points[1:], [func(points[1])])
                    solve = pickle.loads(pickle.dumps(solve))
                solve.tell(points, [func(point) for point in points])
                solve.result(), solve.x, solve.fvec, repr(solve)

        def broken():
            solve = LevenbergMarquardt([1.0, 2.0], 1000)
            state = solve.__getstate__()
            state["block"] = state["block"][:-8].copy()
            fails(solve.__setstate__, state)

        def enough(x):
            raise StopIteration

        def look(intermediate_result):
            pass

        def jacobian(p):
            e = np.exp(-p[1] * t)
            return np.stack([e, -p[0] * t * e], axis=-1)

        cases = [whole, broken]
        cases += [lambda o=o: leastsq(func, [1.0, 2.0], full_output=True, **o) for o in (
            {"vectorized": True}, {"vectorized": True, "Dfun": jacobian}, {"workers": map},
            {"callback": enough}, {"callback": look, "Dfun": jacobian})]
        for options in ({"vectorized": True}, {"workers": map}, {"callback": look}):
            for call in (1, 2, 3):
                for bad in (stop, lambda: np.ones(999), lambda: 1j * t):
                    cases.append(lambda call=call, bad=bad, options=options: fails(
                        leastsq, bad_at(call, bad), [1.0, 2.0], **options))
        for bad in (stop, lambda: np.ones(999)):
            cases.append(lambda bad=bad: fails(
                leastsq, func, [1.0, 2.0], Dfun=bad_at(2, bad, jacobian), vectorized=True))

        def usage():
            gc.collect()
            with open("/proc/self/statm") as file:
                pages = int(file.read().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE"), sys.getallocatedblocks()

        for case in cases:
            for _ in range(400):
                case()
            before = usage()
            for _ in range(600):
                case()
            size, blocks = (now - then for now, then in zip(usage(), before))
            assert size < 3_000_000, (case, size)
            assert blocks < 500, (case, blocks)
        """
    )
