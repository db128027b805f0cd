"""Runs an example of the folder ``examples`` and records its trials.

``python example_run.py EXAMPLE OUT.json [whole]``; with ``whole`` nothing is stopped.
"""

import json
import logging
import runpy
import sys
from pathlib import Path

import optuna
from ray.tune.schedulers import FIFOScheduler

import lcstop_optuna
import lcstop_ray


class Whole(FIFOScheduler):
    """A replacement of LCPFNScheduler that stops no trial."""

    def __init__(self, **options) -> None:
        super().__init__()
        self.stops: dict = {}


def of_study(study: optuna.Study) -> dict[str, list[list[float]]]:
    """Reports of every trial; those of a finished trial end with its result."""
    stopped = [[*t.intermediate_values.values()] for t in study.trials if t.state.name == "PRUNED"]
    done = [[*t.intermediate_values.values(), t.value] for t in study.trials if t.state.name == "COMPLETE"]
    return {"stopped": stopped, "finished": done}


def of_results(results, stops, metric: str) -> dict[str, list[list[float]]]:
    """Reports of every trial."""
    trials: dict[str, list[list[float]]] = {"stopped": [], "finished": []}
    for result in results:
        reports = result.metrics_dataframe[metric].tolist()
        trials["stopped" if result.metrics["trial_id"] in stops else "finished"].append(reports)
    return trials


class Told(logging.Handler):
    """Keeps the warnings of lcstop, but for those of a slow machine."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        for name in ("lcstop", "lcstop_optuna", "lcstop_ray"):
            logging.getLogger(name).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if not record.msg.startswith("a decision took"):
            self.messages.append(record.getMessage())


def main() -> None:
    path, out, *whole = sys.argv[1:]
    told = Told()
    if whole:
        lcstop_optuna.LCPFNPruner = lambda **options: optuna.pruners.NopPruner()
        lcstop_ray.LCPFNScheduler = Whole
    sys.argv = [path]
    left = runpy.run_path(path, run_name="__main__")
    if "study" in left:
        trials = of_study(left["study"])
    elif "results" in left:
        results = left["results"]
        metric = results._experiment_analysis.default_metric
        trials = of_results(results, left["scheduler"].stops, metric)
    else:  # the Trainer returns Ray's ExperimentAnalysis
        analysis = left["best"].run_summary
        trials = of_results(ray_results(analysis), left["scheduler"].stops, "objective")
    content = {**trials, "warnings": told.messages}
    Path(out).write_text(json.dumps(content), encoding="utf-8")


def ray_results(analysis):
    from ray.tune import ResultGrid

    return ResultGrid(analysis)


if __name__ == "__main__":
    main()
