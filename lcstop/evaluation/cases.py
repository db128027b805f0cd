"""The curves of an evaluation and the cutoffs at which each of them is forecast."""

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
"""Share of the points of a curve observed at the published cutoffs."""

COUNTS = (5, 10, 20)
"""Number of points observed at the other cutoffs."""

LABELS = (*(f"{share:.0%}" for share in SHARES), *(f"{count} points" for count in COUNTS))
"""Labels of the cutoffs, in the order of the tables."""

_BLOCK = 250
"""Curves of the prior per seed. A larger number of curves adds blocks and keeps the first ones."""

_PRIOR_LENGTH = 100

N_PEERS = 20
"""Number of other trials of a pack from which the scale is made."""


@dataclass(frozen=True)
class Cutoff:
    """A cutoff of a curve: points after it are forecast from the points before it.

    Attributes:
        label: One of :data:`LABELS`.
        n_observed: Number of points up to the cutoff.
        scale: Scale of the metric as in a live decision; None for curves on the unit interval.
    """

    label: str
    n_observed: int
    scale: MetricScale | None = None


@dataclass(frozen=True)
class ForecastTrial:
    """A complete curve and the cutoffs at which it is forecast.

    Attributes:
        number: Number of the trial in its task.
        curve: The complete curve. Its last step is its horizon.
        cutoffs: Its cutoffs.
    """

    number: int
    curve: Curve
    cutoffs: tuple[Cutoff, ...]

    @property
    def digest(self) -> str:
        """Hash of everything that a forecast and its scores depend on."""
        cutoffs = [(cutoff.label, cutoff.n_observed, cutoff.scale) for cutoff in self.cutoffs]
        content = hashlib.sha256(repr((self.curve.horizon, cutoffs)).encode())
        content.update(self.curve.steps.tobytes())
        content.update(self.curve.values.tobytes())
        return content.hexdigest()


@dataclass(frozen=True)
class ForecastTask:
    """Trials of one source.

    Attributes:
        family: ``prior``, or the family of the pack.
        name: Name, unique in a run.
        trials: The trials to forecast.
        left_out: Number of trials of the source that could not be used, by reason.
    """

    family: str
    name: str
    trials: tuple[ForecastTrial, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


def cutoffs_of(
    n_points: int, scale: Callable[[int], MetricScale | None] = lambda n_observed: None
) -> tuple[Cutoff, ...]:
    """The cutoffs of a curve, without duplicates. Every cutoff has at least one point before and after it.

    Args:
        n_points: Number of points of the complete curve.
        scale: Returns the scale for a number of observed points.

    Example:
        >>> [(cutoff.label, cutoff.n_observed) for cutoff in cutoffs_of(50)]
        [('10%', 5), ('20%', 10), ('40%', 20), ('80%', 40)]
        >>> [(cutoff.label, cutoff.n_observed) for cutoff in cutoffs_of(9)]
        [('10%', 1), ('20%', 2), ('40%', 4), ('80%', 7), ('5 points', 5)]
    """
    counts = [round(share * n_points) for share in SHARES] + list(COUNTS)
    first: dict[int, str] = {}
    for label, n in zip(LABELS, counts, strict=True):
        if 0 < n < n_points:
            first.setdefault(n, label)
    return tuple(Cutoff(label, n, scale(n)) for n, label in first.items())


def prior_task(n_curves: int, seed: int, length: int = _PRIOR_LENGTH) -> ForecastTask:
    """Curves of the published prior, with noise.

    Up to 100 points a curve is the start of a curve of 100 points, like a trial with few steps. Longer curves
    are on a finer grid of the same prior.

    Args:
        n_curves: Number of curves.
        seed: Seed of the curves.
        length: Number of points of each curve.

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
    cutoffs = cutoffs_of(length)
    values = prior_values(n_curves, seed, max(length, _PRIOR_LENGTH))[:, :length]
    trials = tuple(ForecastTrial(i, Curve(steps, row, length), cutoffs) for i, row in enumerate(values))
    return ForecastTask("prior", f"prior:{length}", trials)


def prior_values(n_curves: int, seed: int, length: int) -> NDArray[np.float64]:
    """Curves of the prior, ``[n_curves, length]``. A larger ``n_curves`` keeps the first ones.

    Raises:
        ValueError: If torch is not installed.
    """
    try:
        import torch  # an extra, and slow to import
    except ModuleNotFoundError as error:
        raise ValueError('curves of the prior need torch: pip install "lcstop[train]"') from error

    from lcstop.priors.lcpfn import sample_curves

    blocks = [np.empty((0, length))]
    for block in range(-(-n_curves // _BLOCK)):
        generator = torch.Generator().manual_seed(stable_seed("prior", seed, length, block))
        blocks.append(sample_curves(_BLOCK, generator=generator, length=length).double().numpy())
    return np.concatenate(blocks)[:n_curves]


def pack_task(pack: Pack, n_curves: int, seed: int) -> ForecastTask:
    """A random sample of at most ``n_curves`` trials of a pack. A larger ``n_curves`` keeps the first ones.

    The scale of each cutoff is that of a live decision: it is made from :data:`N_PEERS` complete curves of
    other trials and from the observed points of the judged one.
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

    return ForecastTrial(row, whole, cutoffs_of(len(whole), scale))
