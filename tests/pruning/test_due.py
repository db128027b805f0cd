"""Whether a judgement is due, from the last reports alone."""

import numpy as np
import pytest

from lcstop import Curve, PrunerConfig, PrunerCore
from lcstop.pruning.due import Tail


@pytest.mark.parametrize("seed", range(60))
def test_no_judgement_is_missed_by_looking_at_the_last_reports_alone(seed):
    rng = np.random.default_rng(seed)
    horizon = float(rng.integers(10, 300))
    config = PrunerConfig(
        horizon=horizon,
        policy=str(rng.choice(["study", "published"])),
        preset=str(rng.choice(["safe", "balanced", "bold"])),
        min_steps=float(rng.integers(1, 8)),
        interval_steps=float(rng.choice([1, 2, 3.5, 10, 50])),
        diverged_after=int(rng.integers(1, 5)),
        min_gain=(None, 0.1)[seed % 2],
    )
    core = PrunerCore(config)
    steps = np.cumsum(rng.choice([1, 1, 1, 2, 5], size=300)) - seed % 3 // 2
    values = np.where(rng.random(300) < rng.choice([0, 0.1, 0.6]), np.nan, rng.random(300))
    n_spared = 0
    for n in range(core.n_tail + 1, int(np.searchsorted(steps, horizon - 1))):
        curve = Curve.from_reports(dict(zip(steps[:n].tolist(), values[:n].tolist(), strict=True)), horizon)
        last = slice(n - core.n_tail, n)
        tail = Tail((steps[last] + (steps[0] == 0)).tolist(), values[last].tolist(), horizon)
        is_due = core.question(curve) is not None or core.convergence_due(curve)
        assert core.may_be_due(tail) or not is_due
        n_spared += not core.may_be_due(tail)
    assert n_spared > 0 or config.policy == "published" or config.min_gain is not None
