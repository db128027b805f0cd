"""What every single-curve surrogate does around its prediction on the unit interval."""

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
    """A surrogate that sees each curve alone, on the unit interval, higher better."""

    @abstractmethod
    def unit_forecast(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> BarDistribution:
        """Distributions ``[n_curves, n_at]``, with tails, of values whose scale is the unit interval.

        Noise may carry a value out of the unit interval, so the density has no end there: curves of a prior
        are scored with this, without a metric's bounds.

        Args:
            curves: At least one, of finite values, higher better; 0 and 1 are inner borders of the answer.
            at: ``[n_at]`` steps ahead of every curve.
        """

    def forecast(
        self,
        curves: Sequence[Curve],
        at: Sequence[float],
        scale: MetricScale,
        study: Sequence[Curve] = (),
    ) -> Forecast:
        """See :class:`lcstop.surrogates.Surrogate`; ``study`` is ignored, each curve stands alone."""
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
    """Times t of the prior at which the curve was observed, its values there, and the times ``at``.

    Example:
        >>> t, y, ahead = prior_time(Curve([1, 2], [0.3, 0.4], horizon=50), np.array([50.0]))
        >>> t.tolist(), y.tolist(), ahead.tolist()
        ([1.0, 2.0], [0.3, 0.4], [50.0])
    """
    seen = thin(curve)
    t = RESOLUTION * to_time([curve], np.concatenate([seen.steps, at])[None])[0]
    return t[: len(seen)], seen.values, t[len(seen) :]
