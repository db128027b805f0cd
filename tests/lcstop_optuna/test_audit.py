"""The audit and the shadow mode in Optuna studies, and their figures in ``explain`` and ``report``."""

import json
import logging
from unittest import mock

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from typer.testing import CliRunner

from lcstop import PrunerCore
from lcstop.commands.app import app
from lcstop.pruning.suppressed_stop import SuppressedStop
from lcstop.review import Review, what_if
from lcstop.review.table import summary
from lcstop_optuna import AUDIT_ATTR, CONFIG_ATTR, REASON_ATTR, LCPFNPruner, read_study
from lcstop_optuna.judgements import suppressed_stop_of

optuna.logging.set_verbosity(optuna.logging.ERROR)

H = 6
GOOD = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9]
POOR = [0.1] * H
LATE = [0.1, 0.1, 0.1, 0.1, 0.1, 0.95]
FALLEN = [0.1, 0.1, 0.1, 0.1, 0.85, 0.3]  # better than POOR only


@pytest.fixture
def make(surrogate):
    """Makes pruners that forecast the last value with certainty."""

    def make(**options) -> LCPFNPruner:
        pruner = LCPFNPruner(**{"horizon": H, "policy": "published", "lower": 0, "upper": 1, **options})
        pruner._core = PrunerCore(pruner.config, surrogate)
        return pruner

    return make


def study_of(pruner, storage=None) -> optuna.Study:
    return optuna.create_study(
        study_name="audited", direction="maximize", pruner=pruner, storage=storage, load_if_exists=True
    )


def run(study: optuna.Study, *curves: list[float]) -> list[TrialState]:
    """Run a trial for each of ``curves``; their final states."""
    waiting = iter(curves)

    def objective(trial: optuna.Trial) -> float:
        values = next(waiting)
        for step, value in enumerate(values):
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return max(values)

    before = len(study.trials)
    study.optimize(objective, n_trials=len(curves))
    return [trial.state for trial in study.trials[before:]]


def test_audited_trials_run_to_their_end_and_are_counted(make, caplog):
    study = study_of(make(audit=1.0))
    assert run(study, GOOD, *[POOR] * 10) == [TrialState.COMPLETE, *[TrialState.PRUNED] * 10]
    assert AUDIT_ATTR not in study.user_attrs
    with caplog.at_level(logging.INFO, "lcstop_optuna"):
        assert run(study, POOR, LATE, FALLEN, POOR) == [TrialState.COMPLETE] * 4
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        f"Trial {number} would be stopped at step 2 of {H}" for number in (11, 12, 13, 14)
    ]
    suppressed_stops = [suppressed_stop_of(trial, from_0=True) for trial in study.trials]
    assert [suppressed_stop is not None for suppressed_stop in suppressed_stops] == [False] * 11 + [True] * 4
    assert {(suppressed_stop.step, suppressed_stop.kind) for suppressed_stop in suppressed_stops[11:]} == {
        (2.0, "audit")
    }
    assert [suppressed_stop.to_beat for suppressed_stop in suppressed_stops[11:]] == [0.9, 0.9, 0.95, 0.95]
    assert suppressed_stops[11].reason.endswith("; audited, so it goes on")
    assert not any(REASON_ATTR in trial.user_attrs for trial in study.trials[11:])
    # As of the last suppressed stop, when three of them had ended.
    assert study.user_attrs[AUDIT_ATTR]["audited"] == 3
    assert study.user_attrs[AUDIT_ATTR]["wrong"] == 1
    assert study.user_attrs[AUDIT_ATTR]["low"] < 1 / 3 < study.user_attrs[AUDIT_ATTR]["high"]


def test_little_is_written(make):
    study = study_of(make(audit=1.0))
    run(study, GOOD, *[POOR] * 10)
    storage = study._storage
    with (
        mock.patch.object(storage, "set_trial_user_attr", wraps=storage.set_trial_user_attr) as on_trial,
        mock.patch.object(storage, "set_study_user_attr", wraps=storage.set_study_user_attr) as on_study,
    ):
        run(study, *[POOR] * 3)
        assert (on_trial.call_count, on_study.call_count) == (3, 2)


def test_who_is_audited_is_the_same_after_a_restart(make):
    numbers = []
    for parts in ((60,), (20, 1, 39)):
        storage = optuna.storages.InMemoryStorage()
        run(study_of(make(audit=0.2), storage), GOOD)
        for n in parts:
            run(study_of(make(audit=0.2), storage), *[POOR] * n)
        trials = study_of(make(), storage).trials
        numbers.append([trial.number for trial in trials if AUDIT_ATTR in trial.user_attrs])
        assert all(
            (suppressed_stop_of(t, from_0=True) is None) == (t.state == TrialState.PRUNED) for t in trials[1:]
        )
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) > 3
    assert min(numbers[0]) > 10


def winner(number: int) -> optuna.trial.FrozenTrial:
    """An audited trial that has become the best."""
    suppressed_stop = {"trial": number, **SuppressedStop(2.0, 0.5, "audit", "poor").to_json()}
    return create_trial(
        value=0.9, intermediate_values=dict(enumerate(GOOD)), user_attrs={AUDIT_ATTR: suppressed_stop}
    )


def test_all_workers_become_more_careful_with_the_record(make):
    study = study_of(make())
    run(study, GOOD)
    trial = study.ask()
    for step, value in enumerate(POOR[:3]):
        trial.report(value, step)
    before = study.pruner.explain(study, trial)
    for number in range(2, 6):
        study.add_trial(winner(number))
    decisions = [make().explain(study, trial) for _ in range(2)]
    assert decisions[0] == decisions[1]
    assert " % chance to " in before.reason
    assert "; at confidence 0.99" in decisions[0].reason
    assert "since 4 of 4 audited trials would have been wrongly stopped" in decisions[0].reason
    assert "at confidence" not in before.reason


def test_a_retried_trial_does_not_count_for_the_one_before(make):
    study = study_of(make())
    study.add_trial(winner(number=7))  # its attributes are those of trial 7
    assert study.pruner._core.audit(study.pruner._others.view(study, 99)).n == 0


@pytest.mark.parametrize("damage", ["text", 3, {}, {"trial": 0}, {"trial": 0, "step": "x", "to_beat": 1}])
def test_a_damaged_mark_is_none(make, damage):
    study = study_of(make())
    attrs = {AUDIT_ATTR: damage}
    study.add_trial(create_trial(value=0.9, intermediate_values=dict(enumerate(GOOD)), user_attrs=attrs))
    assert run(study, POOR) == [TrialState.PRUNED]


def test_an_audited_trial_goes_on_though_that_cannot_be_stored(make, caplog):
    study = study_of(make(audit=1.0))
    run(study, GOOD, *[POOR] * 10)
    with mock.patch.object(study._storage, "set_trial_user_attr", side_effect=OSError("read-only")):
        assert run(study, POOR) == [TrialState.COMPLETE]
    assert "the decision on trial 11 was not stored" in caplog.text


# --- shadow mode ------------------------------------------------------------------------------------------


@pytest.fixture
def shadow(make) -> optuna.Study:
    study = study_of(make(shadow=True))
    assert set(run(study, GOOD, *[POOR] * 12, LATE, FALLEN)) == {TrialState.COMPLETE}
    return study


def test_shadow_mode_prunes_nothing_and_records_everything(shadow):
    suppressed_stops = [suppressed_stop_of(trial, from_0=True) for trial in shadow.trials]
    assert [suppressed_stop is not None for suppressed_stop in suppressed_stops] == [False] + [True] * 14
    assert {suppressed_stop.kind for suppressed_stop in suppressed_stops[1:]} == {"shadow"}
    assert shadow.user_attrs[CONFIG_ATTR]["shadow"] is True
    audit = read_study(shadow).audit(shadow.pruner.config)
    assert (audit.n, audit.won) == (14, 1)


def test_shadow_mode_prunes_no_diverged_trial(make):
    study = study_of(make(shadow=True))
    trial = study.ask()
    for step, value in enumerate([0.1, 0.2, *[float("nan")] * 3]):
        trial.report(value, step)
        assert not trial.should_prune()
    reason = study.trials[0].user_attrs[AUDIT_ATTR]["reason"]
    assert reason == (
        "would be stopped at step 5 of 6: diverged, the last 3 reports are not finite; "
        "in shadow mode, so it goes on"
    )


def test_the_review_shows_what_shadow_mode_would_have_stopped(shadow, surrogate):
    review = Review.of(read_study(shadow), shadow.pruner.config, surrogate)
    assert (review.live, review.shadow) == (False, True)
    assert [trial.record.number for trial in review.stopped] == list(range(1, 15))
    assert {trial.curve.cutoff for trial in review.stopped} == {2.0}
    assert [trial.record.number for trial in review.wrong] == [13]
    assert review.stopped[0].stop.reason == shadow.trials[1].user_attrs[AUDIT_ATTR]["reason"]
    assert review.epochs == 6 + 14 * 2
    assert review.epochs_without_stops == 15 * 6
    assert review.winner.record.number == 0
    found = summary(review)
    assert (found["stopped"], found["wrong"], found["unknown"], found["shadow"]) == (14, 1, 0, True)
    assert (found["audit"]["audited"], found["audit"]["wrong"]) == (14, 1)


# --- the commands -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["audit", "shadow"])
def recorded(request, tmp_path_factory) -> tuple[str, str]:
    """Kind and storage URL of a study with the ``last_value`` surrogate."""
    url = f"sqlite:///{(tmp_path_factory.mktemp('audit') / 'study.db').as_posix()}"
    storage = optuna.storages.RDBStorage(url)
    options = {"audit": 1.0} if request.param == "audit" else {"shadow": True}
    pruner = LCPFNPruner(H, policy="published", lower=0, upper=1, surrogate="last_value", **options)
    curves = [[value + 0.002 * i for value in POOR] for i in range(11)]
    run(study_of(pruner, storage), GOOD, [0.6] * H, *curves, LATE, POOR)
    storage.remove_session()
    storage.engine.dispose()
    return request.param, url


def call(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_explain_and_report_tell_of_the_audit(recorded, tmp_path):
    kind, url = recorded
    n = 4 if kind == "audit" else 14
    found = json.loads(call("explain", "--storage", url, "--json"))
    assert (found["audit"]["audited"], found["audit"]["wrong"]) == (n, 1)
    assert [row["trial"] for row in found["spared"]] == list(range(15 - n, 15))
    assert [row["trial"] for row in found["spared"] if row["wrong"]] == [13]
    assert len(found["stops"]) == (
        10 if kind == "audit" else 14
    )  # of those that were stopped the end is unknown
    text = call("explain", "--storage", url)
    assert "audited trials would have been" not in text  # fewer than 20 say nothing
    assert ("Audited: not stopped, to check" if kind == "audit" else "Would have been stopped") in text

    trial = json.loads(call("explain", "--storage", url, "--trial", "13", "--json"))
    assert (trial["spared"]["kind"], trial["spared"]["wrong"]) == (kind, True)
    assert trial["history"][0]["spared"] == kind
    stops = {row["value"]: row["stopped_at"] for row in trial["alternatives"]}
    assert stops[0.95] == trial["spared"]["step"]
    text = call("explain", "--storage", url, "--trial", "13")
    assert f"on record: would be stopped at step {trial['spared']['step']:g} of " in text
    assert "it would have been a wrong stop: yes" in text

    page = tmp_path / "report.html"
    found = json.loads(call("report", "--storage", url, "-o", str(page), "--json"))
    assert (found["live"], found["shadow"]) == (kind == "audit", kind == "shadow")
    assert (found["audit"]["audited"], found["audit"]["wrong"]) == (n, 1)
    html = page.read_text(encoding="utf-8")
    assert "of audited trials would have been wrong stops" not in html
    assert ("This study ran in shadow mode" in html) == (kind == "shadow")
    assert ("completed, audited" in html) == (kind == "audit")


def test_a_live_audit_is_repeated_by_the_what_if_replay(make, surrogate):
    """A replay with the same options audits the same trials as the live study."""
    curves = [GOOD, *[[0.1 + i / 100] * H for i in range(40)]]
    live, whole = study_of(make(audit=0.3)), study_of(optuna.pruners.NopPruner())
    run(live, *curves)
    run(whole, *curves)
    found = what_if(read_study(whole, H), live.pruner.config, surrogate)
    stopped = [trial.number for trial in live.trials if trial.state == TrialState.PRUNED]
    assert [run.trial.number for run in found.stopped] == stopped
    assert 10 < len(stopped) < 38
    assert what_if(read_study(whole, H), make(audit=0, shadow=True).config, surrogate).stopped
