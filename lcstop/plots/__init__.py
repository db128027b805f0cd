"""Figures of a review by plotly, with the interface of ``optuna.visualization``.

:mod:`lcstop.plots.matplotlib` has the same figures by matplotlib.

Example:
    >>> from lcstop import plots
    >>> from lcstop.review.example import example
    >>> figure = plots.plot_curves(example())  # figure.show() opens it in a browser
"""

from lcstop.plots.figures import plot_calibration, plot_curves, plot_incumbent, plot_savings, plot_trial
from lcstop.plots.page import write_page
from lcstop.plots.parameters import plot_parameters, plot_slice

__all__ = [
    "plot_calibration",
    "plot_curves",
    "plot_incumbent",
    "plot_parameters",
    "plot_savings",
    "plot_slice",
    "plot_trial",
    "write_page",
]
