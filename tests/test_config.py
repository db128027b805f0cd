"""PrunerConfig: what is allowed, and what errors say."""

import math

import pytest

from lcstop import PrunerConfig, config


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "horizon"),
        ({"horizon": 0.5}, "horizon"),
        ({"horizon": math.inf}, "horizon"),
        ({"horizon": "many"}, "horizon"),
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
        ({"horizon": 50, "lower": 1, "upper": 1}, "lower must be below upper"),
        ({"horizon": 50, "lower": math.nan}, "lower"),
        (
            {"horizon": 50, "surrogate": "gp"},
            "one of lcpfn, lcpfn-published, mcmc, powerlaw, last_value, got 'gp'",
        ),
        ({"horizon": 50, "confidance": 0.9}, "confidance"),
    ],
)
def test_bad_options_are_named(options, named):
    with pytest.raises(ValueError, match=named) as raised:
        PrunerConfig(**options)
    assert "\n" not in str(raised.value)
    assert "pydantic" not in str(raised.value)


def test_from_yaml(tmp_path):
    path = tmp_path / "pruner.yaml"
    path.write_text("horizon: 50\nconfidence: 0.99\ntarget: final\n")
    assert PrunerConfig.from_yaml(path) == PrunerConfig(horizon=50, confidence=0.99, target="final")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"horizon: 50\nconfidance: 0.9\n", "confidance: .* got 0.9"),
        (b"horizon: -3\n", "horizon: .*greater than or equal to 1, got -3"),
        (
            b"horizon: 50\nlower: 1\nupper: 0\n",
            r"lower must be below upper, got lower=1.0, upper=0.0$",
        ),
        (b"- 1\n- 2\n", "must hold keys and values, got list"),
        (b"", "must hold keys and values, got NoneType"),
        (b"horizon: [", "not valid YAML"),
        (b"horizon: !!python/object/apply:os.getcwd []", "not valid YAML"),
        (b"\xff\xfe\x00", "not valid YAML"),
    ],
)
def test_bad_yaml_is_named_with_its_file(tmp_path, content, message):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"bad.yaml.*{message}"):
        PrunerConfig.from_yaml(path)


def test_mcmc_without_emcee_is_refused_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(config, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"surrogate mcmc needs emcee: pip install \"lcstop\[mcmc\]\""):
        PrunerConfig(horizon=50, surrogate="mcmc")
    assert PrunerConfig(horizon=50, surrogate="powerlaw").surrogate == "powerlaw"
