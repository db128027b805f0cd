"""Fits the numbers of :meth:`lcstop.ranking.ranker.Ranking.p_best` to searches of recorded studies.

python benchmarks/fit_best.py search runs/fit tpe 0.85 4 CURVES...   # sampler, keep, seeds, files of curves
python benchmarks/fit_best.py permuted runs/fit random 0.85 4 CURVES...
python benchmarks/fit_best.py fit runs/fit
python benchmarks/fit_best.py fit-curve runs/fit

``keep`` stops trials of these searches as in use. A stopped trial is also followed to its end, unseen by its
study: each judgement is recorded, and whether a stop there loses the best trial of the study. ``fit`` prints
the numbers with hyperparameters fitted to all searches of the folder, and with each task left out, and
``fit-curve`` those of the trial's own curve. A rule makes its own evidence: search again with the new
numbers, and fit to both. ``permuted`` permutes the hyperparameters of each task among its trials: the numbers
have to hold where hyperparameters tell nothing, too.

A search takes some seconds. Never name tasks that a benchmark reports on.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from scipy.special import expit, logit

from lcstop import Curve, PrunerConfig
from lcstop.benchmark.readers import read_packs
from lcstop.benchmark.search_space import SearchSpace
from lcstop.benchmark.settings import interval
from lcstop.pruning.due import assumed_records
from lcstop.pruning.own_curve import forecast_own_curve, value_to_beat
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.thresholds import best_threshold
from lcstop.ranking.numpy_network import best_of
from lcstop.ranking.ranker import LARGE_REMAINING_GAIN, MAX_BY_CURVE, MIN_BY_CURVE, Ranker, Ranking
from lcstop.simulation.task import Task
from lcstop.surrogates import Surrogate, load_surrogate

Array = NDArray[np.float64]

SAMPLERS = {"random": (optuna.samplers.RandomSampler, 40), "tpe": (optuna.samplers.TPESampler, 100)}
"""Sampler and number of trials."""

SIZES = (15, 25, 50)
"""The first trials of a search also count as a study of this size, so that ``n_trials`` varies."""

DECIDED_BELOW = 0.03
"""Highest probability of the judgements to which ``fit-curve`` fits: stops are made far below it."""


@dataclass
class Judgement:
    """A judgement of a trial that has hyperparameters, and is neither the best so far nor undecided."""

    number: int
    step: int
    ranking: Ranking
    p_best: float
    by_curve: float


def search(
    task: Task, sampler: str, keep: float, seed: int, ranker: Ranker, surrogate: Surrogate
) -> dict[str, Array]:
    """Search a task once. Returns what :func:`examples` needs."""
    make, n_trials = SAMPLERS[sampler]
    study = optuna.create_study(direction=task.direction, sampler=make(seed=seed))
    space, free, n_trials = SearchSpace.of(task), np.ones(task.n_trials, bool), min(n_trials, task.n_trials)
    judged, rows, finished, stopped = list[Judgement](), list[int](), list[Curve](), list[Curve]()
    incumbent, to_spend = -math.inf, 1 - keep
    for number in range(n_trials):
        trial = study.ask()
        params = {
            column.name: trial.suggest_categorical(column.name, column.categories)
            if column.categories
            else trial.suggest_float(column.name, 0.0, 1.0)
            for column in space.columns
        }
        row = space.nearest(params, free)
        free[row] = False
        rows.append(row)
        values = task.values[row, : task.lengths[row]]
        failed = not np.isfinite(values).all()
        ended_at = int(np.isfinite(values).argmin()) + 1 if failed else len(values)
        horizon = task.horizon if task.planned is None else int(task.planned[row])
        stopped_at = None
        for step in _moments(task, horizon):
            if step >= ended_at or task.gains[row, :step].max() >= incumbent > -math.inf:
                continue
            curve = Curve(range(1, step + 1), values[:step], horizon, params)
            ranking = ranker.rank(curve, finished, stopped, task.direction)
            if ranking is None or ranking.leads or ranking.is_undecided:
                continue
            view = StudyView(task.direction, finished, stopped)
            p_best, by_curve = ranking.p_best(n_trials), math.nan
            if (to_beat := value_to_beat(curve, view, "best")) is not None and step < horizon:
                by_curve = forecast_own_curve(curve, view, surrogate).p_beat(to_beat)
            if ranking.has_params:
                judged.append(Judgement(number, step, ranking, p_best, by_curve))
            if not math.isnan(by_curve):
                p_best = ranking.with_curve(p_best, by_curve)
            threshold = best_threshold(curve.share, to_spend, n_trials - number)
            if stopped_at is None and p_best <= threshold:
                stopped_at, to_spend = step, to_spend - p_best
        if stopped_at is not None:
            stopped.append(Curve(range(1, stopped_at + 1), values[:stopped_at], horizon, params))
            trial.report(float(values[stopped_at - 1]), stopped_at)
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        elif failed:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            finished.append(Curve(range(1, ended_at + 1), values, horizon, params))
            incumbent = max(incumbent, float(task.gains[row].max()))
            study.tell(trial, float(values[-1]))
    gains = task.gains[rows]
    return {
        "number": np.array([j.number for j in judged]),
        "step": np.array([j.step for j in judged]),
        "shares": np.array([j.ranking.shares for j in judged]),
        "p_beat": np.array([j.ranking.p_beat_informed for j in judged]),
        "share": np.array([j.ranking.share for j in judged]),
        "remaining_gain": np.array([j.ranking.remaining_gain for j in judged]),
        "p_best": np.array([j.p_best for j in judged]),
        "by_curve": np.array([j.by_curve for j in judged]),
        "gain": gains.max(1),
        "reached_at": gains.argmax(1) + 1,
    }


def _moments(task: Task, horizon: int) -> list[int]:
    """The steps at which a trial that reports each epoch is judged."""
    config = PrunerConfig(horizon=horizon, interval_steps=interval(task.horizon))
    whole = Curve(range(1, horizon + 1), np.zeros(horizon), horizon)
    return [int(record.step) for record in assumed_records(config, whole)]


Examples = tuple[Array, Array, NDArray[np.bool_]]


def _concatenated(parts: Sequence[Examples]) -> Examples:
    inputs, log_odds, lost = zip(*parts, strict=True)
    return np.concatenate(inputs), np.concatenate(log_odds), np.concatenate(lost)


def examples(found: dict[str, Array]) -> Examples:
    """Inputs ``[m, 2]``, log-odds of the network ``[m]``, and whether a stop loses the best trial ``[m]``."""
    parts = []
    n_all = len(found["gain"])
    for n in {n_all, *(size for size in SIZES if size < n_all)}:
        of = found["number"] < n
        number = found["number"][of]
        lost = (found["gain"][number] == found["gain"][:n].max()) & (
            found["reached_at"][number] > found["step"][of]
        )
        p = np.minimum([best_of(shares, n) for shares in found["shares"][of]], found["p_beat"][of])
        inputs = [np.ones(of.sum()), np.log(found["share"][of])]
        parts.append((np.stack(inputs, 1), logit(p.clip(1e-7, 1 - 1e-7)), lost))
    return _concatenated(parts)


def examples_of_curves(found: dict[str, Array]) -> Examples:
    """The same for the trial's own curve, inputs ``[m, 2]``, where trials are decided on."""
    number, gain = found["number"], found["gain"]
    lost = (gain[number] == gain.max()) & (found["reached_at"][number] > found["step"])
    of = (found["p_best"] < DECIDED_BELOW) & ~np.isnan(found["by_curve"])
    by_curve = np.clip(logit(found["by_curve"]) - logit(MIN_BY_CURVE), 0, MAX_BY_CURVE)
    trust = LARGE_REMAINING_GAIN / np.maximum(found["remaining_gain"], LARGE_REMAINING_GAIN)
    inputs = np.stack([trust, trust * by_curve], 1)
    return inputs[of], logit(found["p_best"][of].clip(1e-7)), lost[of]


FITS = {"fit": (examples, 30.0), "fit-curve": (examples_of_curves, 1.0)}
"""Examples, and the penalty of the squared numbers for inputs of unit variance."""


def fit(inputs: Array, log_odds: Array, lost: NDArray[np.bool_], *, penalty: float) -> Array:
    """The numbers, one for each input: logistic regression on top of ``log_odds``, by Newton's method."""
    by_input = penalty * inputs.var(0)
    weights = np.zeros(inputs.shape[1])
    for _ in range(30):
        p = expit(log_odds + inputs @ weights)
        slope = inputs.T @ (p - lost) + by_input * weights
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + np.diag(by_input)
        weights -= np.linalg.solve(curvature, slope)
    return weights


def log_loss(log_odds: Array, lost: NDArray[np.bool_]) -> float:
    """Mean log-loss in nats."""
    return float(np.logaddexp(0, np.where(lost, -log_odds, log_odds)).mean())


def _joined(folder: Path, tasks: Sequence[str], made: Callable[[dict[str, Array]], Examples]) -> Examples:
    files = [file for task in tasks for file in sorted(folder.glob(f"{task}~*.npz"))]
    return _concatenated([made(dict(np.load(file))) for file in files])


def _tables(folder: Path, what: str) -> Iterator[str]:
    made, penalty = FITS[what]
    tasks = sorted({file.name.split("~")[0] for file in folder.glob("*.npz")})
    for task in tasks:
        weights = fit(*_joined(folder, [other for other in tasks if other != task], made), penalty=penalty)
        inputs, log_odds, lost = _joined(folder, [task], made)
        before, after = log_loss(log_odds, lost), log_loss(log_odds + inputs @ weights, lost)
        yield f"without {task}: {weights.round(2).tolist()}, log-loss on it {before:.4f} -> {after:.4f}"
    yield f"all: {fit(*_joined(folder, tasks, made), penalty=penalty).round(2).tolist()}"


def main() -> None:
    """Run the command."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what in FITS:
        print("\n".join(_tables(folder, what)))
        return
    sampler, keep, n_seeds = sys.argv[3], float(sys.argv[4]), int(sys.argv[5])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    ranker, surrogate = Ranker(), load_surrogate()
    for path in sys.argv[6:]:
        for task in map(Task.from_pack, read_packs(Path(path))):
            if what == "permuted" and task.params is not None:
                order = np.random.default_rng(0).permutation(task.n_trials)
                task = replace(task, params=tuple(task.params[i] for i in order))
            for seed in range(n_seeds):
                name = f"{task.name.replace('/', '-')}~{what}-{sampler}-{keep:g}-{seed}.npz"
                with np.errstate(all="ignore"):
                    found: dict[str, Any] = search(task, sampler, keep, seed, ranker, surrogate)
                np.savez_compressed(folder / name, **found)
                print(name, flush=True)


if __name__ == "__main__":
    main()
