"""PrunerConfig: allowed values, and messages on others."""

import math
import pickle
import re

import numpy as np
import pytest

from lcstop import PrunerConfig
from lcstop.config import checks


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "horizon"),
        ({"horizon": 0.5}, "horizon"),
        ({"horizon": math.inf}, "horizon"),
        ({"horizon": ""}, "horizon"),
        ({"horizon": 50, "confidence": 1.0}, "confidence"),
        ({"horizon": 50, "confidence": 0}, "confidence"),
        ({"horizon": 50, "confidence": 95}, "confidence"),
        ({"horizon": 50, "min_steps": 0}, "min_steps"),
        ({"horizon": 50, "min_steps": 51}, "min_steps must be at most the horizon 50, got 51"),
        ({"horizon": 50, "interval_steps": 0}, "interval_steps"),
        ({"horizon": 50, "n_startup_trials": 0}, "n_startup_trials"),
        ({"horizon": 50, "patience": 0}, "patience"),
        ({"horizon": 50, "target": "last"}, "target"),
        ({"horizon": 50, "diverged_after": 0}, "diverged_after"),
        ({"horizon": 50, "min_gain": -0.1}, "min_gain"),
        ({"horizon": 50, "min_gain": math.inf}, "min_gain"),
        ({"horizon": True}, "horizon: must be a number, got True"),
        ({"horizon": np.True_}, "horizon: must be a number"),
        ({"horizon": 50, "patience": True}, "patience: must be a number"),
        ({"horizon": 50, "lower": False}, "lower: must be a number"),
        ({"horizon": 50, "lower": 1, "upper": 1}, "lower must be below upper"),
        ({"horizon": 50, "lower": math.nan}, "lower"),
        (
            {"horizon": 50, "surrogate": "gp"},
            "surrogate: .*'lcpfn', 'lcpfn-published', 'mcmc', 'powerlaw' or 'last_value', got 'gp'",
        ),
        ({"horizon": 50, "confidance": 0.9}, "confidance: no such key, got 0.9; did you mean 'confidence'"),
    ],
)
def test_bad_options_are_named(options, named):
    with pytest.raises(ValueError, match=named) as raised:
        PrunerConfig(**options)
    assert "\n" not in str(raised.value)
    assert "pydantic" not in str(raised.value)


def test_mcmc_without_emcee_is_refused_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"surrogate mcmc needs emcee: pip install \"lcstop\[mcmc\]\""):
        PrunerConfig(horizon=50, surrogate="mcmc")
    assert PrunerConfig(horizon=50, surrogate="powerlaw").surrogate == "powerlaw"


def test_pickles_of_the_first_release_find_the_class():
    assert pickle.loads(b"clcstop.config\nPrunerConfig\n.") is PrunerConfig  # noqa: S301


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"policy": "published"}, "pause needs policy study, got pause=True, policy=published"),
        ({"audit": 0.1}, "pause is used without audit, got pause=True, audit=0.1"),
        ({"shadow": True}, "pause is used without shadow, got pause=True, shadow=True"),
        ({"preset": "safe"}, "pause is used without preset, got pause=True, preset=safe"),
    ],
)
def test_pause_refuses_what_does_not_fit(other, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        PrunerConfig(horizon=50, pause=True, **other)


def test_pause_is_read_from_words():
    assert PrunerConfig(horizon=50, pause="true").pause is True
    with pytest.raises(ValueError, match="pause"):
        PrunerConfig(horizon=50, pause=3)
