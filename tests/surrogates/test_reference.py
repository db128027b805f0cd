"""Forecasts of the shipped weights on saved curves are as recorded.

A change of the code or of a library that changes forecasts fails here. After new weights
``python -m tests.surrogates.test_reference`` writes the file again.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from lcstop import Curve, MetricScale, load_surrogate

FILE = Path(__file__).with_name("reference.json")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

TOLERANCE = 1e-3
"""On the unit interval, about the width of a bar. Other CPUs and versions of numpy round differently."""


def quantiles(case: dict, surrogate: str) -> list[list[float]]:
    """Quantiles of the forecast ``[n_at, n_quantiles]``, on the unit interval."""
    curve = Curve(case["steps"], case["values"], case["horizon"])
    forecast = load_surrogate(surrogate).forecast([curve], case["at"], MetricScale(**case["scale"]))
    return [[float(forecast.bars.quantile(q)[0, i]) for q in QUANTILES] for i in range(len(case["at"]))]


@pytest.mark.parametrize("surrogate", ["lcpfn", "lcpfn-published"])
def test_forecasts_are_those_that_were_saved(surrogate):
    cases = json.loads(FILE.read_text())
    assert len(cases) == 14
    for name, case in cases.items():
        expected = np.array(case["quantiles"][surrogate])
        assert expected.shape == (len(case["at"]), len(QUANTILES))
        assert np.abs(quantiles(case, surrogate) - expected).max() < TOLERANCE, name


def made_up_cases() -> dict[str, dict]:
    """Curves of both priors and hand-made ones, with several lengths, grids and scales."""
    import torch

    from lcstop.priors.broad import sample_broad
    from lcstop.priors.lcpfn import sample_curves

    unit = {"direction": "maximize", "lower": 0.0, "upper": 1.0}
    generator = torch.Generator().manual_seed(2310)
    published = sample_curves(4, generator=generator).double().numpy()
    cases = {}
    for i, (values, n) in enumerate(zip(published, (1, 10, 40, 99), strict=True)):
        cases[f"published {i}"] = case(range(1, n + 1), values[:n], 100, unit)
    for horizon, n in ((5, 2), (50, 5), (300, 120), (1000, 400)):
        values = sample_broad(1, generator=generator, horizon=horizon).noisy(generator)[0].double().numpy()
        cases[f"broad {horizon}"] = case(range(1, n + 1), values[:n], horizon, unit)
    loss = {"direction": "minimize", "lower": 0.0, "soft_upper": 2.3}
    steps = np.arange(1, 21)
    cases["loss"] = case(steps, 2.3 * np.exp(-steps / 8) + 0.2, 50, loss)
    cases["nothing seen"] = case([], [], 50, unit)
    cases["constant"] = case(steps, np.full(20, 0.1), 50, unit)
    cases["every hundredth"] = case(steps * 100, 1 - np.exp(-steps / 5), 10_000, unit)
    cases["irregular"] = case(np.cumsum(steps % 4 + 1), 0.8 * (1 - 0.9**steps), 90, unit)
    anchored = {"direction": "maximize", "soft_lower": 0.1, "soft_upper": 0.9}
    cases["above the best"] = case(steps, 0.95 - 0.8 * 0.8**steps, 40, anchored)
    return cases


def case(steps, values, horizon, scale) -> dict:
    steps, values = [float(s) for s in steps], [round(float(v), 6) for v in values]
    last = steps[-1] if steps else 0.0
    return {
        "steps": steps,
        "values": values,
        "horizon": horizon,
        "scale": scale,
        "at": sorted({float(np.floor((last + horizon) / 2)) or 1.0, float(horizon)} - {last}),
    }


if __name__ == "__main__":
    found = made_up_cases()
    for saved in found.values():
        saved["quantiles"] = {name: quantiles(saved, name) for name in ("lcpfn", "lcpfn-published")}
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
