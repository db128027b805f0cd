"""From the scores of single forecasts to the figures of the tables."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lcstop.evaluation.cases import LABELS, ForecastTask
from lcstop.evaluation.forecast_work import ScoresByTrial
from lcstop.evaluation.scores import Score, covered
from lcstop.evaluation.statistics import mean_over_curves, standings

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Central intervals whose coverage is told."""

BINS = 20
"""Of the histograms of the probability integral transform."""

PACKS = "all packs"
"""Scope of everything that is no curve of the prior."""

MEASURES: dict[str, Callable[[Score], float]] = {
    "log_likelihood": lambda score: score.log_likelihood,
    "crps": lambda score: score.crps,
    "error": lambda score: score.error,
    "unit_error": lambda score: score.unit_error,
}
"""What surrogates are ranked by; only of the first is more better."""


@dataclass(frozen=True)
class ScoredMoment:
    """One trial at one moment, and how each surrogate that forecast it did."""

    family: str
    task: str
    trial: int
    label: str
    scores: Mapping[str, Score]

    @property
    def curve(self) -> Hashable:
        """The unit of every standard error."""
        return self.task, self.trial

    @property
    def scopes(self) -> tuple[str, ...]:
        """What the case is counted in: a length of the prior, or a family and all packs."""
        return (self.task,) if self.family == "prior" else (self.family, PACKS)


def scopes_of(tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """What to show: each length of the prior, all packs, and each family if there are several.

    Args:
        tasks: Of a summary.
    """
    prior, families = [], list[str]()
    for task in tasks:
        if task["family"] == "prior":
            prior.append(task["task"])
        elif task["family"] not in families:
            families.append(task["family"])
    return prior + ([PACKS] if families else []) + (families if len(families) > 1 else [])


def cases_of(
    tasks: Sequence[ForecastTask], surrogates: Sequence[str], results: ScoresByTrial
) -> list[ScoredMoment]:
    """Scores by case; a forecast that failed is no score of it."""
    cases = []
    for task in tasks:
        for trial in task.trials:
            by_label: dict[str, dict[str, Score]] = {moment.label: {} for moment in trial.moments}
            for surrogate in surrogates:
                for score in results.get((surrogate, task.name, trial.number), ()):
                    if score.failed is None:
                        by_label[score.label][surrogate] = score
            cases += [
                ScoredMoment(task.family, task.name, trial.number, label, scores)
                for label, scores in by_label.items()
            ]
    return cases


def summarise(
    tasks: Sequence[ForecastTask], surrogates: Sequence[str], results: ScoresByTrial
) -> dict[str, Any]:
    """Every figure, NaN where there is none; the first surrogate is what the others are held against."""
    cases = cases_of(tasks, surrogates, results)
    by_cell, by_task, by_scope = _group(cases)
    main = surrogates[0]
    return {
        "tasks": [
            {"task": t.name, "family": t.family, "curves": len(t.trials), "left_out": dict(t.left_out)}
            for t in tasks
        ],
        "cells": [
            {"task": task, "cutoff": label, "surrogate": surrogate, **_cell(of_cell, surrogate)}
            for (task, label), of_cell in by_cell.items()
            for surrogate in surrogates
        ],
        "standings": _standings(by_cell, by_scope, surrogates),
        "calibration": [
            {"scope": scope, "surrogate": surrogate, **_calibration(of_scope, surrogate)}
            for scope, of_scope in {**by_scope, **by_task}.items()
            for surrogate in surrogates
        ],
        "by_cutoff": [
            {"scope": scope, "cutoff": label, "surrogate": surrogate, **_unit_likelihood(of_label, surrogate)}
            for scope, of_scope in by_scope.items()
            for label, of_label in _labels(of_scope).items()
            for surrogate in surrogates
        ],
        "paired": [
            {"scope": scope, "cutoff": label, "surrogate": other, "to": main, **_paired(of, other, main)}
            for scope, of_scope in {**by_scope, **by_task}.items()
            for label, of in {"all": of_scope, **_labels(of_scope)}.items()
            for other in surrogates[1:]
        ],
        "seconds": [
            {"scope": scope, "surrogate": surrogate, **_seconds(of_scope, surrogate, main)}
            for scope, of_scope in by_scope.items()
            for surrogate in surrogates
        ],
        "not_scored": [_not_scored(cases, surrogate, results) for surrogate in surrogates],
    }


_Groups = dict[str, list[ScoredMoment]]


def _group(
    cases: Iterable[ScoredMoment],
) -> tuple[dict[tuple[str, str], list[ScoredMoment]], _Groups, _Groups]:
    """By task and cutoff, by task, and by scope."""
    by_cell: dict[tuple[str, str], list[ScoredMoment]] = defaultdict(list)
    by_task, by_scope = defaultdict[str, list[ScoredMoment]](list), defaultdict[str, list[ScoredMoment]](list)
    for case in cases:
        by_cell[case.task, case.label].append(case)
        by_task[case.task].append(case)
        for scope in case.scopes:
            by_scope[scope].append(case)
    return by_cell, by_task, by_scope


def _labels(cases: Iterable[ScoredMoment]) -> _Groups:
    groups: _Groups = {label: [] for label in LABELS}
    for case in cases:
        groups[case.label].append(case)
    return {label: group for label, group in groups.items() if group}


def _values(
    cases: Iterable[ScoredMoment], surrogate: str, measure: Callable[[Score], float]
) -> list[tuple[Hashable, float]]:
    return [(case.curve, measure(case.scores[surrogate])) for case in cases if surrogate in case.scores]


def _cell(cases: Sequence[ScoredMoment], surrogate: str) -> dict[str, Any]:
    measures = {**MEASURES, "log_prob": lambda score: score.log_prob, "seconds": lambda score: score.seconds}
    means = {name: mean_over_curves(_values(cases, surrogate, of))._asdict() for name, of in measures.items()}
    return {**means, **_coverage(cases, surrogate)}


def _coverage(cases: Sequence[ScoredMoment], surrogate: str) -> dict[str, Any]:
    pits = _values(cases, surrogate, lambda score: score.pit)
    return {
        f"coverage_{level:.0%}": mean_over_curves(
            (curve, float(covered(pit, level))) for curve, pit in pits
        )._asdict()
        for level in LEVELS
    }


def _calibration(cases: Sequence[ScoredMoment], surrogate: str) -> dict[str, Any]:
    pits = [pit for _, pit in _values(cases, surrogate, lambda score: score.pit)]
    histogram = np.histogram(pits, bins=BINS, range=(0.0, 1.0))[0]
    return {"cases": len(pits), **_coverage(cases, surrogate), "pit": histogram.tolist()}


def _unit_likelihood(cases: Sequence[ScoredMoment], surrogate: str) -> dict[str, Any]:
    return mean_over_curves(
        _values(cases, surrogate, lambda score: score.log_likelihood - score.log_slope)
    )._asdict()


def _paired(cases: Iterable[ScoredMoment], other: str, main: str) -> dict[str, Any]:
    both = [case for case in cases if other in case.scores and main in case.scores]

    def difference(measure: Callable[[Score], float]) -> dict[str, Any]:
        pairs = [(case.curve, measure(case.scores[main]) - measure(case.scores[other])) for case in both]
        return mean_over_curves(pairs)._asdict()

    return {"log_likelihood": difference(MEASURES["log_likelihood"]), "crps": difference(MEASURES["crps"])}


def _seconds(cases: Iterable[ScoredMoment], surrogate: str, main: str) -> dict[str, Any]:
    own = [case for case in cases if surrogate in case.scores]
    times = [case.scores[surrogate].seconds for case in own]
    pairs = [
        (case.scores[surrogate].seconds, case.scores[main].seconds) for case in own if main in case.scores
    ]
    slower, faster = (sum(side) for side in zip(*pairs, strict=True)) if pairs else (math.nan, math.nan)
    return {
        "forecasts": len(times),
        "mean": float(np.mean(times)) if times else math.nan,
        "median": float(np.median(times)) if times else math.nan,
        "times_main": slower / faster,
    }


def _not_scored(cases: Iterable[ScoredMoment], surrogate: str, results: ScoresByTrial) -> dict[str, Any]:
    failures = [
        score.failed
        for (name, _, _), scores in results.items()
        for score in scores
        if name == surrogate and score.failed
    ]
    underflow = [value for _, value in _values(cases, surrogate, lambda score: score.log_prob)]
    return {
        "surrogate": surrogate,
        "jacobian_underflows": int(np.isnan(underflow).sum()),
        "failed": len(failures),
        "first_failure": failures[0] if failures else None,
    }


def _standings(
    by_cell: Mapping[tuple[str, str], Sequence[ScoredMoment]], by_scope: _Groups, surrogates: Sequence[str]
) -> list[dict[str, Any]]:
    """Among those that forecast everything, and among all on the cases that all have."""
    most = {s: sum(s in case.scores for of in by_cell.values() for case in of) for s in surrogates}
    full = [s for s in surrogates if most[s] >= 0.9 * max(most.values())]
    fields = [full] if len(full) == len(surrogates) else [full, list(surrogates)]
    table = []
    for scope, of_scope in by_scope.items():
        names = {case.task for case in of_scope}
        cells = {key: of for key, of in by_cell.items() if key[0] in names}
        for field in fields:
            table += _ranked(scope, cells, field)
    return table


def _ranked(
    scope: str, cells: Mapping[tuple[str, str], Sequence[ScoredMoment]], field: Sequence[str]
) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {name: {} for name in field}
    for measure, of in MEASURES.items():
        tasks: dict[str, list[dict[str, float]]] = defaultdict(list)
        for (task, _), cases in cells.items():
            common = [case for case in cases if all(name in case.scores for name in field)]
            sign = -1.0 if measure == "log_likelihood" else 1.0
            penalty = {name: sign * mean_over_curves(_values(common, name, of)).mean for name in field}
            if not any(math.isnan(value) for value in penalty.values()):
                tasks[task].append(penalty)
        for name, standing in standings(list(tasks.values())).items():
            rows[name][measure] = {**standing._asdict(), "tasks": len(tasks)}
    return [
        {"scope": scope, "among": len(field), "surrogate": name, **row} for name, row in rows.items() if row
    ]
