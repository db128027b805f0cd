"""What is forecast: whole curves, and the moments at which each of them is cut off."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lcstop._utils.seeds import stable_seed
from lcstop.curves.curve import Curve
from lcstop.curves.packs import Pack
from lcstop.curves.scale import MetricScale

SHARES = (0.1, 0.2, 0.4, 0.8)
"""Of a curve's points, how much is observed at the published cutoffs."""

COUNTS = (5, 10, 20)
"""Observed points at the further cutoffs."""

LABELS = (*(f"{share:.0%}" for share in SHARES), *(f"{count} points" for count in COUNTS))
"""Names of the cutoffs, in the order of every table."""

_BLOCK = 250
"""Curves of the prior drawn from one seed, so that asking for more curves keeps the first ones."""

_PRIOR_LENGTH = 100

N_PEERS = 20
"""Other trials of a pack that a study is taken to hold when a trial is judged; they set the scale."""


@dataclass(frozen=True)
class Moment:
    """A moment in the life of a trial at which the rest of its curve is forecast.

    Attributes:
        label: One of :data:`LABELS`.
        n_observed: Points observed by then.
        scale: Of the metric, as a live decision would have it; None for curves on the unit interval.
    """

    label: str
    n_observed: int
    scale: MetricScale | None = None


@dataclass(frozen=True)
class ForecastTrial:
    """A whole curve, its last step the horizon, and the moments at which it is forecast."""

    number: int
    curve: Curve
    moments: tuple[Moment, ...]

    @property
    def digest(self) -> str:
        """Hash of everything that a forecast and its scores depend on."""
        moments = [(moment.label, moment.n_observed, moment.scale) for moment in self.moments]
        content = hashlib.sha256(repr((self.curve.horizon, moments)).encode())
        content.update(self.curve.steps.tobytes())
        content.update(self.curve.values.tobytes())
        return content.hexdigest()


@dataclass(frozen=True)
class ForecastTask:
    """Trials of one source.

    Attributes:
        family: ``prior``, or what the packs of one origin have in common.
        name: Unique in a run.
        trials: What is forecast.
        left_out: How many trials of the source could not be used, by reason.
    """

    family: str
    name: str
    trials: tuple[ForecastTrial, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


def moments_of(
    n_points: int, scale: Callable[[int], MetricScale | None] = lambda n_observed: None
) -> tuple[Moment, ...]:
    """The moments of a curve, each number of observed points once, none without a point on either side.

    Args:
        n_points: Points of the whole curve.
        scale: Gives the scale at a number of observed points.

    Example:
        >>> [(moment.label, moment.n_observed) for moment in moments_of(50)]
        [('10%', 5), ('20%', 10), ('40%', 20), ('80%', 40)]
        >>> [(moment.label, moment.n_observed) for moment in moments_of(9)]
        [('10%', 1), ('20%', 2), ('40%', 4), ('80%', 7), ('5 points', 5)]
    """
    counts = [round(share * n_points) for share in SHARES] + list(COUNTS)
    first: dict[int, str] = {}
    for label, n in zip(LABELS, counts, strict=True):
        if 0 < n < n_points:
            first.setdefault(n, label)
    return tuple(Moment(label, n, scale(n)) for n, label in first.items())


def prior_task(n_curves: int, seed: int, length: int = _PRIOR_LENGTH) -> ForecastTask:
    """Curves of the published prior, with their noise.

    Up to 100 points they are the first ones of curves of 100 points, as a trial of few steps is; beyond,
    they are curves of the prior seen on a finer grid.

    Raises:
        ValueError: If ``length`` is below 2.

    Example:
        >>> task = prior_task(3, seed=0, length=10)
        >>> task.name, len(task.trials), len(task.trials[0].curve)
        ('prior:10', 3, 10)
    """
    if length < 2:
        raise ValueError(f"a curve of the prior needs at least 2 points, got prior:{length}")
    steps = np.arange(1.0, length + 1)
    moments = moments_of(length)
    values = prior_values(n_curves, seed, max(length, _PRIOR_LENGTH))[:, :length]
    trials = tuple(ForecastTrial(i, Curve(steps, row, length), moments) for i, row in enumerate(values))
    return ForecastTask("prior", f"prior:{length}", trials)


def prior_values(n_curves: int, seed: int, length: int) -> NDArray[np.float64]:
    """``[n_curves, length]``; the first ones do not depend on how many there are.

    Raises:
        ValueError: If torch, which draws them, is not installed.
    """
    try:
        import torch  # heavy, and only this needs it
    except ModuleNotFoundError as error:
        raise ValueError('curves of the prior need torch: pip install "lcstop[train]"') from error

    from lcstop.priors.lcpfn import sample_curves

    blocks = [np.empty((0, length))]
    for block in range(-(-n_curves // _BLOCK)):
        generator = torch.Generator().manual_seed(stable_seed("prior", seed, length, block))
        blocks.append(sample_curves(_BLOCK, generator=generator, length=length).double().numpy())
    return np.concatenate(blocks)[:n_curves]


def pack_task(pack: Pack, n_curves: int, seed: int) -> ForecastTask:
    """A seeded sample of at most ``n_curves`` trials of a pack; more of them keep the first ones.

    The scale of each moment is that of a live decision: from some other trials, each of them whole, and
    from what is observed of the judged one.
    """
    usable = np.flatnonzero(~pack.diverged & (pack.lengths >= 2))
    chosen = np.random.default_rng(stable_seed(pack.name, seed)).permutation(usable)[:n_curves]
    n_diverged = int(pack.diverged.sum())
    left_out = {"diverged": n_diverged, "too short": len(pack.curves) - n_diverged - len(usable)}
    trials = tuple(_trial(pack, int(row), seed) for row in chosen)
    return ForecastTask(pack.family, pack.name, trials, left_out)


def _trial(pack: Pack, row: int, seed: int) -> ForecastTrial:
    whole = pack.curves[row].prefix(int(pack.lengths[row]))
    whole = Curve(whole.steps, whole.values, horizon=whole.cutoff)
    others = np.flatnonzero((pack.lengths > 0) & (np.arange(len(pack.curves)) != row))
    rng = np.random.default_rng(stable_seed(pack.name, seed, row))
    peers = [pack.curves[i] for i in rng.permutation(others)[:N_PEERS]]

    def scale(n_observed: int) -> MetricScale:
        return MetricScale.from_study(pack.direction, peers, judged=whole.prefix(n_observed))

    return ForecastTrial(row, whole, moments_of(len(whole), scale))
