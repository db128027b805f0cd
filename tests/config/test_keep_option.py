"""``keep``, and the options that it has replaced: what warns, what is refused, what old records decide by."""

from __future__ import annotations

import pickle
import warnings

import pytest

from lcstop import PrunerConfig, load_config
from lcstop.config.keep import DEFAULT_KEEP, KEEP
from lcstop.review.options import options_of
from lcstop.review.recorded_study import RecordedStudy
from lcstop.review.recorded_trial import RecordedTrial
from lcstop_optuna import LCPFNPruner
from lcstop_ray import LCPFNScheduler
from tests.ranking.study_trials import curves

BEFORE_KEEP = {
    "horizon": 50.0, "policy": "study", "preset": "balanced", "use_params": True, "confidence": 0.95,
    "min_steps": 2, "interval_steps": 1, "n_startup_trials": 1, "patience": 1, "target": "best",
    "diverged_after": 3, "lower": None, "upper": None, "min_gain": None, "surrogate": "lcpfn",
    "audit": 0.05, "shadow": False,
}  # fmt: skip
"""The options that a study had on record before there was ``keep``, without one that was named."""


def test_a_name_stands_for_a_probability():
    assert PrunerConfig(horizon=50).keep == DEFAULT_KEEP
    for name, probability in KEEP.items():
        assert PrunerConfig(horizon=50, keep=name).keep_probability == probability
    assert PrunerConfig(horizon=50, keep=0.7).keep_probability == 0.7


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"preset": "safe"}, r"^preset='safe' goes away in lcstop 0\.3: write keep='safe' instead \("),
        ({"preset": "bold", "confidence": 0.9}, "write keep='bold' instead, and leave out confidence=0.9"),
        ({"confidence": 0.99}, "confidence=0.99 for policy study .* such as keep='safe'"),
        ({"confidence": 0.8}, "such as keep='bold'"),
        ({"policy": "published", "preset": "safe"}, "does nothing for policy published.*: leave it out"),
    ],
)
@pytest.mark.parametrize("make", [PrunerConfig, LCPFNPruner, LCPFNScheduler])
def test_a_replaced_option_decides_as_before_and_warns_at_the_line_that_names_it(make, options, said):
    with pytest.warns(FutureWarning, match=said) as warned:
        made = make(horizon=50, **options)
    assert [warning.filename for warning in warned] == [__file__]
    config = getattr(made, "config", made)
    assert config.keep is None
    assert config.keep_probability is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert PrunerConfig.from_record(config.model_dump()) == config


def test_a_replaced_option_in_a_file_warns_too(tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text("horizon: 50\npreset: bold\n")
    for read in (load_config, LCPFNPruner.from_yaml, LCPFNScheduler.from_yaml):
        with pytest.warns(FutureWarning, match="write keep='bold' instead") as warned:
            read(path)
        assert {warning.filename for warning in warned} == {__file__}


@pytest.mark.parametrize(
    "options",
    [
        {"policy": "published", "confidence": 0.9},
        {"min_gain": 0.01, "confidence": 0.9},
        {"policy": "published", "keep": DEFAULT_KEEP, "preset": None},
        {"keep": None},
    ],
)
def test_what_keep_has_not_replaced_is_taken_without_a_warning(options):
    config = PrunerConfig(horizon=50, **options)
    assert config.keep == (None if options.get("policy") == "published" else DEFAULT_KEEP)
    assert PrunerConfig(**config.model_dump()) == config


@pytest.mark.parametrize(
    ("recorded", "keep", "preset"),
    [
        ({}, None, "balanced"),
        ({"preset": "safe", "confidence": 0.8}, None, "safe"),
        ({"policy": "published"}, None, "balanced"),
        ({"keep": None, "n_trials": None}, None, "balanced"),
        ({"keep": 0.8, "n_trials": 40}, 0.8, None),
        ({"keep": "bold", "preset": None}, "bold", None),
        ({"of_the_future": 1}, None, "balanced"),
    ],
)
def test_options_on_record_decide_as_they_did(recorded, keep, preset):
    config = PrunerConfig.from_record({**BEFORE_KEEP, **recorded})
    assert (config.keep, config.preset) == (keep, preset)


def test_a_damaged_record_is_an_error_in_one_line():
    with pytest.raises(ValueError, match=r"^patience: .* got 'many'$"):
        PrunerConfig.from_record({**BEFORE_KEEP, "patience": "many"})


@pytest.mark.parametrize(
    ("recorded", "given", "keep", "others"),
    [
        (BEFORE_KEEP, {}, None, ("balanced", 0.95)),
        (BEFORE_KEEP, {"keep": 0.8}, 0.8, (None, 0.95)),
        ({**BEFORE_KEEP, "confidence": 0.8}, {"keep": "safe"}, "safe", (None, 0.95)),
        ({"keep": "safe", "n_trials": 9}, {}, "safe", (None, 0.95)),
        ({"keep": "safe", "n_trials": 9}, {"preset": "bold"}, None, ("bold", 0.95)),
        ({"keep": "safe", "n_trials": 9}, {"confidence": 0.9}, None, (None, 0.9)),
        ({"keep": "safe", "n_trials": 9, "min_gain": 0.1}, {"confidence": 0.9}, "safe", (None, 0.9)),
        ({"keep": "safe", "n_trials": 9}, {"policy": "published"}, None, (None, 0.95)),
    ],
)
def test_options_that_are_given_replace_those_on_record_that_contradict_them(recorded, given, keep, others):
    trial = RecordedTrial(0, curves([0.5])[0], "finished", start=0, end=1)
    study = RecordedStudy("s", "Optuna", "accuracy", "epoch", "maximize", [trial], recorded)
    config = options_of(study, given)
    assert (config.keep, (config.preset, config.confidence)) == (keep, others)


def test_a_pickle_of_before_decides_as_it_did():
    config = PrunerConfig.from_record(BEFORE_KEEP)
    for name in ("keep", "n_trials"):  # as an earlier version had pickled it
        del config.__dict__[name]
    found = pickle.loads(pickle.dumps(config))  # noqa: S301
    assert (found.keep, found.preset, found.n_trials) == (None, "balanced", None)
    config.__dict__.update(keep=0.8, preset="balanced")  # as the first version with keep had pickled it
    found = pickle.loads(pickle.dumps(config))  # noqa: S301
    assert (found.keep, found.preset) == (0.8, None)


def test_a_pruner_of_before_is_unpickled():
    pruner = LCPFNPruner(50)
    for name in ("_verbose", "_stops_log", "_last_line"):  # as an earlier version had pickled it
        del pruner.__dict__[name]
    state = {**pruner.__dict__}
    found = LCPFNPruner.__new__(LCPFNPruner)
    found.__setstate__(state)
    assert repr(found) == repr(LCPFNPruner(50))
    assert found.config == pruner.config
