"""What each pruner loses in the situations that users bring, and how many epochs it runs.

    python benchmarks/situations.py [--seeds 20] [--only NAME ...]

The curves are artificial: 40 trials of 50 epochs that saturate, some sooner than others. Each situation
changes what is reported, when it is asked, or what the study already holds. ``lost`` is the best value of all
trials minus the best value of the study, in hundredths; ``winner`` is the share of studies whose best trial
was stopped.
"""

import argparse
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, create_trial

from lcstop_optuna import LCPFNPruner

EPOCHS, TRIALS = 50, 40
Array = NDArray[np.float64]
Reports = dict[int, float]


@dataclass
class Situation:
    """One study as a user brings it.

    Attributes:
        reports: Value by step of each trial, in the order of the starts.
        values: What each objective returns.
        before: Trials that the study holds already.
        ask_every: Number of reports from one ``should_prune`` to the next.
        options: Options of ``LCPFNPruner``.
        feasible: Which trials meet the constraints; all by default.
    """

    reports: Sequence[Reports]
    values: Sequence[float]
    before: Sequence[FrozenTrial] = ()
    ask_every: int = 1
    options: dict[str, Any] = field(default_factory=dict)
    feasible: Sequence[bool] = (True,) * TRIALS


def curves(rng: np.random.Generator) -> Array:
    """Accuracies ``[TRIALS, EPOCHS]``."""
    top, speed = 0.9 * rng.beta(4, 2, (TRIALS, 1)), rng.uniform(3, 20, (TRIALS, 1))
    clean = top * (1 - np.exp(-np.arange(1, EPOCHS + 1) / speed))
    found: Array = np.clip(clean + 0.003 * rng.standard_normal(clean.shape), 0, 1)
    return found


def every(values: Array, first: int = 1, step: int = 1) -> Reports:
    """The values of the epochs ``first``, ``first + step`` and so on, by epoch from 1."""
    return {epoch: float(values[epoch - 1]) for epoch in range(first, EPOCHS + 1, step)}


def situation(c: Array, reports: Sequence[Reports] | None = None, **more: Any) -> Situation:
    """A situation whose objectives return their best value."""
    return Situation(reports or [every(one) for one in c], c.max(1).tolist(), **more)


def results_alone(rng: np.random.Generator, n: int) -> Situation:
    """``n`` results without curves are in the study, none as good as the best trial."""
    c = curves(rng)
    worse = rng.uniform(0.5, 0.99, n) * c.max()
    return situation(c, before=[create_trial(value=float(value)) for value in worse])


def mixed(rng: np.random.Generator) -> Situation:
    """Every third trial is of a family that does not report."""
    c = curves(rng)
    return situation(c, [{} if i % 3 == 2 else every(one) for i, one in enumerate(c)])


def late(rng: np.random.Generator, first: int) -> Situation:
    """Every other trial reports from epoch ``first`` on."""
    c = curves(rng)
    return situation(c, [every(one, first if i % 2 else 1) for i, one in enumerate(c)])


def intervals(rng: np.random.Generator) -> Situation:
    """The evaluation interval is a hyperparameter: 1 or 10 epochs."""
    c = curves(rng)
    return situation(c, [every(one, *rng.choice([(1, 1), (10, 10)])) for one in c])


def clock(rng: np.random.Generator) -> Situation:
    """Steps are seconds. An epoch takes 1 to 5 of them, and the first report comes after the first epoch."""
    c, seconds = curves(rng), rng.integers(1, 6, TRIALS)
    reports = [
        {int(s * (i + 1)): float(value) for i, value in enumerate(one) if s * (i + 1) <= EPOCHS}
        for one, s in zip(c, seconds, strict=True)
    ]
    return Situation(reports, [max(one.values()) for one in reports])


def gaps(rng: np.random.Generator) -> Situation:
    """The metric is NaN in four epochs of five."""
    c = curves(rng)
    return situation(c, [{e: v if e % 5 == 0 else np.nan for e, v in every(one).items()} for one in c])


def placeholders(rng: np.random.Generator) -> Situation:
    """The metric is exactly 0 for the first tenth."""
    c = curves(rng)
    c[:, : EPOCHS // 10] = 0.0
    return situation(c)


def exploding(rng: np.random.Generator) -> Situation:
    """The first value is a million times worse than all that follow."""
    c = curves(rng)
    c[:, 0] = -1e6 * rng.uniform(0.5, 1.5, TRIALS)
    return situation(c)


def overfitting(rng: np.random.Generator) -> Situation:
    """The last value counts. Fast trials over-fit."""
    c = curves(rng)
    fall = rng.uniform(0, 0.02, (TRIALS, 1)) * np.maximum(
        np.arange(EPOCHS) - rng.uniform(5, 30, (TRIALS, 1)), 0
    )
    c = np.clip(c - fall, 0, 1)
    return Situation([every(one) for one in c], c[:, -1].tolist(), options={"target": "final"})


def constraints(rng: np.random.Generator) -> Situation:
    """A third of the trials breaks a constraint; these tend to be the best."""
    c = curves(rng)
    feasible = rng.random(TRIALS) > np.argsort(np.argsort(c.max(1))) / TRIALS * 0.67
    return situation(c, feasible=feasible.tolist())


SITUATIONS: dict[str, Callable[[np.random.Generator], Situation]] = {
    "ordinary": lambda rng: situation(curves(rng)),
    "1 result without a curve": lambda rng: results_alone(rng, 1),
    "20 results without curves": lambda rng: results_alone(rng, 20),
    "50 results without curves": lambda rng: results_alone(rng, 50),
    "a family that does not report": mixed,
    "first report at 20 %": lambda rng: late(rng, EPOCHS // 5),
    "first report at 50 %": lambda rng: late(rng, EPOCHS // 2),
    "evaluated every 1 or 10 epochs": intervals,
    "steps are seconds": clock,
    "NaN in four epochs of five": gaps,
    "equal for the first tenth": placeholders,
    "a far worse first value": exploding,
    "asked every 10 epochs": lambda rng: situation(curves(rng), ask_every=10),
    "target final, over-fitting": overfitting,
    "constraints": constraints,
}

PRUNERS: dict[str, Callable[[dict[str, Any]], optuna.pruners.BasePruner]] = {
    "lcstop": lambda options: LCPFNPruner(horizon=EPOCHS, **options),
    f"lcstop, n_trials={TRIALS}": lambda options: LCPFNPruner(
        horizon=EPOCHS,
        n_trials=TRIALS,
        **options,
    ),
    "MedianPruner": lambda options: optuna.pruners.MedianPruner(),
    "SuccessiveHalvingPruner": lambda options: optuna.pruners.SuccessiveHalvingPruner(),
}


def run(given: Situation, pruner: optuna.pruners.BasePruner) -> tuple[float, float, bool]:
    """Best possible minus best found, the share of epochs, and whether the best trial was stopped."""
    feasible = iter(given.feasible)
    sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=0)
    if not all(given.feasible):
        sampler = optuna.samplers.TPESampler(
            seed=0, constraints_func=lambda trial: (-1.0 if next(feasible) else 1.0,)
        )
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    for known in given.before:
        study.add_trial(known)
    found, steps, stopped = [-np.inf], 0, set[int]()
    for number, (reports, value) in enumerate(zip(given.reports, given.values, strict=True)):
        trial = study.ask()
        for n, (step, reported) in enumerate(reports.items(), 1):
            trial.report(reported, step)
            if n % given.ask_every == 0 and step < EPOCHS and trial.should_prune():
                stopped.add(number)
                break
        steps += step if reports else EPOCHS
        if number in stopped:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            continue
        study.tell(trial, value)
        found += [value] * given.feasible[number]
    possible = np.where(given.feasible, given.values, -np.inf)
    found += [known.value for known in given.before if known.value is not None]
    return max(0.0, possible.max() - max(found)), steps / (TRIALS * EPOCHS), int(possible.argmax()) in stopped


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=[*SITUATIONS], choices=[*SITUATIONS])
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(
        f"{TRIALS} trials of {EPOCHS} epochs, {given.seeds} seeds: lost (hundredths), epochs, winner stopped"
    )
    print("".ljust(34) + "".join(name.rjust(28) for name in PRUNERS))
    for name in given.only:
        cells = []
        for make in PRUNERS.values():
            found = []
            for seed in range(given.seeds):
                one = SITUATIONS[name](np.random.default_rng(seed))
                found.append(run(one, make(one.options)))
            lost, share, winner = np.mean(found, 0)
            cells.append(f"{100 * lost:.2f}  {share:.0%}  {winner:.0%}".rjust(28))
        print(name.ljust(34) + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
