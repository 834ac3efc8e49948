"""One expensive residual over a cluster
=====================================

Where the model is a simulation that takes minutes or hours, the time of a fit is that of its
simulations, and they should run at the same time, on other machines. A difference Jacobian gives
the occasion: for N parameters it needs the residual at N points, which do not depend on one
another.

``LevenbergMarquardt`` is the solver without the loop around it. It is asked for the points at which
it wants the residual, and told the values, in any order and at any time. In between the program
does what it likes: here it sends the points to a cluster by way of Dask.

Run it as ``python cluster.py``; it needs distributed.
"""

import numpy as np
import numpy.typing as npt
from distributed import Client, LocalCluster, as_completed

from leastsq import LevenbergMarquardt, leastsq

Array = npt.NDArray[np.float64]

# %%
# A residual that takes its time
# ------------------------------
# Two states decay into one another, and the second one to nothing. A sum of both is sampled 40
# times. The simulation has 2000 small steps in Python; imagine a longer one. There are four
# parameters: two rates, and the states at the beginning.
STEPS, SAMPLES = 2000, 40
TRUTH = np.array([1.5, 0.7, 2.0, 0.3])
START = [1.0, 1.0, 1.0, 1.0]


def simulated(p: Array) -> Array:
    """Return the sum of two states that decay into one another, sampled."""
    a, b = p[2], p[3]
    seen = np.empty(STEPS)
    for i in range(STEPS):
        flow = 0.002 * (p[0] * a - p[1] * b)
        a, b = a - flow, b + flow - 0.002 * b
        seen[i] = a + 0.5 * b
    return seen[:: STEPS // SAMPLES]


MEASURED = simulated(TRUTH)
MEASURED += 0.002 * np.random.default_rng(5).standard_normal(SAMPLES)


def residual(p: Array) -> Array:
    """Return how far the simulation is from what was measured."""
    return simulated(p) - MEASURED


# %%
# The loop
# --------
# ``LevenbergMarquardt`` gets the start and the number of residuals, as there is no function that
# could tell it. ``solve.ask()`` returns an array of points: the start, then four points for a
# Jacobian or one for a trial step, and ``None`` at the end. All of them are submitted at once.
#
# ``as_completed`` yields the answers as they arrive, and each is told at once, together with the
# point that it belongs to. When the last one is there, the next ``ask`` returns new points.
#
# ``pure=False`` makes Dask run what it is given, rather than look for a result of the same function
# with the same argument. A simulation that failed raises at ``future.result()``; as the solver
# waits, the program may submit that point again.
def fit(client: Client) -> LevenbergMarquardt:
    """Fit with residuals that the cluster computes; return the finished solve."""
    solve = LevenbergMarquardt(START, SAMPLES)
    while (points := solve.ask()) is not None:
        futures = {client.submit(residual, point, pure=False): point for point in points}
        for future in as_completed(futures):
            solve.tell([futures[future]], [future.result()])
    return solve


# %%
# Here and there, the same bits
# -----------------------------
# The cluster is made of two processes of this machine; for a real one ``Client`` gets the address
# of its scheduler. ``solve.result()`` returns what ``leastsq`` does with ``full_output``.
#
# The order in which answers come is different each time, but the result is not. It has the same
# bits as that of ``leastsq``, which calls the residual here, one point after the other.
def main() -> None:
    """Fit over the cluster, and here: the same bits."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        x, _, infodict, message, _ = fit(client).result()
    print(message)
    print("parameters", x, "after", infodict["nfev"], "simulations")
    here, _, _, _, _ = leastsq(residual, START, full_output=True)
    print("the same bits:", x.tobytes() == here.tobytes())
    assert x.tobytes() == here.tobytes()
    assert np.allclose(residual(x), 0.0, atol=0.01)


# %%
# Each process of the cluster reads this file, and must not start the fit again. So the call is made
# only where the file is run as the program.
if __name__ == "__main__":
    main()

# %%
# With ``leastsq(residual, START, workers=client.get_executor().map)`` the points of a Jacobian go
# to the cluster too, and the loop is not needed. Ask and tell are for where it has something of its
# own to do: submitting again what has failed, or saving the solve, see :doc:`checkpoints`. For many
# fits that are short, :doc:`image_cube` sends whole fits.
