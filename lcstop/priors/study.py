"""Artificial studies: correlated curves of the broader prior that depend on hyperparameters.

A Gaussian copula correlates the random numbers behind the curves of a study, such as the end of a curve, its
speed, its schedule and its noise. Each number has three parts. One is shared by all trials of the study. One
is a smooth random function of the hyperparameters of the trial. One is independent for each trial. The
weights of the parts are drawn for each number of each study. As in a real study, the trials then share their
schedule, their noise, the best reachable value, and bad regions of the search space.
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
"""Number of hyperparameters of an artificial search space. Few of them matter."""

_N_LATENTS = 4
"""Random functions of the hyperparameters in one study. Each random number follows a mix of them."""

_N_WAVES = 48
"""Random Fourier features of each function."""

_MAX_LEVELS = 5
"""Maximum number of levels of a categorical hyperparameter."""


class Studies(NamedTuple):
    """Artificial studies.

    Attributes:
        curves: On the linear scale of :func:`lcstop.priors.broad.trials`, ``[n_studies, n_trials, horizon]``.
        params: Hyperparameters in [0, 1], ``[n_studies, n_trials, N_PARAMS]``. A categorical one has one
            random value for each level.
        numeric: Which hyperparameters are numbers, ``[n_studies, N_PARAMS]``.
    """

    curves: Curves
    params: Tensor
    numeric: Tensor


def sample_studies(
    n_studies: int, n_trials: int, *, generator: torch.Generator, horizon: int, config: BroadConfig
) -> Studies:
    """Draw artificial studies.

    Args:
        n_studies: Number of studies.
        n_trials: Trials of each study.
        generator: Source of all randomness, on the CPU.
        horizon: Steps of each trial.
        config: Share of the curves that have each component.

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
            "n_studies and n_trials must be at least 1, horizon at least 2, "
            f"got {n_studies=}, {n_trials=}, {horizon=}"
        )
    draw = _StudyDraw(n_studies, n_trials, generator)
    curves = trials(draw, horizon, config)
    return Studies(
        Curves(*(part.reshape(n_studies, n_trials, horizon) for part in curves)), draw.params, draw.numeric
    )


class _StudyDraw(Draw):
    """Random columns of ``n_studies * n_trials`` rows that are correlated within each study."""

    def __init__(self, n_studies: int, n_trials: int, generator: torch.Generator) -> None:
        super().__init__(n_studies * n_trials, generator)
        self.shape = (n_studies, n_trials)
        self.numeric, self.params = self._search_space()
        self._latents = self._smooth_functions()
        # Largest share of the differences between the trials of a study that hyperparameters explain.
        self._explained = 1 - 0.7 * self._rand(n_studies, 1).square()

    def randn(self, columns: int = 1) -> Tensor:
        """Standard normal, ``[n, columns]``. More than one column is independent: numbers of single steps."""
        if columns > 1:
            return super().randn(columns)
        n_studies, n_trials = self.shape
        kind, share = self._rand(n_studies, 1), self._rand(n_studies, 1)
        common = torch.where(kind < 0.4, 1.0, torch.where(kind < 0.6, 0.0, share))
        explained = self._explained * (1 - 0.6 * self._rand(n_studies, 1).square())
        mix = self._randn(n_studies, 1, _N_LATENTS) * (self._rand(n_studies, 1, _N_LATENTS) < 0.5)
        mix = mix + 1e-3 * self._randn(n_studies, 1, _N_LATENTS)
        smooth = (self._latents * mix).sum(-1) / mix.square().sum(-1).sqrt()
        z: Tensor = common.sqrt() * self._randn(n_studies, 1) + (1 - common).sqrt() * (
            explained.sqrt() * smooth + (1 - explained).sqrt() * self._randn(n_studies, n_trials)
        )
        return z.reshape(-1, 1)

    def rand(self, columns: int = 1) -> Tensor:
        """Uniform on [0, 1), ``[n, columns]``. More than one column is independent."""
        if columns > 1:
            return super().rand(columns)
        share: Tensor = torch.special.ndtr(self.randn())
        return share.clamp(0, 1 - 1e-6)

    def _search_space(self) -> tuple[Tensor, Tensor]:
        """Which hyperparameters are numbers ``[n_studies, N_PARAMS]``, and the values of all of them."""
        n_studies, n_trials = self.shape
        numbers = self._rand(n_studies, n_trials, N_PARAMS)
        numeric = self._rand(n_studies, N_PARAMS) < 0.7
        n_levels = 2 + (self._rand(n_studies, 1, N_PARAMS) * (_MAX_LEVELS - 1)).floor()
        codes = self._rand(n_studies, _MAX_LEVELS, N_PARAMS)
        categories = codes.gather(1, (numbers * n_levels).long().clamp(max=_MAX_LEVELS - 1))
        return numeric, torch.where(numeric[:, None], numbers, categories)

    def _smooth_functions(self) -> Tensor:
        """Random functions of the hyperparameters, ``[n_studies, n_trials, latents]``, about N(0, 1).

        Random Fourier features of a Gaussian kernel (Rahimi and Recht 2007) with a length scale for each
        hyperparameter.
        """
        n_studies, _ = self.shape
        inverse_scale = torch.exp(self._randn(n_studies, N_PARAMS, 1) - 0.5)
        share = 0.15 + 0.6 * self._rand(n_studies, 1, 1)
        inverse_scale = inverse_scale * (self._rand(n_studies, N_PARAMS, 1) < share)
        waves = self._randn(n_studies, N_PARAMS, _N_WAVES * _N_LATENTS) * inverse_scale * 2
        phase = 2 * math.pi * self._rand(n_studies, 1, _N_WAVES * _N_LATENTS)
        features = torch.cos(self.params @ waves + phase).reshape(*self.shape, _N_LATENTS, _N_WAVES)
        weights = self._randn(n_studies, 1, _N_LATENTS, _N_WAVES)
        functions: Tensor = (features * weights).sum(-1) / math.sqrt(_N_WAVES / 2)
        return functions

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator)

    def _randn(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)
