"""Base class of the surrogates that forecast each curve alone: checks, and scaling to the unit interval."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.surrogates.forecast import BarDistribution, Forecast
from lcstop.surrogates.prior_time import RESOLUTION, check_ahead, thin, to_time


class UnitSurrogate(ABC):
    """A surrogate that forecasts each curve alone, on the unit interval, where higher is better."""

    @abstractmethod
    def unit_forecast(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> BarDistribution:
        """Distributions ``[n_curves, n_at]`` on the scale of the unit interval, with tails beyond it.

        The tails are needed to score noisy curves of a prior, because noise may leave the unit interval.

        Args:
            curves: At least one curve of finite values, higher is better.
            at: ``[n_at]`` steps ahead of every curve.

        Returns:
            Bar distributions that have 0 and 1 among their inner borders.
        """

    def forecast(
        self,
        curves: Sequence[Curve],
        at: Sequence[float],
        scale: MetricScale,
        study: Sequence[Curve] = (),
    ) -> Forecast:
        """See :class:`lcstop.surrogates.Surrogate`. ``study`` is ignored.

        Raises:
            ValueError: If ``curves`` or ``at`` is empty, or a step of ``at`` is not ahead of every curve.
        """
        if not curves:
            raise ValueError("curves must hold at least one curve")
        steps_ahead = np.atleast_1d(np.asarray(at, np.float64))
        finite = [curve.finite() for curve in curves]
        check_ahead(finite, steps_ahead)
        values = scale.to_unit(np.concatenate([curve.values for curve in finite]))
        ends = np.cumsum([len(curve) for curve in finite])
        units = [
            Curve(curve.steps, values[end - len(curve) : end], curve.horizon)
            for curve, end in zip(finite, ends, strict=True)
        ]
        return Forecast(self.unit_forecast(units, steps_ahead).restrict(0.0, 1.0), scale)


def prior_time(
    curve: Curve, at: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Observed times and values of a curve, and the steps ``at``, in times t = 1 .. 100 of the prior.

    Returns:
        Observed times ``[n]``, their values ``[n]``, and the times of ``at [n_at]``; ``n`` is at most 100.

    Example:
        >>> t, y, ahead = prior_time(Curve([1, 2], [0.3, 0.4], horizon=50), np.array([50.0]))
        >>> t.tolist(), y.tolist(), ahead.tolist()
        ([1.0, 2.0], [0.3, 0.4], [50.0])
    """
    thinned = thin(curve)
    t = RESOLUTION * to_time([curve], np.concatenate([thinned.steps, at])[None])[0]
    return t[: len(thinned)], thinned.values, t[len(thinned) :]
