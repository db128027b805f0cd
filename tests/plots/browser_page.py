"""A report for the tests in a browser, and the browser's sizes."""

import shutil
import time
from pathlib import Path

import numpy as np

from lcstop import Curve, PrunerConfig
from lcstop.plots import write_page
from lcstop.review import RecordedStudy, RecordedTrial, Review
from tests.plots.test_report import EVIL

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HORIZON = 40
SCREENS = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}


def write_report(n_trials: int, path: Path) -> None:
    """The report of a study, most of whose trials were stopped, with markup in its names.

    It takes less than 20 s and 6 MB.
    """
    rng = np.random.default_rng(0)
    steps = np.arange(1.0, HORIZON + 1)
    trials = []
    for number in range(n_trials):
        values = rng.uniform(0.3, 0.9) * (1 - rng.uniform(0.7, 0.9) ** steps) + rng.normal(0, 0.01, HORIZON)
        n = HORIZON if number % 5 == 0 else int(rng.integers(4, HORIZON))
        params = {"lr": float(10 ** rng.uniform(-5, 0)), "optimizer": ["adam", EVIL][number % 2], EVIL: EVIL}
        trials.append(
            RecordedTrial(
                number,
                Curve(steps[:n], values[:n], HORIZON, params=params),
                "finished" if n == HORIZON else "stopped",
                start=60.0 * number,
                end=60.0 * number + 60,
                reason=None if n == HORIZON else f"reason {number} {EVIL}",
                attrs={"note": EVIL},
            )
        )
    study = RecordedStudy(EVIL, "Optuna", "accuracy", "epoch", "maximize", trials, {})
    start = time.process_time()
    write_page(Review.of(study, PrunerConfig(horizon=HORIZON, lower=0, upper=1)), path)
    assert time.process_time() - start < 20
    assert path.stat().st_size < 6e6
