"""What a study shows: a line for each stop in Optuna's log, and the summary of all of them."""

from __future__ import annotations

import gc
import weakref

import optuna
from optuna.trial import FrozenTrial

from lcstop.review.summary import StudySummary
from lcstop_optuna.judgements import is_stopped, suppressed_stop_of
from lcstop_optuna.records import read_study
from lcstop_optuna.trials import REASON_ATTR

stops_log = optuna.logging.get_logger("optuna.lcstop")
"""Logger whose messages Optuna shows in its own format, beside a progress bar too."""


def summary(study: optuna.Study) -> StudySummary:
    """Print what ``lcstop`` did in a study: a line for each stop, and what the stops have saved.

    Args:
        study: A study with one objective that ran with :class:`lcstop_optuna.LCPFNPruner`.

    Returns:
        The same as an object.

    Raises:
        ValueError: If the study has no record of ``lcstop``.

    Example:
        >>> import optuna
        >>> from lcstop_optuna import LCPFNPruner, summary
        >>> def objective(trial):
        ...     best = trial.suggest_float("best", 0.1, 0.9)
        ...     for epoch in range(20):
        ...         trial.report(best * (1 - 0.7**epoch), epoch)
        ...         if trial.should_prune():
        ...             raise optuna.TrialPruned()
        ...     return best
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> sampler = optuna.samplers.RandomSampler(seed=0)
        >>> study = optuna.create_study(
        ...     direction="maximize", sampler=sampler, pruner=LCPFNPruner(horizon=20)
        ... )
        >>> study.optimize(objective, n_trials=5)
        >>> found = summary(study)  # doctest: +ELLIPSIS
        Trial ... stopped at step ... of 20: ...
        ...stopped ... of 5 trials, ... % of the epochs saved...
        >>> found.certificate.n_stopped > 0
        True
    """
    found = StudySummary.of(read_study(study))
    print(found.text())
    return found


class Summary:
    """Callback of ``study.optimize`` that logs each stop, and at the end a summary of the study.

    The lines are in Optuna's log. The summary comes at the end of
    ``study.optimize(..., callbacks=[Summary()])``. With ``n_jobs`` above 1, or if you keep the callback in a
    variable, it comes when the process ends.

    Example:
        >>> import optuna
        >>> from lcstop_optuna import LCPFNPruner, Summary
        >>> study = optuna.create_study(pruner=LCPFNPruner(horizon=20))
        >>> def objective(trial):
        ...     trial.report(1.0, 0)
        ...     return 1.0
        >>> study.optimize(objective, n_trials=1, callbacks=[Summary()])
    """

    def __init__(self) -> None:
        self._last_line = LastLine(self)

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Log the stop of a trial that has ended. Optuna calls this after each trial."""
        self._last_line.of(study)
        if is_stopped(trial):
            stops_log.info("Trial %d %s", trial.number, trial.user_attrs.get(REASON_ATTR, "stopped"))
        elif suppressed := suppressed_stop_of(trial, from_0=False):
            stops_log.info("Trial %d %s", trial.number, suppressed.reason)
        # Each pruned trial leaves a cycle of frames that holds this callback. Uncollected, it would keep the
        # callback long after the end of ``study.optimize``.
        gc.collect(1)


class LastLine:
    """Logs the summary of a study once, when its owner is no longer used or the process ends.

    Args:
        owner: Object whose end is awaited.
    """

    def __init__(self, owner: object) -> None:
        # The study is not kept, since it may hold the owner.
        self._studies: dict[str, optuna.storages.BaseStorage] = {}
        weakref.finalize(owner, _log_summaries, self._studies)

    def of(self, study: optuna.Study) -> None:
        """Summarize this study at the end."""
        self._studies[study.study_name] = study._storage


def _log_summaries(studies: dict[str, optuna.storages.BaseStorage]) -> None:
    for name, storage in studies.items():
        try:
            study = optuna.load_study(study_name=name, storage=storage)
            stops_log.info("%s", StudySummary.of(read_study(study)))
        except Exception as error:
            # The search is over. The summary must not turn its end into an error.
            stops_log.warning("%s: no summary: %s", name, error)
