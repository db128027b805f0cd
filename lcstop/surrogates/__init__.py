"""Surrogates: what predicts the rest of a curve, one module each behind one Protocol."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol, get_args

from lcstop.config.choices import SurrogateName
from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.surrogates.forecast import Forecast

_PLACES: dict[str, tuple[str, str, dict[str, str]]] = {
    "lcpfn": ("lcpfn", "LCPFN", {}),
    "lcpfn-published": ("lcpfn", "LCPFN", {"prior": "published"}),
    "mcmc": ("mcmc", "MCMC", {}),
    "powerlaw": ("powerlaw", "PowerLaw", {}),
    "last_value": ("last_value", "LastValue", {}),
}
"""Module, class and arguments of each surrogate; a module is imported only when it is asked for."""

SURROGATES: tuple[str, ...] = get_args(SurrogateName)
"""Names that :func:`load_surrogate` knows."""


class Surrogate(Protocol):
    """Predicts later values of curves."""

    def forecast(
        self,
        curves: Sequence[Curve],
        at: Sequence[float],
        scale: MetricScale,
        study: Sequence[Curve] = (),
    ) -> Forecast:
        """Distributions ``[n_curves, n_at]`` of each curve's value at each step of ``at``.

        Args:
            curves: Curves of any lengths and horizons; diverged points are passed over.
            at: Steps after the last finite point of every curve, up to its horizon.
            scale: The metric's direction and range.
            study: The other trials' curves, which a surrogate may ignore.

        Raises:
            ValueError: If ``at`` is empty or asks for a step that is not ahead of a curve.
        """
        ...


def load_surrogate(name: str = "lcpfn") -> Surrogate:
    """A surrogate by name, with its default arguments.

    ``lcpfn``, whose weights are part of the package, is the one to use. ``lcpfn-published`` is the same
    network, told that curves come from the prior of the paper; the others are what it is compared with.

    Raises:
        ImportError: If ``mcmc`` is asked for and emcee is not installed.
        ValueError: If there is no surrogate of that name, or its weights are damaged.

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
    module, surrogate, arguments = _PLACES[name]
    loaded: Surrogate = getattr(importlib.import_module(f"lcstop.surrogates.{module}"), surrogate)(
        **arguments
    )
    return loaded
