"""SearchTable: the trials of a running Ray Tune search, as a trial that is judged is compared with them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from lcstop import StudyView
from lcstop.curves.curve import Direction
from lcstop.pruning.certificate import Certificate
from lcstop.pruning.last_verdict import shadow_stop
from lcstop.pruning.trial_table import State, TrialTable
from lcstop_ray.history import History

_STATES: dict[str, State] = {
    "running": "running",
    "waiting": "running",
    "finished": "finished",
    "converged": "finished",
    "stopped": "stopped",
    "failed": "left out",
    "cut off": "pruned",
}
_ENDED = ("finished", "stopped", "pruned")


class SearchTable:
    """The trials of a search. Only those that have changed are set in the table again.

    Args:
        histories: The trials, by trial id. New ones are added to the end.
        direction: Of the metric.

    Attributes:
        changed: Ids of trials that have changed since they were set in the table.

    Example:
        >>> histories = {"a": History(horizon=3), "b": History(horizon=3)}
        >>> histories["a"].extend([(1, 0.1), (2, 0.2)])
        >>> [len(curve) for curve in SearchTable(histories, "maximize").view(judged="b").unfinished]
        [2]
    """

    def __init__(self, histories: Mapping[str, History], direction: Direction) -> None:
        self.changed = set[str]()
        self._histories, self._direction = histories, direction
        self._table = TrialTable()
        self._indices: dict[str, int] = {}  # indices in the table, by trial id

    def view(self, judged: str | None = None) -> StudyView:
        """Every trial but the one with the id ``judged``. Failed trials have no result and are left out."""
        self._update()
        if judged in self._indices:
            self.changed.add(judged)  # it changes again when it is decided
        history = self._histories.get(judged or "")
        return self._table.study_view(
            self._direction,
            None if history is None else history.name,
            self._indices.get(judged or ""),
            None if history is None else [*history.judgements],
        )

    def certificate(self) -> Certificate:
        """What the stops so far may have lost, and what they have saved."""
        self._update()
        return self._table.certificate()

    @property
    def n_ended(self) -> int:
        """How many trials have ended."""
        return sum(_STATES[history.state] in _ENDED for history in self._histories.values())

    def _update(self) -> None:
        if len(self._histories) > len(self._indices):
            for trial_id in islice(self._histories, len(self._indices), None):
                self._indices[trial_id] = len(self._indices)
                self.changed.add(trial_id)
        for trial_id in self.changed:
            history = self._histories[trial_id]
            self._table.set(
                self._indices[trial_id],
                _STATES[history.state],
                history.known_curve if history.all_steps else None,
                history.audited,
                stop=history.stop or shadow_stop(history.judgements),
            )
        self.changed.clear()

    def __getstate__(self) -> dict[str, Any]:
        # The table is rebuilt from the histories. Without it, pickles are small, and Ray writes them often.
        return {**self.__dict__, "_table": TrialTable(), "_indices": {}}
