"""Probabilities of the shipped study network in saved studies are as recorded.

A change of the code or of a library that changes them fails here. After new weights or features
``python -m tests.ranking.test_reference`` writes the file again; look at the difference.
"""

import json
from pathlib import Path

import numpy as np

from lcstop import Curve
from lcstop.ranking.ranker import Ranker

FILE = Path(__file__).with_name("reference.json")

TOLERANCE = 2e-3
"""Of probabilities. Other CPUs and versions of numpy round differently."""


def verdicts(case: dict) -> list[list[float]]:
    """Probabilities of the best tenth and of beating the incumbent, ``[2 * n_cutoffs, 2]``.

    The first rows are without hyperparameters. The others are the higher ones of without and with them.
    """
    curves = [
        Curve(
            row["steps"], [np.nan if v is None else v for v in row["values"]], case["horizon"], row["params"]
        )
        for row in case["trials"]
    ]
    trial, others = curves[0], curves[1:]
    finished = [curve for curve in others if curve.cutoff >= case["horizon"]]
    rest = [curve for curve in others if curve.cutoff < case["horizon"]]
    policy = Ranker()
    found = [
        policy.rank(trial.prefix(n), finished, rest, case["direction"], use_params=use_params)
        for use_params in (False, True)
        for n in case["cutoffs"]
    ]
    return [[verdict.p_top, verdict.p_beat] for verdict in found]


def test_verdicts_are_those_that_were_saved():
    cases = json.loads(FILE.read_text())
    assert len(cases) == 9
    for name, case in cases.items():
        expected = np.array(case["verdicts"])
        assert expected.shape == (2 * len(case["cutoffs"]), 2)
        assert np.abs(np.array(verdicts(case)) - expected).max() < TOLERANCE, name


def made_up_cases() -> dict[str, dict]:
    """Artificial studies of several sizes and horizons, and hand-made ones."""
    import torch

    from lcstop.priors.broad import BroadConfig
    from lcstop.priors.study import sample_studies

    generator, cases = torch.Generator().manual_seed(2310), {}
    for n, horizon in ((2, 50), (6, 12), (20, 100), (40, 30)):
        studies = sample_studies(1, n, generator=generator, horizon=horizon, config=BroadConfig())
        values = studies.curves.noisy(generator)[0].double().numpy()
        params = [{f"p{i}": round(x, 4) for i, x in enumerate(row)} for row in studies.params[0].tolist()]
        lengths = [horizon if i % 3 == 1 else 1 + i * 7 % horizon for i in range(n)]
        lengths[0] = horizon
        cases[f"artificial {n}, {horizon}"] = case(values, lengths, horizon, params)
    steps, tops = np.arange(1, 21), np.array([0.8, 0.9, 0.5, 0.7, 0.85])
    rising = tops[:, None] * (1 - 0.8**steps)
    full = [20] * 5
    cases["loss"] = case(3 - rising, full, 20, direction="minimize")
    cases["nothing has finished"] = case(rising, [20, 9, 9, 8, 10], 20)
    words = [{"opt": word, "lr": lr} for word, lr in zip("abaab", (0.1, 0.2, None, 0.01, 1.0), strict=True)]
    cases["words and numbers"] = case(rising, full, 20, words)
    cases["every hundredth"] = case(rising, full, 2000, every=100)
    rising = rising.copy()
    rising[2, 4:] = np.nan
    cases["one diverged"] = case(rising, full, 20)
    return cases


def case(values, lengths, horizon, params=None, direction="maximize", every=1) -> dict:
    rows = []
    for i, (row, n) in enumerate(zip(values, lengths, strict=True)):
        reports = [round(float(v), 5) if np.isfinite(v) else None for v in row[:n]]
        steps = [float(every * (j + 1)) for j in range(n)]
        rows.append({"params": params and params[i], "steps": steps, "values": reports})
    n = lengths[0]
    cutoffs = sorted({max(1, n // 20), n // 6, n // 2})
    return {"direction": direction, "horizon": horizon, "cutoffs": cutoffs, "trials": rows}


if __name__ == "__main__":
    found = made_up_cases()
    for saved in found.values():
        saved["verdicts"] = verdicts(saved)
    lines = [f" {json.dumps(name)}: {json.dumps(saved)}" for name, saved in found.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
