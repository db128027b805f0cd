"""Models: the networks that decide, and the surrogate that words a stop, loaded when first needed."""

from __future__ import annotations

import contextlib

from lcstop.config.pruner import PrunerConfig
from lcstop.ranking.ranker import Ranker
from lcstop.surrogates import Surrogate, load_surrogate


class Models:
    """What decides and words, loaded when first needed.

    Threads that come here together each load the weights, and one of them is kept: a lock would be left
    locked for ever in a process that is forked meanwhile.

    Args:
        config: The options.
        surrogate: A surrogate to use instead of the one that ``config`` names.

    Example:
        >>> models = Models(PrunerConfig(horizon=50))
        >>> models.forecaster is models.surrogate
        True
        >>> other = Models(PrunerConfig(horizon=50, surrogate="last_value"))
        >>> type(other.surrogate).__name__, type(other.forecaster).__name__
        ('LastValue', 'LCPFN')
    """

    def __init__(self, config: PrunerConfig, surrogate: Surrogate | None = None) -> None:
        self._config = config
        self.given_surrogate = surrogate
        self._surrogate = surrogate
        self._forecaster: Surrogate | None = None
        self._ranker: Ranker | None = None

    @property
    def ranker(self) -> Ranker:
        """What compares a trial with the others."""
        if self._ranker is None:
            self._ranker = Ranker()
        return self._ranker

    @property
    def surrogate(self) -> Surrogate:
        """What words a stop, and what decides with the policy ``published``."""
        if self._surrogate is None:
            self._surrogate = load_surrogate(self._config.surrogate)
        return self._surrogate

    @property
    def forecaster(self) -> Surrogate:
        """LC-PFN. It decides with the ranker, whatever words the stops: the rule was fitted with it."""
        if self._forecaster is None:
            is_lcpfn = self._config.surrogate == "lcpfn" and self.given_surrogate is None
            self._forecaster = self.surrogate if is_lcpfn else load_surrogate("lcpfn")
        return self._forecaster

    def warm_up(self) -> None:
        """Load them now rather than inside the first judgement, where a failure is logged."""
        needed = ("surrogate", "ranker", "forecaster") if self._config.policy == "study" else ("surrogate",)
        for name in needed:
            with contextlib.suppress(Exception):
                getattr(self, name)
