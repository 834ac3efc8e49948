"""One expensive residual over a cluster: ask for points, let the cluster compute, tell.

Run it as ``python cluster.py``; it needs distributed.

A difference Jacobian asks for N points at once; whichever answer comes first is told first.
"""

# %% A residual that takes its time: a simulation of two coupled decays in small steps.
import numpy as np
import numpy.typing as npt

from leastsq import LevenbergMarquardt, leastsq

Array = npt.NDArray[np.float64]

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


MEASURED = simulated(TRUTH) + 0.002 * np.random.default_rng(5).standard_normal(SAMPLES)


def residual(p: Array) -> Array:
    """Return how far the simulation is from what was measured."""
    return simulated(p) - MEASURED


# %% The cluster, here two processes of this machine.
def main() -> None:
    """Fit over the cluster, and here: the same bits."""
    from distributed import Client, LocalCluster, as_completed

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        solve = LevenbergMarquardt(START, SAMPLES)
        while (points := solve.ask()) is not None:
            futures = {client.submit(residual, point, pure=False): point for point in points}
            for future in as_completed(futures):
                solve.tell([futures[future]], [future.result()])
    x, _, infodict, message, _ = solve.result()
    print(message)
    print("parameters", x, "after", infodict["nfev"], "simulations")
    here, _, _, _, _ = leastsq(residual, START, full_output=True)
    assert x.tobytes() == here.tobytes()
    assert np.allclose(residual(x), 0.0, atol=0.01)


if __name__ == "__main__":  # each process of the cluster reads this file
    main()
