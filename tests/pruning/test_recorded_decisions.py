"""Decisions of the shipped options in artificial studies are as recorded.

A change of a constant or of a rule that changes a decision fails here. If the change is intended,
``python -m tests.pruning.test_recorded_decisions`` writes the file again; look at the difference.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop.ranking.features import features
from lcstop.ranking.grid import align
from tests.pruning.recorded_studies import Scene, rising, scenes

FILE = Path(__file__).with_name("recorded_decisions.json")

TOLERANCE = {"p_top": 1e-4, "p_beat": 1e-4, "p_best": 1e-5, "median": 1e-3}
"""Tolerance of values, 1e-9 of others. Other CPUs round the networks, which are in float32, differently."""

pytestmark = pytest.mark.filterwarnings("ignore:preset=:FutureWarning")

PRESETS = ("safe", "balanced", "bold")
PRESET_OPTIONS = [
    *(
        {"preset": preset, "target": target, "use_params": use_params}
        for target, use_params, preset in itertools.product(("best", "final"), (True, False), PRESETS)
    ),
    {"policy": "published"},
    {"policy": "published", "target": "final", "patience": 2},
    {"preset": "balanced", "patience": 2},
    {"preset": "balanced", "confidence": 0.8, "n_startup_trials": 7, "min_steps": 1},
    {"preset": "balanced"},
]
"""Options with which the trials of a study are judged in turn: what decided before there was ``keep``."""

KEEP_OPTIONS = [
    *(
        {"keep": keep, "target": target, "use_params": use_params}
        for target, use_params, keep in itertools.product(
            ("best", "final"), (True, False), (0.985, 0.94, 0.6)
        )
    ),
    {"keep": 0.8, "n_trials": 40},
    {"keep": 0.9, "patience": 2},
    {"keep": 0.5, "n_startup_trials": 7, "min_steps": 1},
]
"""The same with ``keep``."""

COLUMNS = (
    *("stops", "p_top", "p_beat", "incumbent", "threshold", "remaining_gain", "leads", "median", "p_best"),
)
"""Recorded values of a judgement. ``stops`` is 1 for a stop, 2 for a suppressed stop."""


class Recorder(PrunerCore):
    """Keeps the evidence of the last decision."""

    evidence = None

    def _in_words(self, decision, evidence, trial, study):
        self.evidence = evidence
        return super()._in_words(decision, evidence, trial, study)


_CORES: dict[str, Recorder] = {}


def core(**options: Any) -> Recorder:
    """One core for each set of options, so that networks are loaded once."""
    name = json.dumps(options, sort_keys=True)
    if name not in _CORES:
        _CORES[name] = Recorder(PrunerConfig(**options))
        first, models = next(iter(_CORES.values()))._models, _CORES[name]._models
        models._ranker, models._surrogate = first.ranker, first.surrogate
    return _CORES[name]


def judgement(judge: Recorder, trial: Curve, study: StudyView) -> list[float | None]:
    """A row of the record."""
    judge.evidence = None
    found = judge.judge(trial, study)
    assert not found.reason.startswith("goes on, not judged"), found.reason
    evidence, ranking = judge.evidence, judge.evidence and judge.evidence.ranking
    return [
        2 if found.suppressed_by else int(found.stop),
        found.p_top,
        found.p_beat,
        found.incumbent,
        evidence and evidence.threshold,
        ranking and ranking.remaining_gain,
        ranking and int(ranking.leads),
        found.median,
        found.p_best,
    ]


def judgements(scene: Scene, every: Sequence[dict[str, Any]]) -> list[list[float | None]]:
    """Each trial at some of its reports, with options in turn."""
    turns = itertools.cycle(every)
    rows = []
    for trial in scene.trials:
        n = len(trial)
        for at in sorted({1, 2, 3, n // 8 + 1, n // 4, n // 3, n // 2, 3 * n // 4, n - 1}):
            for options in itertools.islice(turns, 2):
                judge = core(horizon=trial.horizon, **{**scene.options, **options})
                rows.append(judgement(judge, trial.prefix(at), scene.study))
    return rows


def convergence(scene: Scene) -> list[list[float | None]]:
    """Whether the best trial has converged, and by what forecast."""
    trial, rows = scene.trials[-1], []
    for target, min_gain in (("best", 0.02), ("final", 0.005)):
        options = {"audit": 0.05, "min_steps": 1, "interval_steps": 1e-3}
        judge = core(horizon=trial.horizon, target=target, min_gain=min_gain, **options)
        for at in (len(trial) // 3, 2 * len(trial) // 3):
            found = judge.converged(trial.prefix(at), scene.study)
            low, high = found.interval or (None, None)
            rows.append([int(found.converged), found.median, low, high])
    return rows


def moments() -> dict[str, list[int]]:
    """The reports at which a trial is judged, by the options; counted from 1."""
    trials = {
        "50": rising(0, 50, 50),
        "1000": rising(0, 1000, 1000),
        "every 7 of 500": rising(0, 71, 500, 7),
    }
    dials = [*({"preset": preset} for preset in PRESETS), {"keep": 0.99}, {"keep": 0.6}]
    options = ({}, {"min_steps": 1}, {"min_steps": 5, "interval_steps": 3})
    found = {}
    for (name, trial), dial, given in itertools.product(trials.items(), dials, options):
        judge = core(horizon=trial.horizon, **dial, **given)
        due = [n for n in range(1, min(len(trial), 100) + 1) if judge.question(trial.prefix(n))]
        found[f"{name}, {', '.join(f'{key}={value}' for key, value in dial.items())}, {given}"] = due
    return found


def aligned(scene: Scene) -> Iterator[list[float]]:
    """Features of the trials. The shipped weights were trained on them."""
    for trial in scene.trials:
        n, study = len(trial) // 3, scene.study
        seen = align(trial.prefix(n), study.finished, study.unfinished, study.direction)
        assert seen is not None
        yield features(seen.context, seen.gains, seen.cutoff, seen.configurations())[0].tolist()


KINDS = {"presets": PRESET_OPTIONS, "keep": KEEP_OPTIONS}
RECORDED: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
SCENES = scenes()


def assert_same(
    found: list[list[float | None]], expected: list[list[float | None]], tolerance: float
) -> None:
    """Compare with a tolerance. None equals only None."""
    one, other = (np.array(rows, np.float64) for rows in (found, expected))
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SCENES)
def test_decisions_are_those_that_were_recorded(name, kind):
    found, expected = judgements(SCENES[name], KINDS[kind]), RECORDED[kind][name]
    for at, column in enumerate(COLUMNS):
        tolerance = TOLERANCE.get(column, 1e-9)
        assert_same([[row[at]] for row in found], [[row[at]] for row in expected], tolerance)


@pytest.mark.parametrize("name", SCENES)
def test_convergence_is_judged_as_it_was_recorded(name):
    assert_same(convergence(SCENES[name]), RECORDED["convergence"][name], 1e-3)


def test_trials_are_judged_when_it_was_recorded():
    assert moments() == RECORDED["moments"]


@pytest.mark.parametrize("name", ["curves alone", "hyperparameters", "irregular steps", "diverged"])
def test_features_are_those_that_were_recorded(name):
    assert_same([*aligned(SCENES[name])], RECORDED["features"][name], 1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_record_holds_decisions_of_every_kind_and_none_that_rounding_turns(kind):
    rows = np.array([row for found in RECORDED[kind].values() for row in found], np.float64)
    decides = "p_top" if kind == "presets" else "p_best"
    stops, p, threshold, leads = (
        rows[:, COLUMNS.index(name)] for name in ("stops", decides, "threshold", "leads")
    )
    assert (np.bincount(stops.astype(int)) > [100, 100, 5]).all()
    assert np.nansum(leads) > 20
    close = p / threshold
    assert ((close > 0.5) & (close < 2)).sum() > 50
    # The rounding of a small probability is as small.
    assert (np.abs(p - threshold) > np.minimum(TOLERANCE[decides], 0.005 * threshold))[np.isfinite(p)].all()


def _rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [_rounded(value) for value in found]
    return float(f"{found:.8g}") if isinstance(found, float) else found


if __name__ == "__main__":
    record = {
        **{
            kind: {name: judgements(scene, every) for name, scene in SCENES.items()}
            for kind, every in KINDS.items()
        },
        "convergence": {name: convergence(scene) for name, scene in SCENES.items()},
        "moments": moments(),
        "features": {
            name: [*aligned(SCENES[name])]
            for name in ("curves alone", "hyperparameters", "irregular steps", "diverged")
        },
    }
    parts = []
    for part, content in _rounded(record).items():
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(rows)}" for name, rows in content.items())
        parts.append(f" {json.dumps(part)}: {{\n{lines}\n }}")
    FILE.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
