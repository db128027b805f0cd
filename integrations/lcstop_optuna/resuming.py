"""resume_from: what a trial goes on from, for the objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import optuna
from optuna.storages import BaseStorage
from optuna.trial import BaseTrial, FrozenTrial

from lcstop_optuna.chains import earlier_parts, joined, resumed_number
from lcstop_optuna.running_here import add


@dataclass(frozen=True)
class ResumedFrom:
    """What a trial goes on from.

    Attributes:
        number: Number of the trial that it continues, which has its checkpoint.
        reports: What has been reported so far, by step. The trial goes on after one of these steps.

    Example:
        >>> ResumedFrom(3, {0: 0.4, 1: 0.5}).last_step
        1
    """

    number: int
    reports: Mapping[int, float]
    _trials: Sequence[FrozenTrial] = field(default=(), repr=False)
    _storage: BaseStorage | None = field(default=None, repr=False)

    @property
    def last_step(self) -> int:
        """The last step that was reported."""
        return max(self.reports)

    def artifact_id(self, filename: str | None = None) -> str | None:
        """The last artifact that was uploaded, for ``optuna.artifacts.download_artifact``.

        That of the trial that is continued, or else of the one before it. Needs Optuna 4.0.

        Args:
            filename: Name of the file that was uploaded, without its folder; None for any.

        Returns:
            Its id; None if there is none.
        """
        for trial in reversed(self._trials):
            artifacts = optuna.artifacts.get_all_artifact_meta(trial, storage=self._storage)
            ids = [one.artifact_id for one in artifacts if filename in (None, one.filename)]
            if ids:
                return ids[-1]
        return None


def resume_from(trial: BaseTrial) -> ResumedFrom | None:
    """What ``trial`` goes on from; None if it starts.

    Call it once at the start of the objective. With :class:`lcstop_optuna.PauseResume` a trial may
    continue one that waited. Load the checkpoint of that one, and report the steps after it. If there is no
    checkpoint, train and report from the first step on.

    Args:
        trial: The trial of the objective.

    Raises:
        optuna.TrialPruned: If another process continues the same trial already. Let it pass.

    Example:
        >>> import optuna
        >>> from lcstop_optuna import resume_from
        >>> def objective(trial):
        ...     weight, first = trial.suggest_float("start", 0.0, 1.0), 0
        ...     if before := resume_from(trial):
        ...         weight, first = checkpoints[before.number], before.last_step + 1
        ...     for epoch in range(first, 20):
        ...         weight += 0.1
        ...         trial.report(weight, epoch)
        ...         if trial.should_prune():
        ...             checkpoints[trial.number] = weight
        ...             raise optuna.TrialPruned
        ...     return weight
        >>> checkpoints = {}
        >>> objective(optuna.trial.FixedTrial({"start": 0.5})) > 2.4
        True
    """
    if not isinstance(trial, optuna.Trial):
        return None  # a FixedTrial or FrozenTrial is no part of a search
    add(trial.study, trial.number)
    number = resumed_number(trial)
    if number is None:
        return None
    earlier = earlier_parts(trial.study, trial)
    if earlier is None:
        raise optuna.TrialPruned(f"another trial continues trial {number} already")
    if not earlier:
        return None
    return ResumedFrom(number, joined(earlier).intermediate_values, earlier, trial.study._storage)
