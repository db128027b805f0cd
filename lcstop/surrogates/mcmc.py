"""The MCMC surrogate: the posterior of a parametric curve model, sampled by emcee."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve
from lcstop.surrogates.bars import mixture_bars
from lcstop.surrogates.base import UnitSurrogate, prior_time
from lcstop.surrogates.forecast import BarDistribution
from lcstop.surrogates.posterior import N_PARAMETERS, Posterior, draw_prior, evaluate, unweighted

Array = NDArray[np.float64]

_N_PRIOR_DRAWS = 20_000
"""Draws of the prior among which the starts of the walkers are chosen."""


@dataclass(frozen=True)
class Diagnostics:
    """Convergence of the chains of one curve, over the draws after burn-in.

    Attributes:
        acceptance: Mean share of accepted moves.
        stuck: Share of walkers that accepted less than a twentieth of the moves that the median walker did.
        autocorrelation_time: In steps, the longest of the 13 parameters, over the walkers that moved. The
            estimate is reliable if the chain is 50 times as long. Infinite if no walker moved.
        effective_samples: Number of draws of all walkers divided by the autocorrelation time.
    """

    acceptance: float
    stuck: float
    autocorrelation_time: float
    effective_samples: float


class MCMC(UnitSurrogate):
    """Learning-curve model of Domhan et al. (2015) under the prior of LC-PFN, by emcee.

    The curve model is the weighted sum of parametric curves of Domhan, Springenberg & Hutter, "Speeding up
    Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation of Learning Curves",
    IJCAI 2015. The prior has three families of curves and is that of Adriaensen et al. (arXiv 2310.20447).
    Their published baseline has 100 walkers and 2,000 or 4,000 steps, of which the first 500 are dropped. The
    sampler is the affine-invariant ensemble of Goodman & Weare (2010) as in emcee (arXiv 1202.3665), with
    its default move. Two changes improve the mixing and leave the posterior unchanged. Walkers start from
    draws of the prior that fit the curve. They move in coordinates in which the curve is linear.

    Args:
        n_walkers: Number of chains, even, at least 26 and at most 1,000.
        n_samples: Steps of each chain, burn-in included.
        burn_in: Steps at the start of each chain that are dropped.
        n_draws: Approximate number of draws in the predictive distribution: all walkers at evenly spaced
            steps.
        seed: Seed of all randomness, together with the curve. The same curve gets the same forecast.
        vectorize: Whether all walkers are evaluated at once. One by one, as published, takes about ten times
            as long.

    Attributes:
        diagnostics: One entry for each curve of the last forecast.

    Raises:
        ImportError: If emcee is not installed.
        ValueError: If a number is out of range.

    Example:
        >>> from lcstop import MetricScale
        >>> surrogate = MCMC(n_walkers=30, n_samples=60, burn_in=20)
        >>> curve = Curve([1, 2, 3], [0.41, 0.55, 0.61], horizon=50)
        >>> surrogate.forecast([curve], [10, 50], MetricScale("maximize", 0.0, 1.0)).median().shape
        (1, 2)
        >>> 0 < surrogate.diagnostics[0].acceptance < 1
        True
    """

    def __init__(
        self,
        n_walkers: int = 100,
        n_samples: int = 2000,
        burn_in: int = 500,
        n_draws: int = 2000,
        seed: int = 0,
        vectorize: bool = True,
    ) -> None:
        if not (2 * N_PARAMETERS <= n_walkers <= _N_PRIOR_DRAWS // 20 and n_walkers % 2 == 0):
            raise ValueError(
                f"n_walkers must be even, from {2 * N_PARAMETERS} to {_N_PRIOR_DRAWS // 20}, got {n_walkers=}"
            )
        if not 0 <= burn_in < n_samples:
            raise ValueError(f"burn_in must be from 0 to below n_samples, got {burn_in=}, {n_samples=}")
        if n_draws < 1:
            raise ValueError(f"n_draws must be at least 1, got {n_draws=}")
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed=}")
        self._emcee = _import_emcee()
        self.n_walkers, self.n_samples, self.burn_in, self.n_draws = n_walkers, n_samples, burn_in, n_draws
        self.seed, self.vectorize = seed, vectorize
        self.diagnostics: list[Diagnostics] = []

    def unit_forecast(self, curves: Sequence[Curve], at: Array) -> BarDistribution:
        """See :class:`lcstop.surrogates.base.UnitSurrogate`. Each curve has chains of its own."""
        means, stds, diagnostics = [], [], []
        for curve in curves:
            t, y, ahead = prior_time(curve, at)
            draws, diagnosis = self._sample(t, y)
            means.append(evaluate(draws, ahead).T)
            stds.append(np.broadcast_to(np.exp(draws[:, -1]), means[-1].shape))
            diagnostics.append(diagnosis)
        self.diagnostics = diagnostics
        return mixture_bars(1.0, np.stack(means), np.stack(stds))

    def _sample(self, t: Array, y: Array) -> tuple[Array, Diagnostics]:
        """Draws ``[about n_draws, 13]`` of the posterior, and how well the chains converged."""
        posterior = Posterior(t, y)
        data = hashlib.sha256(t.tobytes() + y.tobytes()).digest()
        rng = np.random.default_rng([self.seed, int.from_bytes(data[:8], "little")])
        walkers = posterior.start(_prior_draws(self.seed), self.n_walkers, rng)
        log_prob = posterior.log_prob if self.vectorize else lambda p: posterior.log_prob(p[None])[0]
        sampler = self._emcee.EnsembleSampler(
            self.n_walkers, N_PARAMETERS, log_prob, vectorize=self.vectorize
        )
        # Without a state emcee would copy the global one of numpy.
        state = np.random.RandomState(rng.integers(2**32)).get_state()
        start = self._emcee.State(walkers, random_state=state)
        sampler.run_mcmc(start, self.n_samples, skip_initial_state_check=True)
        chain: Array = sampler.get_chain(discard=self.burn_in)  # [n_kept, n_walkers, 13]
        rounds = min(-(-self.n_draws // self.n_walkers), len(chain))
        taken = np.linspace(len(chain) - 1, 0, rounds).round().astype(int)
        return unweighted(chain[taken].reshape(-1, N_PARAMETERS)), self._diagnose(chain)

    def _diagnose(self, chain: Array) -> Diagnostics:
        accepted = (np.diff(chain[:, :, -1], axis=0) != 0).sum(0)
        moved = chain[:, accepted > 0]  # a constant chain has no autocorrelation
        time = math.inf
        if moved.size:
            time = float(self._emcee.autocorr.integrated_time(moved, tol=0, quiet=True).max())
        accepted = accepted / max(len(chain) - 1, 1)
        return Diagnostics(
            acceptance=float(accepted.mean()),
            stuck=float((accepted < np.median(accepted) / 20).mean()),
            autocorrelation_time=time,
            effective_samples=chain.shape[0] * chain.shape[1] / time,
        )


@lru_cache(maxsize=4)
def _prior_draws(seed: int) -> Array:
    return draw_prior(_N_PRIOR_DRAWS, np.random.default_rng(seed))


def _import_emcee() -> Any:
    try:
        import emcee
    except ImportError as error:
        raise ImportError('surrogate "mcmc" needs emcee: pip install "lcstop[mcmc]"') from error
    return emcee
