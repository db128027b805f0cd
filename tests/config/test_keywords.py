"""The options as keywords of both adapters: types, defaults, help, and errors."""

import inspect
import pickle
import pydoc
import typing

import pytest

from lcstop import PrunerConfig
from lcstop.config.pruner_options import PrunerOptions
from lcstop_optuna import LCPFNPruner
from lcstop_ray import LCPFNScheduler

OWN = {LCPFNPruner: ["horizon"], LCPFNScheduler: ["time_attr", "metric", "mode", "horizon"]}
BY_KEYWORD = {LCPFNPruner: ["verbose"], LCPFNScheduler: []}
"""Keywords that are no options."""
EVERY = {
    "policy": "published",
    "use_params": False,
    "confidence": 0.9,
    "min_steps": 3.0,
    "interval_steps": 2.0,
    "n_startup_trials": 4,
    "patience": 2,
    "target": "final",
    "diverged_after": 5,
    "lower": 0.0,
    "upper": 1.0,
    "min_gain": 0.01,
    "surrogate": "last_value",
    "audit": 0.1,
    "shadow": True,
}
KEEP = {"keep": 0.9, "n_trials": 30, "pause": True}
"""Options of policy ``study`` alone."""
PRESET = {"preset": "safe"}
"""The option that ``keep`` has replaced."""


def test_the_typed_keywords_are_the_fields_of_the_configuration():
    types = typing.get_type_hints(PrunerOptions)
    fields = {
        name: field.annotation for name, field in PrunerConfig.model_fields.items() if name != "horizon"
    }
    assert list(types) == list(fields)
    assert types == fields


@pytest.mark.parametrize("adapter", OWN)
def test_the_signature_shows_every_option_with_its_type_and_default(adapter):
    parameters = inspect.signature(adapter).parameters
    options = [name for name in PrunerConfig.model_fields if name != "horizon"]
    assert list(parameters) == [*OWN[adapter], *BY_KEYWORD[adapter], *options]
    for name in options:
        field, parameter = PrunerConfig.model_fields[name], parameters[name]
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert (parameter.default, parameter.annotation) == (field.default, field.annotation)
    assert [parameters[name].kind for name in OWN[adapter]] == (
        [inspect.Parameter.POSITIONAL_OR_KEYWORD] * len(OWN[adapter])
    )


@pytest.mark.parametrize("adapter", OWN)
def test_help_names_every_option(adapter):
    shown = pydoc.plain(pydoc.render_doc(adapter))
    assert "confidence: float = 0.95" in shown
    assert all(f"{name}:" in shown for name in PrunerConfig.model_fields)


@pytest.mark.filterwarnings("ignore:preset=:FutureWarning")
@pytest.mark.parametrize("options", [EVERY, KEEP, PRESET])
@pytest.mark.parametrize("adapter", OWN)
def test_every_keyword_reaches_the_configuration_and_survives_a_pickle(adapter, options):
    made = adapter(horizon=50, **options)
    assert made.config == PrunerConfig(horizon=50, **options)
    assert all(getattr(made.config, name) != PrunerConfig.model_fields[name].default for name in options)
    assert {*EVERY, *KEEP, *PRESET, "horizon"} == set(PrunerConfig.model_fields)
    assert pickle.loads(pickle.dumps(made)).config == made.config  # noqa: S301


def test_the_horizon_is_taken_by_position():
    assert LCPFNPruner(50).config.horizon == 50
    assert LCPFNScheduler("epoch", "loss", "min", 50).config.horizon == 50


@pytest.mark.parametrize(
    ("adapter", "options", "said"),
    [
        (
            LCPFNPruner,
            {"confidance": 0.9},
            "LCPFNPruner has no option 'confidance'; did you mean 'confidence'",
        ),
        (LCPFNScheduler, {"patiense": 2}, "LCPFNScheduler has no option 'patiense'; did you mean 'patience'"),
        (LCPFNScheduler, {"metrik": "loss"}, "LCPFNScheduler has no option 'metrik'; did you mean 'metric'"),
    ],
)
def test_an_unknown_keyword_is_a_type_error_that_names_the_nearest(adapter, options, said):
    with pytest.raises(TypeError, match=said) as raised:
        adapter(horizon=50, **options)
    assert "allowed: " in str(raised.value)


@pytest.mark.parametrize("adapter", OWN)
def test_a_value_that_is_not_allowed_is_a_value_error(adapter):
    with pytest.raises(ValueError, match=r"^confidence: must be below 1, got 95$"):
        adapter(horizon=50, confidence=95)


def test_a_subclass_shows_its_own_signature():
    class Pruner(LCPFNPruner):
        def __init__(self, epochs: int) -> None:
            super().__init__(epochs, keep="safe")

    assert list(inspect.signature(Pruner).parameters) == ["epochs"]
    assert Pruner(20).config.keep == "safe"
