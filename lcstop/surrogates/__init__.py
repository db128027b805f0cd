"""Surrogates forecast the rest of a curve: one module each, behind one protocol."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol, get_args

from lcstop.config.choices import SurrogateName
from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.surrogates.forecast import Forecast

_CLASSES: dict[str, tuple[str, str, dict[str, str]]] = {
    "lcpfn": ("lcpfn", "LCPFN", {}),
    "lcpfn-published": ("lcpfn", "LCPFN", {"prior": "published"}),
    "mcmc": ("mcmc", "MCMC", {}),
    "powerlaw": ("powerlaw", "PowerLaw", {}),
    "last_value": ("last_value", "LastValue", {}),
}
"""Module, class and arguments of each surrogate. A module is imported only when its surrogate is loaded."""

SURROGATES: tuple[str, ...] = get_args(SurrogateName)
"""Names that :func:`load_surrogate` accepts."""


class Surrogate(Protocol):
    """A model that forecasts later values of curves."""

    def forecast(
        self,
        curves: Sequence[Curve],
        at: Sequence[float],
        scale: MetricScale,
        study: Sequence[Curve] = (),
    ) -> Forecast:
        """Distributions ``[n_curves, n_at]`` of the value of each curve at each step of ``at``.

        Args:
            curves: Curves of any lengths and horizons, in the units of the metric. NaN and infinite values
                are ignored.
            at: Steps to forecast, each after the last finite point of every curve and at most its horizon.
            scale: Direction and range of the metric.
            study: Curves of the other trials. A surrogate may ignore them.

        Raises:
            ValueError: If ``at`` is empty, or a step of it is not ahead of every curve.
        """
        ...


def load_surrogate(name: str = "lcpfn") -> Surrogate:
    """Load a surrogate by name, with its default arguments.

    Args:
        name: One of :data:`SURROGATES`. Use ``lcpfn``, the default; its weights are part of the package.
            ``lcpfn-published`` is the same network under the prior of the paper. The others are baselines.

    Raises:
        ImportError: If ``name`` is ``mcmc`` and emcee is not installed.
        ValueError: If no surrogate has that name, or its weights are damaged.

    Example:
        >>> from lcstop import Curve, MetricScale
        >>> forecast = load_surrogate("lcpfn").forecast(
        ...     [Curve([1, 2, 3], [0.41, 0.55, 0.61], horizon=50)],
        ...     at=[10, 50],
        ...     scale=MetricScale("maximize", lower=0.0, upper=1.0),
        ... )
        >>> forecast.median().shape
        (1, 2)
    """
    if name not in SURROGATES:
        raise ValueError(f"surrogate must be one of {', '.join(SURROGATES)}, got {name!r}")
    module, surrogate, arguments = _CLASSES[name]
    loaded: Surrogate = getattr(importlib.import_module(f"lcstop.surrogates.{module}"), surrogate)(
        **arguments
    )
    return loaded
