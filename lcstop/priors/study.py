"""Artificial studies: curves of the broader prior that belong together and follow from configurations.

Every random number behind a curve (where it ends, how fast it is, whether its rate is stepped, how noisy it
is) is made of three parts by a Gaussian copula: one of the study, which all of its trials share; one that is
a smooth random function of the trial's configuration; and one of the trial alone. How much each part counts
is drawn anew for every number of every study. So the trials of a study have in common what trials of real
studies have in common: the schedule, the noise, the best reachable value, dead regions of the search space.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lcstop.priors.broad import BroadConfig, trials
from lcstop.priors.curves import Curves
from lcstop.priors.draw import Draw

N_PARAMS = 8
"""Hyperparameters of an artificial search space, of which few matter."""

_N_LATENTS = 4
_N_WAVES = 48
_MOST_LEVELS = 5


class Studies(NamedTuple):
    """Artificial studies.

    Attributes:
        curves: On the linear scale of :func:`lcstop.priors.broad.trials`, ``[n_studies, n_trials, horizon]``.
        params: Hyperparameters, numbers in [0, 1] and categories as codes,
            ``[n_studies, n_trials, N_PARAMS]``.
        numeric: Which hyperparameters are numbers, ``[n_studies, N_PARAMS]``.
    """

    curves: Curves
    params: Tensor
    numeric: Tensor


def sample_studies(
    n_studies: int, n_trials: int, *, generator: torch.Generator, horizon: int, config: BroadConfig
) -> Studies:
    """Draw studies of ``n_trials`` trials each.

    Raises:
        ValueError: If a number is below 1, or ``horizon`` below 2.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> studies = sample_studies(2, 5, generator=generator, horizon=30, config=BroadConfig())
        >>> studies.curves.signal.shape, studies.params.shape
        (torch.Size([2, 5, 30]), torch.Size([2, 5, 8]))
    """
    if n_studies < 1 or n_trials < 1 or horizon < 2:
        raise ValueError(
            "there must be a study, a trial and two steps at least, "
            f"got {n_studies=}, {n_trials=}, {horizon=}"
        )
    draw = _StudyDraw(n_studies, n_trials, generator)
    curves = trials(draw, horizon, config)
    return Studies(
        Curves(*(part.reshape(n_studies, n_trials, horizon) for part in curves)), draw.params, draw.numeric
    )


class _StudyDraw(Draw):
    """Columns of ``n_studies * n_trials`` rows, correlated within each study."""

    def __init__(self, n_studies: int, n_trials: int, generator: torch.Generator) -> None:
        super().__init__(n_studies * n_trials, generator)
        self.shape = (n_studies, n_trials)
        self.numeric, self.params = self._search_space()
        self._latents = self._smooth_functions()
        # A configuration decides most of a curve; what it leaves is luck.
        self._told = 1 - 0.7 * self._rand(n_studies, 1).square()

    def randn(self, columns: int = 1) -> Tensor:
        """Standard normal; numbers of single steps (more than one column) are each trial's own."""
        if columns > 1:
            return super().randn(columns)
        n_studies, n_trials = self.shape
        kind, share = self._rand(n_studies, 1), self._rand(n_studies, 1)
        common = torch.where(kind < 0.4, 1.0, torch.where(kind < 0.6, 0.0, share))
        told = self._told * (1 - 0.6 * self._rand(n_studies, 1).square())
        mix = self._randn(n_studies, 1, _N_LATENTS) * (self._rand(n_studies, 1, _N_LATENTS) < 0.5)
        mix = mix + 1e-3 * self._randn(n_studies, 1, _N_LATENTS)
        follows = (self._latents * mix).sum(-1) / mix.square().sum(-1).sqrt()
        z: Tensor = common.sqrt() * self._randn(n_studies, 1) + (1 - common).sqrt() * (
            told.sqrt() * follows + (1 - told).sqrt() * self._randn(n_studies, n_trials)
        )
        return z.reshape(-1, 1)

    def rand(self, columns: int = 1) -> Tensor:
        """Uniform on [0, 1)."""
        if columns > 1:
            return super().rand(columns)
        share: Tensor = torch.special.ndtr(self.randn())
        return share.clamp(0, 1 - 1e-6)

    def _search_space(self) -> tuple[Tensor, Tensor]:
        """Which hyperparameters are numbers, and their values; a category lies anywhere on the axis."""
        n_studies, n_trials = self.shape
        numbers = self._rand(n_studies, n_trials, N_PARAMS)
        numeric = self._rand(n_studies, N_PARAMS) < 0.7
        n_levels = 2 + (self._rand(n_studies, 1, N_PARAMS) * (_MOST_LEVELS - 1)).floor()
        codes = self._rand(n_studies, _MOST_LEVELS, N_PARAMS)
        categories = codes.gather(1, (numbers * n_levels).long().clamp(max=_MOST_LEVELS - 1))
        return numeric, torch.where(numeric[:, None], numbers, categories)

    def _smooth_functions(self) -> Tensor:
        """Values ``[n_studies, n_trials, latents]`` of random functions of the configuration, about N(0, 1).

        Random Fourier features of a Gaussian kernel (Rahimi and Recht 2007) with a length scale for each
        hyperparameter.
        """
        n_studies, _ = self.shape
        matters = torch.exp(self._randn(n_studies, N_PARAMS, 1) - 0.5)
        share = 0.15 + 0.6 * self._rand(n_studies, 1, 1)
        matters = matters * (self._rand(n_studies, N_PARAMS, 1) < share)
        waves = self._randn(n_studies, N_PARAMS, _N_WAVES * _N_LATENTS) * matters * 2
        phase = 2 * math.pi * self._rand(n_studies, 1, _N_WAVES * _N_LATENTS)
        features = torch.cos(self.params @ waves + phase).reshape(*self.shape, _N_LATENTS, _N_WAVES)
        weights = self._randn(n_studies, 1, _N_LATENTS, _N_WAVES)
        functions: Tensor = (features * weights).sum(-1) / math.sqrt(_N_WAVES / 2)
        return functions

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator)

    def _randn(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)
