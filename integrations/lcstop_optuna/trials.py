"""The trials of an Optuna study as :class:`lcstop.PrunerCore` knows them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lcstop import Curve, StudyView
from lcstop.config import horizon_of
from lcstop.decision import Mark, Spared

REASON_ATTR = "lcstop_reason"
"""User attribute of a stopped trial that holds the reason; ``trials_dataframe()`` shows it."""

CONVERGED_ATTR = "lcstop_converged"
"""User attribute of a trial that had converged, with the reason; such a trial has finished."""

CONFIG_ATTR = "lcstop_config"
"""User attribute of a study that holds the options with which the pruner last stopped a trial in it."""

AUDIT_ATTR = "lcstop_audit"
"""User attribute of a trial that would have been stopped and went on: when, why, and what it had to beat.

The one of the same name of a study says what has come of these trials, as of the last stop.
"""


class Others:
    """The trials beside a judged one; each that has ended is made into a curve once.

    Args:
        horizon: As in :class:`lcstop.PrunerConfig`.
    """

    def __init__(self, horizon: float | str) -> None:
        self._horizon = horizon
        self._ended: dict[int, _Known] = {}

    def view(self, study: optuna.study.Study, number: int) -> StudyView:
        """Every other trial; failed ones gave the user no result, so they are left out."""
        trials = study.get_trials(
            deepcopy=False, states=(TrialState.COMPLETE, TrialState.RUNNING, TrialState.PRUNED)
        )
        if len(self._ended) > 2 * len(trials):
            self._ended.clear()  # of another study, or from a storage that makes new objects every time
        # As little as can be for each of what may be ten thousand trials, which come in the order of numbers.
        at = bisect_left(trials, number, key=lambda trial: trial.number)
        if trials[at : at + 1] and trials[at].number == number:
            trials = trials[:at] + trials[at + 1 :]
        seen = list(map(self._ended.get, map(id, trials)))
        new = [i for i, known in enumerate(seen) if known is None]
        for i in new:
            seen[i] = self._known(trials[i])
        n_running = sum(trials[i].state is TrialState.RUNNING for i in new if seen[i])
        finished = [known.curve for known in seen if known and known.finished]
        unfinished = [known.curve for known in seen if known and not known.finished]
        return StudyView(
            "maximize" if study.direction == StudyDirection.MAXIMIZE else "minimize",
            finished,
            unfinished,
            str(number),
            len(unfinished) - n_running,
            [known.spared for known in seen if known and known.spared],
        )

    def _known(self, trial: FrozenTrial) -> _Known | None:
        """What there is to know of a trial, kept once it has ended; None if its length was not to be known.

        Optuna's storages hand out the same object for such a trial each time. It is kept with the curve, so
        that no other object has its ``id``.
        """
        try:
            curve = to_curve(trial, self._horizon)
        except ValueError:
            return None
        finished = trial.state is TrialState.COMPLETE
        if trial.state is TrialState.RUNNING:
            return _Known(trial, finished, curve, None)
        mark = to_mark(trial)
        spared = Spared(curve, mark, finished) if mark else None
        known = self._ended[id(trial)] = _Known(trial, finished, curve, spared)
        return known


@dataclass(frozen=True)
class _Known:
    """A trial and what was made of it."""

    trial: FrozenTrial
    finished: bool
    curve: Curve
    spared: Spared | None


def to_curve(trial: FrozenTrial, horizon: float | str) -> Curve:
    """What a trial has reported; one that was added with its result alone is known at the horizon only.

    Raises:
        ValueError: If ``horizon`` is a name, and the trial has no length under it.
    """
    horizon = horizon_of(horizon, trial.params, trial.user_attrs)
    if trial.state == TrialState.COMPLETE and not trial.intermediate_values:
        return Curve([horizon], [trial.values[0]], horizon, trial.params)
    return Curve.from_reports(trial.intermediate_values, horizon, trial.params)


def to_mark(trial: FrozenTrial) -> Mark | None:
    """That a trial would have been stopped; a retried trial inherits attributes, and this is not for it."""
    content = trial.user_attrs.get(AUDIT_ATTR)
    if not isinstance(content, dict) or content.get("trial") != trial.number:
        return None
    return Mark.from_json(content)


def check_single_objective(study: optuna.study.Study) -> None:
    """Refuse a study that the pruner cannot judge.

    Raises:
        ValueError: If it has more than one objective.
    """
    if len(study.directions) > 1:
        raise ValueError(
            "LCPFNPruner works on studies with one objective, "
            f"got {len(study.directions)} directions in study {study.study_name!r}"
        )
