"""A replay of a recorded study with any rule: which trials it stops, and when."""

from __future__ import annotations

from collections.abc import Callable

from lcstop.curves.curve import Target
from lcstop.review.recorded_study import RecordedStudy
from lcstop.review.whatif import task_of
from lcstop.simulation.loop import Action, Policy, replay
from lcstop.simulation.task import ReplayStudy


def stops_of_rule(
    study: RecordedStudy, build: Callable[[ReplayStudy], Policy], target: Target
) -> dict[int, int]:
    """Number of reports up to the stop, by the number of each trial that a rule stops.

    The trials run in the order of their numbers, one after another. A trial that was stopped on record ends
    at its stop.

    Args:
        study: The recorded study.
        build: Builds the policy of the rule.
        target: ``best`` or ``final``.
    """
    task = task_of(study)
    policy = _RecordingPolicy(build(ReplayStudy(task, range(task.n_trials), target, study.name)))
    replay(task, 0, 0, policy, workers=1, budget=int(task.lengths.sum()))
    return {study.trials[i].number: n for i, n in policy.stopped.items() if n < task.lengths[i]}


class _RecordingPolicy:
    """A policy that remembers after how many reports it has stopped each trial."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.dropped = policy, policy.dropped
        self.stopped: dict[int, int] = {}
        self._reports: dict[int, int] = {}

    def next(self) -> int | None:
        """See :class:`lcstop.simulation.loop.Policy`."""
        trial = self.policy.next()
        self._note_dropped()
        return trial

    def report(self, trial: int, step: int, value: float) -> Action:
        """See :class:`lcstop.simulation.loop.Policy`."""
        self._reports[trial] = step
        action = self.policy.report(trial, step, value)
        if action is Action.STOP:
            self.stopped[trial] = step
        self._note_dropped()
        return action

    def end(self, trial: int) -> None:
        """See :class:`lcstop.simulation.loop.Policy`."""
        self.policy.end(trial)

    def _note_dropped(self) -> None:
        """Note the paused trials that the policy has given up."""
        self.stopped.update((trial, self._reports[trial]) for trial in self.dropped)
