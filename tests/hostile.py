"""Shared by the state machines of both adapters: hostile input, and invariants of every decision.

By default the machines run a few examples, always the same. ``LCSTOP_EXAMPLES=2000`` runs 2,000 random ones.
"""

import functools
import math
import os
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from lcstop import Curve, Decision, PrunerConfig, load_surrogate
from lcstop.ranking.numpy_network import NumpyStudyNetwork

H = 12
_SHORT = "20"
_EXAMPLES = int(os.environ.get("LCSTOP_EXAMPLES", _SHORT))
SETTINGS = settings(
    max_examples=_EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.generate, *([Phase.shrink] if os.environ.get("LCSTOP_SHRINK") else [])],
    suppress_health_check=list(HealthCheck),
)


def run(machine: type[RuleBasedStateMachine], how: settings = SETTINGS) -> None:
    """Run a state machine, with the same examples each time unless ``LCSTOP_EXAMPLES`` asks for more.

    A seed makes them the same. With ``derandomize`` Hypothesis 6.170 calls repeated examples inconsistent.
    """
    run_state_machine_as_test(seed(0)(machine) if str(_EXAMPLES) == _SHORT else machine, settings=how)


ALLOWED = (
    "ValueError: a trial reported a value outside the bounds",
    "ValueError: the forecast is not finite",
)
"""Allowed causes of a failed judgement. Any other cause is a bug in the package."""


def by_policy(certainty, **found):
    """How certain a stop has to be is another option for each policy."""
    return {**found, "keep" if found["policy"] == "study" else "confidence": certainty}


options = st.fixed_dictionaries(
    {
        "horizon": st.sampled_from([H, float(H), H - 0.5]),
        "policy": st.sampled_from(["study", "published"]),
        "target": st.sampled_from(["best", "final"]),
        "certainty": st.sampled_from([0.99, 0.95, 0.5, 0.1]),
        "use_params": st.booleans(),
        "min_steps": st.integers(1, 6),
        "interval_steps": st.integers(1, 3),
        "n_startup_trials": st.integers(1, 3),
        "patience": st.integers(1, 2),
        "diverged_after": st.integers(1, 4),
    },
    optional={"lower": st.sampled_from([-1e300, -1.0, 0.0]), "upper": st.sampled_from([1.0, 2.0, 1e300])},
).map(lambda found: by_policy(**found))

numbers = st.one_of(
    st.floats(0, 1),
    st.floats(),
    st.sampled_from(
        [
            math.nan,
            math.inf,
            -math.inf,
            0.0,
            -0.0,
            1,
            -3,
            True,
            1e308,
            -1e308,
            5e-324,
            1e-300,
            1 + 2**-52,
            10**300,
        ]
    ),
)
"""Values that a trial may report."""

levels = st.one_of(st.floats(0.05, 0.95), st.sampled_from([0.05, 0.1, 0.9, 0.95]))
"""Limits of ordinary curves."""

lengths = st.integers(1, H + 2)


def make_networks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the networks only once, because loading takes most of the machines' time.

    Hypothesis draws constants from the modules that are loaded, so none may be loaded during a run.
    """
    load_once = functools.cache(load_surrogate)
    load_once("lcpfn")
    monkeypatch.setattr("lcstop.pruning.models.load_surrogate", load_once)
    monkeypatch.setattr(NumpyStudyNetwork, "load", functools.cache(NumpyStudyNetwork.load))


def ordinary(level: float, step: int, direction: str) -> float:
    """Value of an ordinary curve in [0, 1] at ``step``. It improves by up to ``level``."""
    rise = level * (1 - 0.6**step)
    return rise if direction == "maximize" else 1 - rise


def check(
    decision: Decision,
    trial: Curve,
    finished: Sequence[Curve],
    unfinished: Sequence[Curve],
    direction: str,
    config: PrunerConfig,
    due: bool,
) -> None:
    """Assert the invariants of a decision on ``trial``.

    Args:
        decision: The decision.
        trial: The judged trial.
        finished: Finished trials of its study.
        unfinished: Other trials of its study.
        direction: Direction of the metric.
        config: The options.
        due: Whether the judgement was due. ``explain`` judges at any step.
    """
    if decision.reason.startswith("goes on, not judged: "):
        assert not decision.stop
        assert decision.reason.removeprefix("goes on, not judged: ").startswith(ALLOWED), decision.reason
    if not decision.stop:
        return
    assert decision.cutoff == trial.cutoff
    if decision.diverged:
        assert not any(map(math.isfinite, trial.values[-config.diverged_after :]))
        return
    assert trial.cutoff < config.horizon
    if due:
        assert trial.cutoff >= config.min_steps
    if config.policy == "study" or config.target == "best":
        assert not _holds_the_best(trial, [*finished, *unfinished], direction)
    if config.target == "best":
        assert not _at_least_as_good(trial, [c for c in finished if _possible(c, config)], direction)


def _possible(curve: Curve, config: PrunerConfig) -> bool:
    low = -math.inf if config.lower is None else config.lower
    high = math.inf if config.upper is None else config.upper
    # Rounding may carry a value a little past a bound.
    return all(low - 1e-6 <= value <= high + 1e-6 for value in curve.values if math.isfinite(value))


def _gains(curve: Curve, direction: str) -> list[float]:
    sign = 1 if direction == "maximize" else -1
    return [sign * value for value in curve.values if math.isfinite(value)]


def _holds_the_best(trial: Curve, others: Sequence[Curve], direction: str) -> bool:
    """Whether the trial's last value is better than every value of the others."""
    others_best = max((gain for curve in others for gain in _gains(curve, direction)), default=-math.inf)
    own = _gains(trial.prefix(len(trial)), direction)
    return math.isfinite(trial.values[-1]) and own[-1] > others_best


def _at_least_as_good(trial: Curve, finished: Sequence[Curve], direction: str) -> bool:
    """Whether the trial's best value is at least as good as that of every finished trial."""
    incumbent = max((gain for curve in finished for gain in _gains(curve, direction)), default=-math.inf)
    return max(_gains(trial, direction), default=-math.inf) >= incumbent > -math.inf
