"""Chains: a trial that waited and was taken up again is several trials of Optuna, and counts as one.

Optuna cannot pause a trial. A trial that waits has ended, and a new one continues it. The user attribute
:data:`lcstop_optuna.trials.RESUMES_ATTR` of the new one holds the number of the trial that it continues.
"""

from __future__ import annotations

import copy
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from lcstop.pruning.judgement_record import JudgementRecord
from lcstop_optuna.judgements import handed_down, with_stop
from lcstop_optuna.trials import LCSTOP_ATTRS, REASON_ATTR, RESUMES_ATTR

DUPLICATE = "lcstop:duplicate"
"""System attribute of a trial that is to continue one that another trial continues already."""


class Links(NamedTuple):
    """Which trials continue which, by their numbers.

    Attributes:
        parents: For each trial that continues another one, that one.
        children: For each trial that is continued, those that continue it, in ascending order.
        stops: Stops of trials that waited, which were made after they had ended.
    """

    parents: Mapping[int, int]
    children: Mapping[int, Sequence[int]]
    stops: Mapping[int, Any]

    def __bool__(self) -> bool:
        return bool(self.parents or self.stops)

    def add(self, parents: Mapping[int, int], stops: Mapping[int, Any]) -> Links:
        """The links with more of them."""
        if not parents and len(stops) == len(self.stops):
            return self
        children = {**self.children}
        for child, parent in parents.items():
            if child not in self.parents:
                children[parent] = sorted([*children.get(parent, ()), child])
        return Links({**self.parents, **parents}, children, stops)


NO_LINKS = Links({}, {}, {})


class Chain(NamedTuple):
    """A trial with all trials that continue it.

    Attributes:
        parts: The trials that count, oldest first. Most trials have one part.
        others: Trials that continue one of the parts and do not count: they have failed, are in the queue,
            or another trial came first.
    """

    parts: Sequence[FrozenTrial]
    others: Sequence[FrozenTrial]

    @property
    def number(self) -> int:
        """Number of the first part, which is that of the trial."""
        return self.parts[0].number

    @property
    def trial(self) -> FrozenTrial:
        """The parts as one trial, see :func:`joined`."""
        return joined(self.parts)

    @property
    def is_queued(self) -> bool:
        """Whether a trial that continues it is in the queue."""
        return any(
            other.state == TrialState.WAITING and DUPLICATE not in other.system_attrs
            for other in self._next_tries
        )

    @property
    def n_failed(self) -> int:
        """How many trials that were to continue it have failed since its last part ended."""
        return sum(
            other.state == TrialState.FAIL and DUPLICATE not in other.system_attrs
            for other in self._next_tries
        )

    @property
    def starts_again(self) -> bool:
        """Whether a part reports from the first step again, so that it did not go on from a checkpoint."""
        starts = [min(part.intermediate_values) for part in self.parts if part.intermediate_values]
        return any(start <= starts[0] for start in starts[1:])

    @property
    def _next_tries(self) -> list[FrozenTrial]:
        return [other for other in self.others if resumed_number(other) == self.parts[-1].number]

    def steps_again(self, from_0: bool) -> float:
        """Steps that were trained, but are not in the curve: those that were trained again, or in vain.

        Args:
            from_0: Whether the steps of the study are counted from 0.
        """
        again = 0.0
        for i, part in enumerate(self.parts):
            before = joined(self.parts[: i + 1]).intermediate_values
            for other in [*self.parts[i + 1 : i + 2], *self.others]:
                own = other.intermediate_values
                if not own or resumed_number(other) != part.number:
                    continue
                went_on_from = max((step for step in before if step < min(own)), default=-from_0)
                end = max(own) if other in self.others else max(before, default=-from_0)
                again += end - went_on_from
        return again


def resumed_number(trial: FrozenTrial | optuna.Trial) -> int | None:
    """Number of the trial that ``trial`` continues; None for any other trial.

    Example:
        >>> trial = optuna.create_trial(value=0.5, user_attrs={RESUMES_ATTR: 3})
        >>> trial.number = 7
        >>> resumed_number(trial)
        3
    """
    number = trial.user_attrs.get(RESUMES_ATTR)
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    return number if 0 <= number < trial.number else None


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial that continues another one has not failed, and none was before it when it started."""
    return trial.state != TrialState.FAIL and DUPLICATE not in trial.system_attrs


def parents_of(trials: Iterable[FrozenTrial]) -> dict[int, int]:
    """For each of these trials that continues another one, the number of that one."""
    return {
        trial.number: number
        for trial in trials
        if RESUMES_ATTR in trial.user_attrs and (number := resumed_number(trial)) is not None
    }


def links_of(study: optuna.Study, trials: Iterable[FrozenTrial]) -> Links:
    """The links of a study."""
    return NO_LINKS.add(parents_of(trials), stops_of(study))


def chain_of(trials: Sequence[FrozenTrial], links: Links, number: int) -> Chain:
    """The chain of a trial.

    The first trial that continues another one counts, unless it fails. Every process comes to the same
    answer, since Optuna numbers trials in the order in which they are created.

    Args:
        trials: All trials of the study, by number.
        links: Which of them continue which.
        number: Number of a trial of the study.

    Raises:
        ValueError: If there is no such trial.
    """
    while number in links.parents and find(trials, links.parents[number]) is not None:
        number = links.parents[number]
    part = find(trials, number)
    if part is None:
        raise ValueError(f"there is no trial {number}")
    parts, others = list[FrozenTrial](), list[FrozenTrial]()
    while part is not None:
        stop = links.stops.get(part.number)
        parts.append(part if stop is None else with_stop(part, stop))
        children = [find(trials, child) for child in links.children.get(part.number, ())]
        part, is_taken = None, False
        for child in filter(None, children):
            is_next = counts(child) and not is_taken
            is_taken = is_taken or is_next
            if is_next and child.state != TrialState.WAITING:
                part = child
            else:
                others.append(child)
    return Chain(parts, others)


def chains_of(trials: Sequence[FrozenTrial], links: Links) -> list[Chain]:
    """All trials of a study, in the order of their starts."""
    if not links:
        return [Chain([trial], []) for trial in trials]
    firsts = [trial.number for trial in trials if _is_first(trials, links, trial.number)]
    return [chain_of(trials, links, number) for number in firsts]


def _is_first(trials: Sequence[FrozenTrial], links: Links, number: int) -> bool:
    return number not in links.parents or find(trials, links.parents[number]) is None


def joined(parts: Sequence[FrozenTrial]) -> FrozenTrial:
    """The parts of a chain as one trial: the last part, with what the earlier ones have on record.

    Its reports are those of a part up to the step where the next one goes on, and then those of the next one.
    """
    last = parts[-1]
    if len(parts) == 1:
        return last
    found = copy.copy(last)
    reports: dict[int, float] = {}
    for part in parts:
        own = part.intermediate_values
        if own:
            reports = {step: value for step, value in reports.items() if step < min(own)}
        reports.update(own)
    found.intermediate_values = reports
    found.params = {name: value for part in parts for name, value in part.params.items()}
    attrs = [part.user_attrs for part in parts[:-1]]
    kept = {k: v for some in attrs for k, v in some.items() if k not in LCSTOP_ATTRS}
    system_attrs, user_attrs = handed_down(parts[:-1], last.number)
    found.user_attrs = {**kept, **last.user_attrs, **user_attrs}
    found.system_attrs = {**system_attrs, **last.system_attrs}
    return found


def earlier_parts(study: optuna.Study, trial: FrozenTrial | optuna.Trial) -> Sequence[FrozenTrial] | None:
    """The trials that ``trial`` continues, oldest first; None if another trial continues them.

    It is then marked, and its user attribute :data:`lcstop_optuna.REASON_ATTR` says so.
    """
    trials = study.get_trials(deepcopy=False)
    parts = chain_of(trials, links_of(study, trials), trial.number).parts
    numbers = [part.number for part in parts]
    if trial.number in numbers:
        return parts[: numbers.index(trial.number)]
    reason = f"another trial continues trial {resumed_number(trial)} already"
    study._storage.set_trial_system_attr(trial._trial_id, DUPLICATE, True)
    study._storage.set_trial_user_attr(trial._trial_id, REASON_ATTR, reason)
    return None


def find(trials: Sequence[FrozenTrial], number: int) -> FrozenTrial | None:
    """The trial with this number; None if there is none."""
    index = index_of(trials, number)
    return None if index is None else trials[index]


def index_of(trials: Sequence[FrozenTrial], number: int) -> int | None:
    """Index of the trial with this number; None if there is none."""
    index = bisect_left(trials, number, key=lambda trial: trial.number)
    return index if index < len(trials) and trials[index].number == number else None


_STOP = "lcstop:stopped:"
"""Name of the system attribute of a study that holds the stop of a trial that waited, before its number.

The attributes of a trial that has ended cannot be changed.
"""


def store_stop(
    study: optuna.Study, trial: FrozenTrial, record: JudgementRecord, reason: str, from_0: bool
) -> None:
    """Write that a trial that waits is stopped.

    Args:
        study: The study.
        trial: The last part of the trial.
        record: The judgement.
        reason: Its reason.
        from_0: See :func:`lcstop_optuna.judgements.records_of`.
    """
    content = {"trial": trial.number, **replace(record, step=record.step - from_0).to_json()}
    stop: dict[str, Any] = {"record": content, "reason": reason}
    study._storage.set_study_system_attr(study._study_id, f"{_STOP}{trial.number}", stop)


def stops_of(study: optuna.Study) -> dict[int, Any]:
    """What :func:`store_stop` has written, by the numbers of the trials."""
    attrs = study._storage.get_study_system_attrs(study._study_id)
    return {
        int(name.removeprefix(_STOP)): content for name, content in attrs.items() if name.startswith(_STOP)
    }
