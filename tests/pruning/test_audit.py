"""The audit: audited trials, the estimate, the adjusted certainty."""

import hashlib
import logging
import math
from dataclasses import replace

import numpy as np
import pytest

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop.pruning.audit import Audit, exact_interval
from lcstop.pruning.suppressed_stop import AuditedTrial, SuppressedStop
from lcstop.pruning.suppression import MIN_STOPS, is_audited
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import Action
from tests.conftest import NormalSurrogate
from tests.ranking import study_trials
from tests.simulation.replay_tasks import random_task, run, study_of

H = 10
GOOD = Curve(range(1, H + 1), np.linspace(0.5, 0.9, H), H)
POOR = Curve(range(1, 4), [0.1, 0.1, 0.1], H)

STABLE = [38, 41, 99]
"""Numbers below 100 that an audit of 5 % chooses. An update must not change the audit of running studies."""

NAMES = {
    "Optuna": lambda study, i: f"study {study}/{i}",
    "Ray, a grid or random search": lambda study, i: f"{_hex(study)[:5]}_{i:05d}",
    "Ray, a searcher": lambda study, i: _hex(study, i)[:8],
}
"""Name of trial ``i`` of a study in the frameworks."""


def _hex(*of) -> str:
    return hashlib.md5(repr(of).encode(), usedforsecurity=False).hexdigest()


def chosen(names, share: float) -> list:
    return [
        name for name in names if is_audited(StudyView("maximize", judged=str(name), n_stopped=99), share)
    ]


def audited(won: bool, finished: bool = True) -> AuditedTrial:
    values = [0.1, 0.1, 0.95 if won else 0.2]
    return AuditedTrial(Curve([1, 2, 3], values, 3), SuppressedStop(2.0, 0.9, "audit", "poor"), finished)


def view(won: int = 0, n: int = 0, n_stopped: int = 99, name: str | None = "7", **changes) -> StudyView:
    ended = [audited(i < won) for i in range(n)]
    return replace(StudyView("maximize", [GOOD], [], name, n_stopped, ended), **changes)


def core(surrogate, **options) -> PrunerCore:
    given = {"horizon": H, "policy": "published", "lower": 0, "upper": 1}
    return PrunerCore(PrunerConfig(**{**given, **options}), surrogate)


# --- one that is chosen -----------------------------------------------------------------------------------


def test_an_audited_trial_goes_on_at_every_judgement_and_says_so(surrogate):
    audited, alone = core(surrogate, audit=1.0), core(surrogate, audit=0)
    for n in range(2, H):
        trial = Curve(range(1, n + 1), [0.1] * n, H)
        decision, stop = audited.judge(trial, view()), alone.judge(trial, view())
        assert stop.stop
        assert (decision.stop, decision.would_stop, decision.suppressed_by) == (False, True, "audit")
        assert decision.reason == f"would be {stop.reason}; audited, so it goes on"
        assert decision.suppressed_stop == SuppressedStop(n, 0.9, "audit", decision.reason)
        assert replace(decision, stop=True, suppressed_by=None, reason=stop.reason) == stop


def test_who_would_go_on_anyway_is_not_audited(surrogate):
    decision = core(surrogate, audit=1.0).judge(Curve([1, 2], [0.9, 0.95], H), view())
    assert (decision.stop, decision.suppressed_by, decision.suppressed_stop) == (False, None, None)


def test_a_diverged_trial_is_stopped_and_counts_as_no_winner(surrogate):
    c = core(surrogate, audit=1.0)
    diverged = Curve([1, 2, 3, 4], [0.1, *[math.nan] * 3], H)
    assert c.judge(diverged, view()).stop
    suppressed_stop = SuppressedStop(2.0, 0.9, "audit", "")
    assert (
        c.audit(
            view(
                audited=[
                    AuditedTrial(diverged, suppressed_stop, False),
                    AuditedTrial(POOR, suppressed_stop, False),
                ]
            )
        ).n
        == 1
    )


def test_impossible_values_win_nothing(surrogate):
    jumps = AuditedTrial(Curve([1, 2], [0.1, 55.0], H), SuppressedStop(1.0, 0.9, "audit", ""), True)
    study = view(audited=[jumps])
    assert (core(surrogate).audit(study).n, core(surrogate, upper=None).audit(study).won) == (0, 1)


@pytest.mark.parametrize(
    ("values", "to_beat", "best", "final"),
    [
        ([0.1, 0.95, 0.3], 0.9, True, False),
        ([0.1, 0.2, 0.95], 0.9, True, True),
        ([0.1, 0.2, 0.3, 0.95], 0.9, True, True),
        ([0.1, 0.2, 0.95, 0.3], 0.9, True, False),
        ([0.1, 0.2, 0.9], 0.9, False, False),  # level is not better
        ([0.95, 0.2, 0.3], 0.9, False, False),  # what was before the stop does not count
        ([0.1, 0.95, math.nan], 0.9, True, False),
        ([0.1, math.nan, math.nan], None, False, False),
        ([0.1, 0.05, 0.05], None, True, True),  # nobody had finished
        ([0.1], 0.9, False, False),
    ],
)
def test_who_would_have_won(values, to_beat, best, final):
    for sign, direction in ((1, "maximize"), (-1, "minimize")):
        curve = Curve(range(1, len(values) + 1), sign * np.array(values), 3)
        one = AuditedTrial(
            curve, SuppressedStop(1.0, None if to_beat is None else sign * to_beat, "audit", ""), True
        )
        assert (one.won(direction, "best"), one.won(direction, "final")) == (best, final)


class Watched(CorePolicy):
    """Records for each trial that would be stopped whether the benchmark counts the stop as wrong."""

    def __init__(self, core, study):
        super().__init__(core, study)
        self.truth, self.best, self.best_final = {}, -math.inf, -math.inf

    def report(self, trial, step, value):
        task, row = self._study.task, self._study.order[trial]
        self.best = max(self.best, task.gains[row, step - 1])
        action = super().report(trial, step, value)
        if (trial in self._suppressed_stops or action is Action.STOP) and trial not in self.truth:
            final = task.final_gains[row] > self.best_final
            self.truth[trial] = bool(task.later_best[row, step] > self.best), bool(final)
        if step == task.lengths[row]:
            self.best_final = max(self.best_final, task.final_gains[row])
        return action


@pytest.mark.parametrize("target", ["best", "final"])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("workers", [1, 4])
def test_an_outcome_is_what_the_benchmark_counts_as_a_wrong_stop(surrogate, target, direction, workers):
    surrogate.sigma = 0.001
    task = random_task(n_trials=25, n_steps=10, direction=direction)
    config = PrunerConfig(horizon=10, policy="published", target=target, shadow=True, interval_steps=2)
    policy = Watched(PrunerCore(config, surrogate), study_of(task))
    assert run(task, policy, workers=workers, budget=250).killed == 0
    found = {trial: policy._ended[trial] for trial in policy._suppressed_stops}
    won = {
        trial: AuditedTrial(curve, policy._suppressed_stops[trial], True).won(direction, target)
        for trial, curve in found.items()
    }
    assert won == {trial: truth[target == "final"] for trial, truth in policy.truth.items()}
    assert 0 < sum(won.values()) < len(won)
    audit = policy._core.audit(policy._view(-1))
    assert (audit.n, audit.won) == (len(won), sum(won.values()))


# --- what is learned --------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", NAMES)
@pytest.mark.parametrize("truth", [0.02, 0.1, 0.4])
def test_the_estimate_is_unbiased_and_its_interval_holds(truth, engine):
    """200 studies with 200 would-be stops each, of which an audit sees 5 %."""
    rng = np.random.default_rng(0)
    shares, held = [], 0
    for study in range(200):
        names = chosen([NAMES[engine](study, i) for i in range(200)], 0.05)
        audit = Audit(len(names), int(rng.binomial(len(names), truth)), 0.95)
        shares.append(audit.won / audit.n)
        low, high = audit.interval
        held += low <= truth <= high
    assert abs(np.mean(shares) - truth) < 4 * np.std(shares) / math.sqrt(len(shares))
    assert held >= 0.95 * 200


@pytest.mark.parametrize("engine", NAMES)
def test_audited_trials_of_replays_are_a_fair_sample_of_all_would_be_stops(engine, monkeypatch):
    """The estimate of the audits of many replays is the share in the whole record of the task.

    In Optuna the same numbers are chosen in every study, so that the audited share of 60 trials is not
    exactly the configured one. That does not bias the estimate, because trials come in random order.
    """
    task, coarse = random_task(n_trials=60, n_steps=10), NormalSurrogate()
    coarse.BORDERS = np.array([-1.0, *np.linspace(0, 1, 101), 2.0])
    config = PrunerConfig(horizon=10, policy="published", min_steps=3, interval_steps=4, audit=0.3)
    monkeypatch.setattr(Watched, "name", lambda self, trial: NAMES[engine](self._study.name, trial))
    truth, n, won, n_chosen = list[bool](), 0, 0, 0
    for number in range(25):
        policy = Watched(PrunerCore(config, coarse), study_of(task, number))
        run(task, policy, number, budget=600)
        truth += [best for best, _ in policy.truth.values()][MIN_STOPS:]
        audit = policy._core.audit(policy._view(-1))
        n, won = n + audit.n, won + audit.won
        n_chosen += len(chosen(map(policy.name, range(MIN_STOPS, 60)), 0.3))
    assert n / len(truth) == pytest.approx(n_chosen / (25 * (60 - MIN_STOPS)), abs=0.05)
    assert won > 3
    low, high = exact_interval(won, n)
    assert low <= np.mean(truth) <= high


# --- more careful -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("won", "n", "careful"),
    [
        (0, 0, 0.95),
        (0, 100, 0.95),
        (1, 1, 0.95),  # the lower end is 0.025
        (2, 6, 0.95),  # 0.043
        (2, 5, 0.975),  # 0.053
        (2, 2, 0.9875),  # 0.158, more than three times what is asked for
        (5, 5, 0.996875),  # 0.478
        (3, 60, 0.95),
    ],
)
def test_certainty_moves_half_way_to_one_for_each_doubling_of_the_lower_end(won, n, careful):
    audit = Audit(n, won, 0.95)
    assert audit.adjusted_certainty == pytest.approx(careful, abs=1e-12)
    low, risk = audit.interval[0], 1 - audit.certainty
    assert (low > risk) == (audit.adjusted_certainty > audit.certainty)
    if low > risk:  # never less careful than the measured share asks for, nor twice as careful
        assert 0.5 * risk * risk / low <= 1 - audit.adjusted_certainty <= risk * risk / low


@pytest.mark.parametrize("policy", ["study", "published"])
def test_a_pruner_whose_audits_win_asks_for_less_and_says_so(surrogate, policy, caplog):
    c = study_trials.core(policy=policy, audit=0)
    study = replace(study_trials.view(), n_stopped=40)
    trials = [
        study_trials.curves([top], study_trials.H, seed=2)[0].prefix(7) for top in np.linspace(0.1, 0.9, 9)
    ]
    warned = replace(study, audited=[audited(True)] * 8)
    with caplog.at_level(logging.WARNING, "lcstop"):
        plain = [c.judge(trial, study) for trial in trials]
        careful = [c.judge(trial, warned) for trial in trials]
    assert len(caplog.records) == 1
    dial = "keep" if policy == "study" else "confidence"
    assert f"from now on judged at {dial} 0.99687" in caplog.text
    assert "8 of 8 audited trials would have been wrongly stopped" in caplog.text
    assert sum(d.stop for d in careful) < sum(d.stop for d in plain)
    for before, after in zip(plain, careful, strict=True):
        assert before.p_beat == after.p_beat
        assert not (after.stop and not before.stop)
        said = f"; at {dial} 0.996875, since 8 of 8 audited trials would have been wrongly stopped (100 %"
        if after.p_beat is not None:
            assert said in after.reason
            assert said not in before.reason
    assert [c.judge(trial, study) for trial in trials] == plain  # nothing is remembered


def test_the_record_alone_decides_in_any_order(surrogate):
    study = view(won=3, n=9)
    turned = replace(study, audited=study.audited[::-1])
    one, other = core(surrogate, audit=0.5), core(surrogate, audit=0.5)
    assert one.judge(POOR, study) == other.judge(POOR, turned)
    assert one.audit(study) == Audit(9, 3, 0.95)


def test_what_is_said_of_an_audit():
    assert str(Audit(0, 0, 0.95)) == "no audited trial has ended"
    assert Audit(0, 0, 0.95).as_dict()["share"] is None
    found = Audit(40, 1, 0.9).as_dict()
    assert (found["audited"], found["wrong"], found["share"], found["certainty"]) == (40, 1, 0.025, 0.9)
    assert (round(found["low"], 5), round(found["high"], 4)) == (0.00063, 0.1316)


@pytest.mark.parametrize(
    "content",
    [None, [], {}, {"step": 1}, "text", {**SuppressedStop(1, None, "audit", "").to_json(), "kind": "?"}],
)
def test_a_damaged_mark_is_none(content):
    assert SuppressedStop.from_json(content) is None
