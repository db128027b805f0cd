"""RecentTrials: what a process remembers of the trials it has judged, to read the storage less often."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from lcstop.pruning.due import NextQuestion
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop_optuna.chains import earlier_parts, joined, resumed_number

_MAX_TRIALS = 1024


@dataclass
class RecentTrial:
    """What this process knows of a trial. The storage has the rest.

    Attributes:
        records: Its judgements, as last read or made.
        next: When it is to be judged next; None if that is not known.
        is_read: Whether this process has read its judgements.
        horizon: Its horizon, once they are read.
        convergence_asked_at: Step at which convergence was judged last; 0 if it never was.
        told_to_stop: Whether it was told to stop when it asked last.
        went_on: Whether it is known to have gone on after a stop.
        is_duplicate: Whether another trial continues the one that it was to continue.
    """

    records: Sequence[JudgementRecord] = ()
    next: NextQuestion | None = None
    is_read: bool = False
    horizon: float = math.inf
    convergence_asked_at: float = 0.0
    told_to_stop: bool = False
    went_on: bool = False
    is_duplicate: bool = False
    _earlier: Sequence[FrozenTrial] | None = None

    def whole(self, study: optuna.Study, trial: FrozenTrial) -> FrozenTrial:
        """The trial with the reports and judgements of those that it continues, which are read once."""
        if resumed_number(trial) is None:
            return trial
        if self._earlier is None and not self.is_duplicate:
            self._earlier = earlier_parts(study, trial)
            self.is_duplicate = self._earlier is None
        return joined([*(self._earlier or ()), trial])


@dataclass
class _Storage:
    trials: dict[int, RecentTrial] = field(default_factory=dict)
    studies: set[int] = field(default_factory=set)


class RecentTrials:
    """The trials that this process has judged lately, by storage.

    Example:
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study, recent = optuna.create_study(), RecentTrials()
        >>> study.optimize(lambda trial: 0.0, n_trials=1)
        >>> recent.of(study, study.trials[0]) is recent.of(study, study.trials[0])
        True
        >>> recent.has_options(study), recent.has_options(study)
        (False, True)
    """

    def __init__(self) -> None:
        self._storages: WeakKeyDictionary[BaseStorage, _Storage] = WeakKeyDictionary()

    def of(self, study: optuna.Study, trial: FrozenTrial) -> RecentTrial:
        """What is known of a trial. Trials are forgotten when there are many, and read again."""
        trials = self._of(study).trials
        if len(trials) >= _MAX_TRIALS and trial._trial_id not in trials:
            trials.clear()
        return trials.setdefault(trial._trial_id, RecentTrial())

    def has_options(self, study: optuna.Study) -> bool:
        """Whether this was asked before about the study: its options are then stored."""
        studies = self._of(study).studies
        if study._study_id in studies:
            return True
        studies.add(study._study_id)
        return False

    def __reduce__(self) -> tuple[type[RecentTrials], tuple[()]]:
        return type(self), ()  # another process reads the storage

    def _of(self, study: optuna.Study) -> _Storage:
        return self._storages.setdefault(study._storage, _Storage())
