"""Made-up studies that several test modules judge trials in."""

from collections.abc import Sequence

import numpy as np
import torch

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop.studies.features import Context
from lcstop.studies.view import Look


def random_look(
    seed: int = 0, n: int = 12, horizon: int = 20, n_params: int = 3, cutoff: int = 7, b: int = 1
) -> Look:
    """Studies of ``n`` other trials, some of which have finished, and one trial that is judged."""
    rng = np.random.default_rng(seed)
    tops = rng.uniform(0.2, 0.95, (b, n + 1, 1))
    curves = tops * (1 - rng.uniform(0.6, 0.95, (b, n + 1, 1)) ** np.arange(1, horizon + 1))
    gains = torch.from_numpy(curves + rng.normal(0, 0.02, curves.shape))
    lengths = torch.from_numpy(rng.integers(1, horizon + 1, (b, n)))
    lengths[:, ::3] = horizon
    params = torch.from_numpy(rng.uniform(size=(b, n + 1, n_params)))
    params[..., 0] = (params[..., 0] * 3).floor()
    numeric = torch.ones(b, n_params, dtype=torch.bool)
    numeric[:, 0] = False
    known = torch.ones(b, dtype=torch.bool)
    context = Context(gains[:, :-1], lengths, lengths == horizon, params[:, :-1], numeric, known)
    return Look(context, gains[:, -1:], torch.full((b,), cutoff), params[:, -1:])


def curves(tops: Sequence[float], horizon: int = 20, seed: int = 0) -> list[Curve]:
    """Noisy curves that rise towards ``tops``, each with a hyperparameter that follows its top."""
    rng, steps = np.random.default_rng(seed), np.arange(1, horizon + 1)
    found = []
    for top in tops:
        values = top * (1 - 0.8**steps) + rng.normal(0, 0.005, horizon)
        found.append(Curve(steps, values, horizon, params={"top": float(top), "opt": "adam"}))
    return found


H = 20
PRESETS = ("safe", "balanced", "bold")
TOPS = (0.7, 0.9, 0.5, 0.8, 0.6, 0.85, 0.75, 0.4)


def core(**options) -> PrunerCore:
    return PrunerCore(PrunerConfig(**{"horizon": H, **options}))


def view(n: int = 8) -> StudyView:
    """Half of the trials have finished, the others are half-way."""
    others = curves(TOPS[:n], H)
    return StudyView("maximize", others[: n // 2], [curve.first(10) for curve in others[n // 2 :]])


def poor(n: int = 11) -> Curve:
    return curves([0.1], H, seed=1)[0].first(n)


def decide(n: int = 11) -> tuple[bool, float | None, float | None, str]:
    """For other processes."""
    found = core().judge(poor(n), view())
    return found.stop, found.p_top, found.p_beat, found.reason
