"""Figures of a study looked back on, in the manner of ``optuna.visualization``.

Here they are by plotly; :mod:`lcstop.plots.matplotlib` has the same ones.

Example:
    >>> from lcstop import plots
    >>> from lcstop.review.example import example
    >>> figure = plots.plot_curves(example())  # figure.show() opens it in a browser
"""

from lcstop.plots.figures import plot_calibration, plot_curves, plot_incumbent, plot_savings, plot_trial
from lcstop.plots.page import write_page

__all__ = [
    "plot_calibration",
    "plot_curves",
    "plot_incumbent",
    "plot_savings",
    "plot_trial",
    "write_page",
]
