"""The picture of the demo's fits; needs matplotlib."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from leastsq._nist import DataSet, Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["drawn", "supported_suffixes"]

DATA, CURVE = "tab:blue", "tab:orange"


def supported_suffixes() -> list[str]:
    """Return what names of pictures may end with."""
    from matplotlib.figure import Figure

    return [f".{name}" for name in Figure().canvas.get_supported_filetypes()]


def drawn(fits: Sequence[tuple[DataSet, Vector]]) -> "Figure":
    """Draw data sets, the models at the parameters found, and the residuals below them.

    Parameters
    ----------
    fits : sequence of (DataSet, ndarray)
        What was fitted, and the parameters.

    Returns
    -------
    Figure
        A column for each fit: data and model above, residuals below.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(fits), 4.2), layout="constrained", dpi=150)
    axes = figure.subplots(2, len(fits), sharex="col", height_ratios=[3, 1], squeeze=False)
    for (data, parameters), (above, below) in zip(fits, axes.T, strict=True):
        _draw_fit(data, parameters, above)
        _draw_residuals(data, parameters, below)
    figure.align_ylabels(axes)
    return figure


def _draw_fit(data: DataSet, parameters: Vector, axis: "Axes") -> None:
    margin = 0.03 * np.ptp(data.x)
    x = np.linspace(data.x.min() - margin, data.x.max() + margin, 400)
    axis.plot(x, data.model(parameters, x), color=CURVE, label="fit")
    axis.plot(data.x, data.y, "o", color=DATA, markersize=4, label="data")
    axis.set_title(f"{data.name}\n{data.formula}", fontsize=8.5)
    axis.set_ylabel(data.y_label)
    axis.legend(loc="upper left", frameon=False)


def _draw_residuals(data: DataSet, parameters: Vector, axis: "Axes") -> None:
    axis.axhline(0.0, color=CURVE)
    axis.plot(data.x, data.y - data.model(parameters, data.x), "o", color=DATA, markersize=4)
    axis.set_xlabel(data.x_label)
    axis.set_ylabel("data - fit")
