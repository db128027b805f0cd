"""LCPFNPruner in real Optuna studies, in one process."""

import logging
import math
import pickle
from unittest import mock

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from lcstop import PrunerConfig
from lcstop_optuna import REASON_ATTR, LCPFNPruner

H = 12

optuna.logging.set_verbosity(optuna.logging.ERROR)


def accuracy(top: float, epoch: int) -> float:
    return top * (1 - 0.5 ** (epoch + 1))


def objective(trial: optuna.Trial, start: int = 0, every: int = 1) -> float:
    top = trial.suggest_float("top", 0.1, 0.9)
    for epoch in range(0, H, every):
        trial.report(accuracy(top, epoch), epoch + start)
        if trial.should_prune():
            raise optuna.TrialPruned
    return accuracy(top, H - 1)


def study_with(pruner=None, n: int = 0, direction: str = "maximize", storage=None) -> optuna.Study:
    study = optuna.create_study(
        study_name="tuning",  # which trials are audited depends on it
        direction=direction,
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=pruner or LCPFNPruner(horizon=H, lower=0, upper=1),
        storage=storage,
    )
    study.optimize(objective, n_trials=n)
    return study


def published(**options) -> LCPFNPruner:
    """A pruner that judges a trial at every report, by its own curve."""
    return LCPFNPruner(**{"horizon": H, "policy": "published", "lower": 0, "upper": 1, **options})


def finished(value: float = 0.85) -> optuna.trial.FrozenTrial:
    reports = {epoch: accuracy(value, epoch) for epoch in range(H)}
    return create_trial(value=reports[H - 1], intermediate_values=reports)


def running(study: optuna.Study, values: list[float], start: int = 0) -> optuna.Trial:
    trial = study.ask()
    for step, value in enumerate(values, start):
        trial.report(value, step)
    return trial


def test_poor_trials_are_pruned_and_the_best_is_kept():
    study = study_with(n=20)
    pruned = [t for t in study.trials if t.state == TrialState.PRUNED]
    tops = [t.params["top"] for t in study.trials]
    assert len(pruned) >= 5
    assert study.best_trial.params["top"] == max(tops)
    assert all(t.last_step + 1 < H for t in pruned)


def ours(caplog) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name.startswith("lcstop")]


@pytest.mark.parametrize(
    ("policy", "reason"),
    [("study", "chance to become the best"), ("published", "chance to beat the best so far")],
)
def test_the_reason_is_stored_logged_and_in_the_dataframe(caplog, policy, reason):
    with caplog.at_level(logging.INFO, "lcstop_optuna"):
        study = study_with(published(policy=policy), n=20)
    pruned = [t for t in study.trials if t.state == TrialState.PRUNED]
    assert pruned
    for trial in study.trials:
        assert (REASON_ATTR in trial.user_attrs) == (trial.state == TrialState.PRUNED)
    first = pruned[0].user_attrs[REASON_ATTR]
    assert first.startswith(f"stopped at step {pruned[0].last_step + 1} of 12: ")
    assert f" % {reason} (needs " in first
    column = study.trials_dataframe()[f"user_attrs_{REASON_ATTR}"]
    assert column.notna().sum() == len(pruned)
    assert f"Trial {pruned[0].number} {first}" in caplog.text


@pytest.mark.parametrize("every", [1, 3])
def test_steps_from_0_and_from_1_give_the_same_decisions(every):
    lengths = []
    for start in (0, 1):
        study = study_with()
        study.optimize(lambda t, start=start: objective(t, start, every), n_trials=15)
        lengths.append([len(t.intermediate_values) for t in study.trials])
    assert lengths[0] == lengths[1]
    assert min(lengths[0]) < len(range(0, H, every))


@pytest.mark.parametrize("start", [0, 1])
def test_trials_of_three_steps_are_stopped_at_the_second(start):
    study = study_with(LCPFNPruner(horizon=3))

    def three_steps(trial: optuna.Trial) -> float:
        top = trial.suggest_float("top", 0.1, 0.9)
        for epoch in range(3):
            trial.report(accuracy(top, epoch), epoch + start)
            if trial.should_prune():
                raise optuna.TrialPruned
        return accuracy(top, 2)

    study.optimize(three_steps, n_trials=40)
    pruned = [len(t.intermediate_values) for t in study.trials if t.state == TrialState.PRUNED]
    assert len(pruned) > 20
    assert set(pruned) == {2}
    assert study.best_trial.params["top"] == max(t.params["top"] for t in study.trials)


def irregular_study(seed: int, pruner_class: type[LCPFNPruner]) -> list[list[int]]:
    """The steps that each trial of a study reports: late, seldom, with gaps of NaN, not asked each time."""
    rng = np.random.default_rng(seed)
    horizon, start = int(rng.integers(3, 13)), int(rng.integers(2))
    options = {"min_steps": int(rng.integers(1, 4)), "interval_steps": int(rng.integers(1, 4))}
    study = study_with(pruner_class(horizon=horizon, **options))

    def reports(trial: optuna.Trial) -> float:
        top, share = rng.uniform(0.3, 0.9), rng.choice([1, 0.6, 0.3])
        first, gaps = int(rng.choice([0, rng.integers(horizon)])), rng.choice([0, 0.3])
        is_reported, is_nan, is_asked = rng.random((3, horizon)) < [[share], [gaps], [0.8]]
        for epoch in range(first, horizon):
            if is_reported[epoch]:
                trial.report(math.nan if is_nan[epoch] else accuracy(top, epoch), epoch + start)
                if is_asked[epoch] and trial.should_prune():
                    raise optuna.TrialPruned
        return accuracy(top, horizon - 1)

    study.optimize(reports, n_trials=25)
    return [list(t.intermediate_values) for t in study.trials]


class AlwaysAsks(LCPFNPruner):
    """A pruner that looks at the study at each report."""

    def _may_ask(self, study, trial, known) -> bool:
        return bool(trial.intermediate_values) and not known.told_to_stop


def test_what_is_answered_without_a_look_at_the_study_changes_no_decision():
    studies = [irregular_study(seed, LCPFNPruner) for seed in range(40)]
    assert studies == [irregular_study(seed, AlwaysAsks) for seed in range(40)]


def test_explain_repeats_the_decision():
    study = study_with(LCPFNPruner(horizon=H, audit=0), n=20)
    pruner = study.pruner
    last = study.trials[-1]
    assert pruner.explain(study, last).stop == (last.state == TrialState.PRUNED)
    trial = running(study, [0.01, 0.02, 0.02, 0.02, 0.02])
    decision = pruner.explain(study, trial)
    assert decision.stop
    assert trial.should_prune() is True
    assert study.trials[trial.number].user_attrs[REASON_ATTR] == decision.reason
    stranger = create_trial(value=1.0)  # a trial outside a study has the number -1
    with pytest.raises(ValueError, match="has no trial -1"):
        pruner.explain(study, stranger)
    assert pruner.explain(study, last.number) == pruner.explain(study, last)
    with pytest.raises(ValueError, match="has no trial 77"):
        pruner.explain(study, 77)
    for wrong in ("3", None, study):
        with pytest.raises(TypeError, match="trial must be a trial of the study or its number, got"):
            pruner.explain(study, wrong)


def test_asking_twice_gives_the_same_answer_and_changes_nothing():
    study = study_with(LCPFNPruner(horizon=H, keep=0.1), n=5)
    trial = running(study, [0.01, 0.02, 0.02])
    frozen = study.trials[trial.number]
    before = pickle.dumps(frozen)
    answers = [study.pruner.prune(study, frozen) for _ in range(3)]
    assert answers == [True] * 3
    assert all(type(a) is bool for a in answers)
    assert pickle.dumps(frozen) == before


def test_one_storage_read_per_decision_and_none_between_after_the_first_report():
    study = study_with(LCPFNPruner(horizon=H, min_steps=4, interval_steps=3, lower=0, upper=1), n=4)
    trial = study.ask()
    storage = study._storage
    reads = []
    with mock.patch.object(storage, "get_all_trials", wraps=storage.get_all_trials) as get_all_trials:
        for epoch in range(8):
            trial.report(0.9 + epoch / 1000, epoch)
            get_all_trials.reset_mock()
            assert not trial.should_prune()
            reads.append(get_all_trials.call_count)
            assert all(call.kwargs["deepcopy"] is False for call in get_all_trials.call_args_list)
    # At its first report the study is looked at for warnings, as it is at some trials.
    assert reads == [1, 0, 0, 1, 0, 0, 1, 0]


def test_unordered_and_sparse_reports():
    study = study_with(LCPFNPruner(horizon=H, keep=0.1), n=5)
    trial = study.ask()
    for step in (6, 2, 4, 0):
        trial.report(accuracy(0.05, step), step)
    assert trial.should_prune()
    assert study.pruner.explain(study, trial).cutoff == 7


def test_studies_without_anything_to_compare_with():
    study = study_with(published())
    assert not running(study, [0.1, 0.1, 0.1]).should_prune()
    assert not study.ask().should_prune()  # no report at all
    study.enqueue_trial({"top": 0.5})
    study.add_trial(create_trial(state=TrialState.FAIL))
    study.add_trial(create_trial(state=TrialState.PRUNED, intermediate_values={0: 0.9}))
    assert not running(study, [0.1, 0.1, 0.1]).should_prune()


def test_an_added_trial_with_a_value_alone_is_the_incumbent_and_nothing_else():
    """It stops no trial by itself: where its curve was is not known."""
    study = study_with(published())
    study.add_trial(create_trial(value=0.9))
    trial = running(study, [accuracy(0.1, epoch) for epoch in range(9)])
    assert study.pruner.explain(study, trial).incumbent == 0.9
    assert not trial.should_prune()
    study.add_trial(finished(0.5))
    trial = running(study, [accuracy(0.1, epoch) for epoch in range(9)])
    assert study.pruner.explain(study, trial).incumbent == 0.9
    assert trial.should_prune()


def test_a_trial_that_breaks_a_constraint_is_not_to_beat():
    study = study_with()
    for top in (0.9, 0.91, 0.92):
        whole = finished(top)
        constraints = {"constraints": [-1.0, 0.5]}
        study.add_trial(
            create_trial(value=top, intermediate_values=whole.intermediate_values, system_attrs=constraints)
        )
    poor = [accuracy(0.3, epoch) for epoch in range(9)]
    trial = running(study, poor)
    assert study.pruner.explain(study, trial).reason == "no completed trial meets the constraints yet"
    assert not trial.should_prune()
    study.add_trial(finished(0.5))
    assert study.pruner.explain(study, running(study, poor)).incumbent == pytest.approx(accuracy(0.5, H - 1))


def test_failed_and_running_trials_are_never_the_incumbent():
    study = study_with()
    study.add_trial(finished(0.5))
    study.add_trial(create_trial(state=TrialState.FAIL, intermediate_values={0: 0.99}))
    running(study, [0.98, 0.98])
    trial = running(study, [0.1, 0.1, 0.1])
    assert study.pruner.explain(study, trial).incumbent == pytest.approx(accuracy(0.5, H - 1))


def test_multi_objective_studies_get_a_clear_error():
    study = optuna.create_study(directions=["maximize", "minimize"])
    with pytest.raises(ValueError, match="one objective, got 2 directions"):
        LCPFNPruner(horizon=H).prune(study, create_trial(values=[1.0, 2.0]))
    with pytest.raises(ValueError, match="one objective"):
        LCPFNPruner(horizon=H).explain(study, create_trial(values=[1.0, 2.0]))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_inside_patient_pruner():
    pruner = optuna.pruners.PatientPruner(published(), patience=2)
    study = study_with(pruner)
    study.add_trial(finished())
    level = [accuracy(0.1, epoch) for epoch in range(7)]
    falling = running(study, [*level, 0.09, 0.08, 0.07])
    rising = running(study, [*level, 0.11, 0.12, 0.13])
    assert falling.should_prune()
    assert not rising.should_prune()


def test_pickled_pruners_decide_alike():
    pruner = LCPFNPruner(horizon=H, keep=0.9, lower=0, upper=1)
    copy = pickle.loads(pickle.dumps(pruner))  # noqa: S301
    assert copy.config == pruner.config
    lengths = [[len(t.intermediate_values) for t in study_with(p, n=15).trials] for p in (pruner, copy)]
    assert lengths[0] == lengths[1]


def test_every_option_of_the_configuration_is_a_keyword_with_its_default():
    assert LCPFNPruner(horizon=7).config == PrunerConfig(horizon=7)
    changed = {
        "horizon": 70,
        "policy": "published",
        "use_params": False,
        "confidence": 0.9,
        "min_steps": 3,
        "interval_steps": 2,
        "n_startup_trials": 4,
        "patience": 2,
        "target": "final",
        "diverged_after": 5,
        "lower": -1.0,
        "upper": 2.0,
        "min_gain": 0.01,
        "surrogate": "lcpfn",
        "audit": 0.5,
        "shadow": True,
    }
    of_keep = {"keep": 0.8, "n_trials": 50, "pause": True}  # refused together with another policy or preset
    assert {*changed, *of_keep, "preset"} == set(PrunerConfig.model_fields)
    assert LCPFNPruner(7, **of_keep).config == PrunerConfig(horizon=7, **of_keep)
    defaults = PrunerConfig(horizon=7).model_dump()
    assert [name for name, value in changed.items() if value == defaults[name]] == ["surrogate"]
    assert LCPFNPruner(**changed).config == PrunerConfig(**changed)
    with pytest.raises(ValueError, match="confidence"):
        LCPFNPruner(horizon=50, confidence=2.0)


def test_from_yaml(tmp_path):
    path = tmp_path / "pruner.yaml"
    path.write_text("horizon: 12\nlower: 0\n")
    assert LCPFNPruner.from_yaml(path).config == PrunerConfig(horizon=12, lower=0)


def test_threads_share_one_pruner():
    study = study_with()
    study.optimize(objective, n_trials=40, n_jobs=4)
    states = [t.state for t in study.trials]
    assert set(states) <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert states.count(TrialState.PRUNED) > 0
    assert study.best_trial.params["top"] == max(t.params["top"] for t in study.trials)


def test_decisions_do_not_depend_on_the_order_of_other_trials():
    curves = np.random.default_rng(0).uniform(0.3, 0.9, 6)
    decisions = []
    for order in (curves, curves[::-1]):
        study = study_with()
        for top in order:
            study.add_trial(finished(top))
        decisions.append(study.pruner.explain(study, running(study, [0.1, 0.2, 0.25, 0.28])))
    assert decisions[0] == decisions[1]
