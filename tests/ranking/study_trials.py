"""Artificial studies for several test modules."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop.ranking.comparison import Context
from lcstop.ranking.param_features import Configurations


class Seen(NamedTuple):
    """The arguments of :func:`lcstop.ranking.features.features`."""

    context: Context
    gains: NDArray[np.float64]
    cutoff: int
    configurations: Configurations | None


def random_study(
    seed: int = 0, n: int = 12, horizon: int = 20, n_params: int = 3, cutoff: int = 7, t: int = 1
) -> Seen:
    """``n`` other trials, some of which have finished, and ``t`` trials that are judged."""
    rng = np.random.default_rng(seed)
    tops = rng.uniform(0.2, 0.95, (n + t, 1))
    curves = tops * (1 - rng.uniform(0.6, 0.95, (n + t, 1)) ** np.arange(1, horizon + 1))
    gains = curves + rng.normal(0, 0.02, curves.shape)
    lengths = rng.integers(1, horizon + 1, n)
    lengths[::3] = horizon
    params = rng.uniform(size=(n + t, n_params))
    params[:, 0] = np.floor(params[:, 0] * 3)
    configurations = Configurations(params[:n], params[n:], np.arange(n_params) > 0)
    return Seen(Context(gains[:n], lengths, lengths == horizon), gains[n:], cutoff, configurations)


def curves(tops: Sequence[float], horizon: int = 20, seed: int = 0) -> list[Curve]:
    """Noisy curves that rise towards ``tops``, each with a hyperparameter that follows its top."""
    rng, steps = np.random.default_rng(seed), np.arange(1, horizon + 1)
    found = []
    for top in tops:
        values = top * (1 - 0.8**steps) + rng.normal(0, 0.005, horizon)
        found.append(Curve(steps, values, horizon, params={"top": float(top), "opt": "adam"}))
    return found


H = 20
KEEPS = ("safe", "balanced", "bold")
TOPS = (0.7, 0.9, 0.5, 0.8, 0.6, 0.85, 0.75, 0.4)


def core(**options) -> PrunerCore:
    """Former options are taken without a warning."""
    return PrunerCore(PrunerConfig.from_record({"horizon": H, **options}))


def view(n: int = 8) -> StudyView:
    """Half of the trials have finished, the others are half-way."""
    others = curves(TOPS[:n], H)
    return StudyView("maximize", others[: n // 2], [curve.prefix(10) for curve in others[n // 2 :]])


def poor(n: int = 11) -> Curve:
    return curves([0.1], H, seed=1)[0].prefix(n)


def decide(**options) -> tuple[bool, float | None, float | None, str]:
    """A decision, for a test in another process."""
    found = core(**options).judge(poor(), view())
    return found.stop, found.p_top, found.p_beat, found.reason


def decide_of_several() -> tuple[bool, float | None, float | None, str]:
    """A decision that forecasts more than one curve, for a test in another process."""
    return decide(policy="published", patience=2)
