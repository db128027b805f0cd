"""``OtherTrials`` gives the same view as one without a cache."""

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from lcstop import StudyView
from lcstop.curves.curve_list import CurveList
from lcstop_optuna import LCPFNPruner, read_study
from lcstop_optuna.other_trials import OtherTrials


def content(view: StudyView) -> tuple:
    lists = [CurveList(curves) for curves in (view.finished, view.unfinished)]
    curves = [[(c.steps.tolist(), c.values.tolist()) for c in some] for some in lists]
    facts = [np.nan_to_num(some.summary, nan=-1).tolist() for some in lists]
    return curves, facts, view.n_stopped, view.judged, view.direction


def new_study() -> optuna.Study:
    return optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_between_two_looks(seed):
    """Concurrent trials of two studies are judged, ended, failed and explained in random order."""
    rng, others = np.random.default_rng(seed), OtherTrials(20)
    studies = [new_study() for _ in range(2)]
    running: list[list[optuna.Trial]] = [[], []]
    for _ in range(300):
        i = int(rng.random() < 0.3)
        study, trials = studies[i], running[i]
        what = rng.choice(["ask", "report", "tell", "view", "explain"], p=[0.15, 0.35, 0.1, 0.3, 0.1])
        if what == "ask":
            trials.append(study.ask())
        elif what == "report" and trials:
            trial = trials[rng.integers(len(trials))]
            # Some seeds count from 0, and some trials report late.
            first = rng.choice([1, 5]) if seed % 2 else rng.choice([0, 5])
            trial.report(
                rng.random(), max(study.get_trials()[trial.number].intermediate_values, default=first - 1) + 1
            )
        elif what == "tell" and trials:
            trial = trials.pop(rng.integers(len(trials)))
            state = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)[rng.integers(3)]
            study.tell(trial, rng.random() if state == TrialState.COMPLETE else None, state)
        elif what in ("view", "explain"):
            known = len(study.trials)
            number = trials[-1].number if what == "view" and trials else int(rng.integers(known + 1))
            assert content(others.view(study, number)) == content(OtherTrials(20).view(study, number))


@pytest.mark.parametrize("last", [0.5, 0.6])
def test_two_studies_of_equal_trials_that_hold_arrays(last):
    """Trials with arrays in their attributes cannot be compared by ``==``, which would raise."""
    one, other = new_study(), new_study()
    for _ in range(3):
        trial = one.ask()
        trial.set_user_attr("what it saw", np.array([0.5, 1.0]))
        trial.report(0.5, 1)
        one.tell(trial, 0.5)
    trials = one.get_trials()
    trials[-1].intermediate_values = {1: last}
    other.add_trials(trials)
    others = OtherTrials(20)
    for study in (one, other, one, other):
        assert content(others.view(study, 3)) == content(OtherTrials(20).view(study, 3))


@pytest.mark.parametrize("copied", [False, True])
def test_a_study_that_takes_over_the_number_of_a_deleted_one(tmp_path, copied):
    """SQLite reuses the ids of a deleted study and of its trials."""
    url, others, ids, trials = f"sqlite:///{tmp_path / 'study.db'}", OtherTrials(20), set(), []
    storage = optuna.storages.get_storage(url)
    for last in (0.5, 0.6):
        study = optuna.create_study(study_name="same", direction="maximize", storage=storage)
        for _ in range(3 if not trials or not copied else 0):
            trial = study.ask()
            trial.report(last, 1)
            study.tell(trial, last)
        study.add_trials(trials if copied else [])
        ids.add(study._study_id)
        assert content(others.view(study, 3)) == content(OtherTrials(20).view(study, 3))
        trials = study.trials
        for trial in trials:
            trial.intermediate_values = {1: -last}
        optuna.delete_study(study_name="same", storage=storage)
    assert len(ids) == 1


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.RUNNING])
def test_a_trial_that_is_listed_after_later_ones(state, monkeypatch):
    """A database that is being written to may list a trial late, which shifts the trials after it."""
    study, others, number = new_study(), OtherTrials(20), 2
    for _ in range(5):
        trial = study.ask()
        trial.report(0.1 * trial.number, 1)
        if trial.number != number or state != TrialState.RUNNING:
            study.tell(trial, 0.5)
    everyone = study.get_trials()
    for listed in ([t for t in everyone if t.number != number], everyone):
        monkeypatch.setattr(study, "get_trials", lambda deepcopy, listed=listed: listed)
        assert content(others.view(study, 9)) == content(OtherTrials(20).view(study, 9))


@pytest.mark.parametrize("first", [0, 1])
def test_one_trial_shows_from_where_all_count(first):
    """Trials that report late do not tell by themselves."""
    study, others = new_study(), OtherTrials(20)
    for steps in ([9, 19], [first, first + 1], [4]):
        reports = dict.fromkeys(steps, 0.5)
        study.add_trial(optuna.create_trial(value=0.5, intermediate_values=reports))
        seen = [curve.steps.tolist() for curve in others.view(study, -1).finished]
        known = 1 - first if len(seen) > 1 else 0
        assert seen[0] == [9 + known, 19 + known]
    assert seen[1:] == [[1, 2], [4 + known]]


def test_judged_trials_are_put_among_their_peers():
    """The first report of the judged trial is epoch 10; the others have reported each epoch from 0 on."""
    pruner = LCPFNPruner(horizon=20)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    trial = study.ask()
    trial.report(0.5, 9)
    assert pruner.explain(study, trial).cutoff == 9
    assert not trial.should_prune()
    study.add_trial(optuna.create_trial(value=0.5, intermediate_values={e: 0.1 * e for e in range(20)}))
    assert pruner.explain(study, trial).cutoff == 10
    assert read_study(study).trials[0].curve.steps.tolist() == [10]
