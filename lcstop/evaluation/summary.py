"""All figures of an evaluation, as a dictionary for JSON, from the scores of its forecasts."""

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
"""Probabilities of the central intervals whose coverage is reported."""

BINS = 20
"""Number of bins of the histograms of the probability integral transform."""

PACKS = "all packs"
"""Name of the scope of all tasks that are not curves of the prior."""

MEASURES: dict[str, Callable[[Score], float]] = {
    "log_likelihood": lambda score: score.log_likelihood,
    "crps": lambda score: score.crps,
    "error": lambda score: score.error,
    "unit_error": lambda score: score.unit_error,
}
"""Measures that rank surrogates. Higher is better for ``log_likelihood``, lower for the others."""


@dataclass(frozen=True)
class ScoredCutoff:
    """The scores of one trial at one cutoff, by surrogate.

    Surrogates without a forecast are not in ``scores``.
    """

    family: str
    task: str
    trial: int
    label: str
    scores: Mapping[str, Score]

    @property
    def curve(self) -> Hashable:
        """Key of the curve. Standard errors are over curves."""
        return self.task, self.trial

    @property
    def scopes(self) -> tuple[str, ...]:
        """Scopes that include it: a length of the prior, or the family and all packs."""
        return (self.task,) if self.family == "prior" else (self.family, PACKS)


def scopes_of(tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Scopes of the tables: each length of the prior, all packs, and each family if there are several.

    Args:
        tasks: ``tasks`` of a summary.
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
) -> list[ScoredCutoff]:
    """The scores of every trial at every cutoff, without failed forecasts."""
    cases = []
    for task in tasks:
        for trial in task.trials:
            by_label: dict[str, dict[str, Score]] = {cutoff.label: {} for cutoff in trial.cutoffs}
            for surrogate in surrogates:
                for score in results.get((surrogate, task.name, trial.number), ()):
                    if score.failed is None:
                        by_label[score.label][surrogate] = score
            cases += [
                ScoredCutoff(task.family, task.name, trial.number, label, scores)
                for label, scores in by_label.items()
            ]
    return cases


def summarise(
    tasks: Sequence[ForecastTask], surrogates: Sequence[str], results: ScoresByTrial
) -> dict[str, Any]:
    """Every figure of an evaluation; NaN for figures without data. The first surrogate is the reference."""
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
            {"scope": scope, "cutoff": label, "surrogate": other, "to": main, **_paired(group, other, main)}
            for scope, of_scope in {**by_scope, **by_task}.items()
            for label, group in {"all": of_scope, **_labels(of_scope)}.items()
            for other in surrogates[1:]
        ],
        "seconds": [
            {"scope": scope, "surrogate": surrogate, **_seconds(of_scope, surrogate, main)}
            for scope, of_scope in by_scope.items()
            for surrogate in surrogates
        ],
        "not_scored": [_not_scored(cases, surrogate, results) for surrogate in surrogates],
    }


_Groups = dict[str, list[ScoredCutoff]]


def _group(
    cases: Iterable[ScoredCutoff],
) -> tuple[dict[tuple[str, str], list[ScoredCutoff]], _Groups, _Groups]:
    """Cases by task and cutoff, by task, and by scope."""
    by_cell: dict[tuple[str, str], list[ScoredCutoff]] = defaultdict(list)
    by_task, by_scope = defaultdict[str, list[ScoredCutoff]](list), defaultdict[str, list[ScoredCutoff]](list)
    for case in cases:
        by_cell[case.task, case.label].append(case)
        by_task[case.task].append(case)
        for scope in case.scopes:
            by_scope[scope].append(case)
    return by_cell, by_task, by_scope


def _labels(cases: Iterable[ScoredCutoff]) -> _Groups:
    groups: _Groups = {label: [] for label in LABELS}
    for case in cases:
        groups[case.label].append(case)
    return {label: group for label, group in groups.items() if group}


def _values(
    cases: Iterable[ScoredCutoff], surrogate: str, measure: Callable[[Score], float]
) -> list[tuple[Hashable, float]]:
    return [(case.curve, measure(case.scores[surrogate])) for case in cases if surrogate in case.scores]


def _cell(cases: Sequence[ScoredCutoff], surrogate: str) -> dict[str, Any]:
    measures = {**MEASURES, "log_prob": lambda score: score.log_prob, "seconds": lambda score: score.seconds}
    means = {
        name: mean_over_curves(_values(cases, surrogate, measure))._asdict()
        for name, measure in measures.items()
    }
    return {**means, **_coverage(cases, surrogate)}


def _coverage(cases: Sequence[ScoredCutoff], surrogate: str) -> dict[str, Any]:
    pits = _values(cases, surrogate, lambda score: score.pit)
    return {
        f"coverage_{level:.0%}": mean_over_curves(
            (curve, float(covered(pit, level))) for curve, pit in pits
        )._asdict()
        for level in LEVELS
    }


def _calibration(cases: Sequence[ScoredCutoff], surrogate: str) -> dict[str, Any]:
    pits = [pit for _, pit in _values(cases, surrogate, lambda score: score.pit)]
    histogram = np.histogram(pits, bins=BINS, range=(0.0, 1.0))[0]
    return {"cases": len(pits), **_coverage(cases, surrogate), "pit": histogram.tolist()}


def _unit_likelihood(cases: Sequence[ScoredCutoff], surrogate: str) -> dict[str, Any]:
    return mean_over_curves(
        _values(cases, surrogate, lambda score: score.log_likelihood - score.log_slope)
    )._asdict()


def _paired(cases: Iterable[ScoredCutoff], other: str, main: str) -> dict[str, Any]:
    both = [case for case in cases if other in case.scores and main in case.scores]

    def difference(measure: Callable[[Score], float]) -> dict[str, Any]:
        pairs = [(case.curve, measure(case.scores[main]) - measure(case.scores[other])) for case in both]
        return mean_over_curves(pairs)._asdict()

    return {"log_likelihood": difference(MEASURES["log_likelihood"]), "crps": difference(MEASURES["crps"])}


def _seconds(cases: Iterable[ScoredCutoff], surrogate: str, main: str) -> dict[str, Any]:
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


def _not_scored(cases: Iterable[ScoredCutoff], surrogate: str, results: ScoresByTrial) -> dict[str, Any]:
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
    by_cell: Mapping[tuple[str, str], Sequence[ScoredCutoff]], by_scope: _Groups, surrogates: Sequence[str]
) -> list[dict[str, Any]]:
    """Average ranks among the surrogates with nearly all forecasts, and among all on their common cases."""
    n_scores = {s: sum(s in case.scores for cell in by_cell.values() for case in cell) for s in surrogates}
    full = [s for s in surrogates if n_scores[s] >= 0.9 * max(n_scores.values())]
    fields = [full] if len(full) == len(surrogates) else [full, list(surrogates)]
    table = []
    for scope, of_scope in by_scope.items():
        names = {case.task for case in of_scope}
        cells = {key: cell for key, cell in by_cell.items() if key[0] in names}
        for field in fields:
            table += _ranked(scope, cells, field)
    return table


def _ranked(
    scope: str, cells: Mapping[tuple[str, str], Sequence[ScoredCutoff]], field: Sequence[str]
) -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {surrogate: {} for surrogate in field}
    for name, measure in MEASURES.items():
        tasks: dict[str, list[dict[str, float]]] = defaultdict(list)
        for (task, _), cases in cells.items():
            common = [case for case in cases if all(surrogate in case.scores for surrogate in field)]
            sign = -1.0 if name == "log_likelihood" else 1.0
            penalty = {s: sign * mean_over_curves(_values(common, s, measure)).mean for s in field}
            if not any(math.isnan(value) for value in penalty.values()):
                tasks[task].append(penalty)
        for surrogate, standing in standings(list(tasks.values())).items():
            rows[surrogate][name] = {**standing._asdict(), "tasks": len(tasks)}
    return [
        {"scope": scope, "among": len(field), "surrogate": surrogate, **row}
        for surrogate, row in rows.items()
        if row
    ]
