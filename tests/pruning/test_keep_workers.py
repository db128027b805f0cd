"""``keep`` with several workers, who decide at the same time and from the start on."""

from __future__ import annotations

import numpy as np
import pytest

from lcstop import Curve, PrunerConfig, PrunerCore
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.trial_table import TrialTable

H, N_TRIALS, KEEP = 30, 64, 0.8
CORE = PrunerCore(PrunerConfig(horizon=H, keep=KEEP, n_trials=N_TRIALS))


def run(workers: int, seed: int) -> tuple[list[list[float]], int, set[int], np.ndarray]:
    """A search in which all workers decide at once, on what was known before any of them had.

    Returns:
        What the stops of each step have spent, the number of stops before a trial had finished, the stopped
        trials, and the value at the end of each trial.
    """
    rng = np.random.default_rng(seed)
    tops, paces = rng.uniform(0.3, 0.95, N_TRIALS), rng.uniform(0.7, 0.9, N_TRIALS)
    values = tops[:, None] * (1 - paces[:, None] ** np.arange(1, H + 1)) + rng.normal(0, 0.004, (N_TRIALS, H))
    waiting, running = iter(range(N_TRIALS)), dict[int, int]()
    table, records = TrialTable(), {i: list[JudgementRecord]() for i in range(N_TRIALS)}
    spent, n_before, stopped, n_finished = list[list[float]](), 0, set[int](), 0
    while True:
        while len(running) < workers and (new := next(waiting, None)) is not None:
            running[new] = 0
        if not running:
            return spent, n_before, stopped, values.max(1)
        known = {}
        for i in running:
            running[i] += 1
            known[i] = Curve(range(1, running[i] + 1), values[i, : running[i]], H)
            table.set(i, "running", known[i])
        now = table.copy()
        spent.append([])
        for i, curve in known.items():
            view = now.study_view("maximize", str(i), i, records[i])
            decision = CORE.decide(curve, view)
            if decision.is_new:
                records[i].append(decision.record(view.n_ended))
            if decision.stop:
                spent[-1].append(decision.p_best)
                n_before += not n_finished
                stopped.add(i)
                table.set(i, "stopped", curve, stop=records[i][-1])
            elif running[i] == H:
                table.set(i, "finished", curve)
                n_finished += 1
            if decision.stop or running[i] == H:
                del running[i]


@pytest.mark.parametrize("workers", [1, 4, 16])
def test_at_most_one_stop_of_each_worker_overspends(workers):
    kept = []
    for seed in range(3):
        spent, n_before, stopped, ends = run(workers, seed)
        assert len(stopped) > N_TRIALS / 4
        assert workers == 1 or n_before
        total = np.cumsum([sum(step) for step in spent])
        over = np.flatnonzero(total > 1 - KEEP)
        assert workers > 1 or not len(over)
        # No stop is made once all is spent, and none that alone is more than what is left.
        assert all(not spent[i] for i in range(over[0] + 1, len(spent))) if len(over) else True
        for step, before in zip(spent, [0.0, *total], strict=False):
            assert all(p <= 1 - KEEP - before + 1e-12 for p in step)
        kept.append(int(ends.argmax()) not in stopped)
    assert sum(kept) >= 2
