"""Artificial studies for the recorded decisions: no random numbers, so that they are the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from lcstop import Curve, StudyView
from lcstop.pruning.suppressed_stop import AuditedTrial, SuppressedStop

_GOLDEN = (math.sqrt(5) - 1) / 2


class Scene(NamedTuple):
    """A study and the trials that are judged in it, at several of their reports.

    Attributes:
        trials: The judged trials.
        study: The others.
        options: Of the pruner.
    """

    trials: Sequence[Curve]
    study: StudyView
    options: dict[str, Any] = {}  # noqa: RUF012 (a default of a NamedTuple)


def spread(i: int) -> float:
    """Number ``i`` of a sequence that fills [0, 1) evenly."""
    return (0.5 + i * _GOLDEN) % 1


def rising(
    i: int, n: int, horizon: float, every: float = 1.0, top: float | None = None, *, params: bool = False
) -> Curve:
    """Curve ``i`` of a study: ``n`` reports, ``every`` so many steps."""
    top = 0.25 + 0.65 * spread(3 * i) if top is None else top
    pace = 0.5 + 3 * spread(3 * i + 1)
    share = every * np.arange(1, n + 1) / horizon
    values = top * (1 - 0.02 ** (pace * share)) + 0.012 * np.sin(17.0 * i + (90 + 3 * i) * share)
    return Curve(every * np.arange(1, n + 1), values, horizon, _params(i, top, pace) if params else None)


def _params(i: int, top: float, pace: float) -> dict[str, Any]:
    """One number follows the top, one the pace, one is conditional, and two are uninformative."""
    params = {"lr": 10 ** (-4 * abs(top - 0.8)), "width": round(8 * pace), "opt": "abc"[i % 3]}
    if i % 3:
        params["momentum"] = round(spread(5 * i), 3)
    return {**params, "seed": f"s{i}", "layers": 2}


def changed(curve: Curve, values: Iterable[float]) -> Curve:
    """The curve with other values."""
    return Curve(curve.steps, np.array([*values]), curve.horizon, curve.params)


def study_of(
    n_finished: int, n_unfinished: int, horizon: float, every: float = 1.0, *, params: bool = False
) -> StudyView:
    full = math.floor(horizon / every)
    finished = [rising(i, full, horizon, every, params=params) for i in range(n_finished)]
    lengths = [1 + math.floor((full - 1) * spread(2 * i)) for i in range(n_unfinished)]
    unfinished = [rising(n_finished + i, n, horizon, every, params=params) for i, n in enumerate(lengths)]
    return StudyView("maximize", finished, unfinished)


def judged(n: int, horizon: float, every: float = 1.0, *, params: bool = False) -> list[Curve]:
    """A poor trial, two average ones, a good one."""
    tops = (0.3, 0.62, 0.75, 0.88)
    return [rising(100 + i, n, horizon, every, top, params=params) for i, top in enumerate(tops)]


def mirrored(curves: Iterable[Curve]) -> list[Curve]:
    return [changed(curve, 3 - curve.values) for curve in curves]


def scenes() -> dict[str, Scene]:
    """The studies by name."""
    found = {
        "curves alone": Scene(judged(30, 30), study_of(6, 8, 30)),
        "hyperparameters": Scene(judged(25, 25, params=True), study_of(7, 9, 25, params=True)),
        "nothing has finished": Scene(judged(20, 20, params=True), study_of(0, 9, 20, params=True)),
        "one other": Scene(judged(12, 12), study_of(1, 0, 12)),
        "many others": Scene(judged(16, 16, params=True), study_of(60, 90, 16, params=True)),
        "a report every 100 of 3000 steps": Scene(judged(30, 3000, 100.0), study_of(5, 6, 3000, 100.0)),
        "400 epochs": Scene([rising(101, 120, 400, top=0.6)], study_of(4, 5, 400)),
    }
    plain = found["hyperparameters"]
    others = [mirrored(part) for part in (plain.study.finished, plain.study.unfinished)]
    found["loss"] = Scene(mirrored(plain.trials), StudyView("minimize", *others))
    found["irregular steps"] = _irregular()
    found["lengths of their own"] = Scene(
        [rising(100 + i, 18, 18, top=top) for i, top in enumerate((0.4, 0.7))],
        StudyView(
            "maximize",
            [rising(i, 10 + 4 * i, 10 + 4 * i) for i in range(5)],
            [rising(5 + i, 4 + i, 12 + 9 * i) for i in range(5)],
        ),
    )
    found["converged early"] = _converged_early()
    found["late gains"] = _late()
    found["diverged"] = _diverged()
    found["ties"] = _ties()
    found["audited"] = _audited()
    return found


def _irregular() -> Scene:
    """Each trial reports at steps of its own, as with a clock."""

    def clocked(i: int, n: int, top: float | None = None) -> Curve:
        steps = np.cumsum([0.31 + 0.5 * spread(i + 7 * k) for k in range(n)])
        regular = rising(i, n, 12.0, top=top)
        return Curve(steps[steps <= 12], regular.values[steps <= 12], 12.0)

    finished = [clocked(i, 40) for i in range(5)]
    finished = [Curve([*c.steps, 12.0], [*c.values, c.values[-1]], 12.0) for c in finished]
    unfinished = [clocked(5 + i, 4 + 2 * i) for i in range(6)]
    trials = [clocked(100 + i, 20, top) for i, top in enumerate((0.3, 0.6, 0.8))]
    return Scene(trials, StudyView("maximize", finished, unfinished), {"min_steps": 1, "interval_steps": 0.7})


def _converged_early() -> Scene:
    """The best trials ended by themselves, long before others."""
    study = study_of(7, 6, 30, params=True)
    finished = [c.prefix(6) if c.values.max() > 0.6 else c for c in study.finished]
    best = max(range(7), key=lambda i: finished[i].values.max())
    finished[best] = changed(finished[best].prefix(6), finished[best].values[:6] + 0.3)
    return Scene(judged(30, 30, params=True), replace(study, finished=finished))


def _late() -> Scene:
    """Trials gain most of their value when a learning rate falls."""

    def late(i: int, n: int) -> Curve:
        curve = rising(i, 24, 24)
        return changed(curve.prefix(n), (0.1 * curve.values + 0.7 * spread(i) * (curve.steps > 16))[:n])

    study = StudyView("maximize", [late(i, 24) for i in range(7)], [late(7 + i, 3 + 2 * i) for i in range(5)])
    return Scene([late(20, 24), late(23, 24)], study)


def _diverged() -> Scene:
    """Losses with very bad first values, some of which are not finite."""
    study = study_of(6, 6, 20)
    finished, unfinished = (
        [changed(c, [1e30 if i % 4 else 40.0, *(2 - c.values[1:])]) for i, c in enumerate(part)]
        for part in (study.finished, study.unfinished)
    )
    finished[1] = changed(finished[1], [*finished[1].values[:10], *[math.nan] * 10])
    finished[2] = changed(finished[2], [math.nan] * 20)
    unfinished[0] = changed(unfinished[0], [math.inf] * len(unfinished[0]))
    trials = [changed(c, [1e20, *(2 - c.values[1:])]) for c in judged(20, 20)]
    trials[1] = changed(trials[1], [math.nan, *trials[1].values[1:5], math.nan, *trials[1].values[6:]])
    trials[3] = changed(trials[3], [2.0] * 6 + [math.nan] * 14)
    return Scene(trials, StudyView("minimize", finished, unfinished))


def _ties() -> Scene:
    """Rounded values, such as accuracies on few samples. One trial equals the best."""

    def rounded(curve: Curve) -> Curve:
        return changed(curve, curve.values.round(1))

    study = study_of(5, 7, 15)
    finished, unfinished = ([rounded(c) for c in part] for part in (study.finished, study.unfinished))
    level = changed(finished[0], np.max([c.values for c in finished], 0))
    trials = [level, *(rounded(c) for c in judged(15, 15)[:3])]
    return Scene(trials, StudyView("maximize", finished, unfinished))


def _audited() -> Scene:
    """Audits that show too many wrong stops; every second trial that would be stopped is audited."""
    study = study_of(6, 8, 30)
    ended = [
        AuditedTrial(curve, SuppressedStop(4.0, 0.1 if i < 3 else 0.95, "audit", ""), True)
        for i, curve in enumerate(study.finished)
    ]
    view = StudyView("maximize", study.finished, study.unfinished, "41", 25, ended)
    return Scene(judged(30, 30)[:2], view, {"audit": 0.03})
