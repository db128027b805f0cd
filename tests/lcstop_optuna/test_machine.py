"""LCPFNPruner under a state machine of user actions and crashes; invariants are checked after each."""

import math
import pickle
import warnings

import optuna
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from optuna.trial import TrialState, create_trial

from lcstop import Curve
from lcstop.pruning.last_verdict import stop_holds
from lcstop_optuna import REASON_ATTR, STOP_ATTR, LCPFNPruner
from lcstop_optuna.judgements import is_stopped, records_of
from lcstop_optuna.trials import is_infeasible, to_curve
from tests import hostile

CATEGORIES = (None, True, "adam", 1.5, math.nan, 10**300)
OTHERS = (TrialState.COMPLETE,), (TrialState.RUNNING, TrialState.PRUNED)

steps = st.one_of(st.integers(0, hostile.H + 3), st.sampled_from([10**6, 2**53, 2**53 + 1, 2**63]))
picks = st.integers(0, 5)
"""Index of a running trial; a new trial is started if the index is too high."""


class Machine(RuleBasedStateMachine):
    """One study. ``self.trials`` are its running trials."""

    n_steps = n_asked = n_stopped = 0

    @initialize(
        options=hostile.options,
        direction=st.sampled_from(["maximize", "minimize"]),
        levels=st.lists(hostile.levels, max_size=6),
    )
    def start(self, options, direction, levels):
        self.options, self.direction = options, direction
        sampler, pruner = optuna.samplers.RandomSampler(seed=0), LCPFNPruner(**options)
        self.study = optuna.create_study(direction=direction, sampler=sampler, pruner=pruner)
        self.trials = []
        for level in levels:
            self.study.add_trial(
                create_trial(value=level, intermediate_values=self._ordinary(level, hostile.H))
            )

    def check_invariants(self, *args, **kwargs):
        type(self).n_steps += 1
        super().check_invariants(*args, **kwargs)

    # --- user actions -----------------------------------------------------------------------------------

    @rule(pick=picks, level=hostile.levels, n=hostile.lengths, first=st.integers(0, 1), tell=st.booleans())
    def train(self, pick, level, n, first, tell):
        """Report an ordinary curve; with ``tell``, end the trial when it should be pruned."""
        trial = self._trial(pick)
        for step, value in self._ordinary(level, n, first).items():
            self._report(trial, value, step)
            if self._should_prune(trial, check=step == n - 1 + first) and tell:
                self._tell(trial, TrialState.PRUNED)
                return

    @rule(pick=picks, level=hostile.levels, n=hostile.lengths, first=st.integers(0, 1))
    def train_to_the_end(self, pick, level, n, first):
        """A trial that never calls ``should_prune``."""
        trial = self._trial(pick)
        for step, value in self._ordinary(level, n, first).items():
            self._report(trial, value, step)
        self._tell(trial, TrialState.COMPLETE, value)

    @rule(pick=picks, step=steps, value=hostile.numbers, asked=st.booleans())
    def report(self, pick, step, value, asked):
        trial = self._trial(pick)
        self._report(trial, value, step)
        if asked:
            self._should_prune(trial)

    @rule(pick=picks, start=st.integers(0, 8), values=st.lists(hostile.numbers, min_size=1, max_size=4))
    def report_several(self, pick, start, values):
        trial = self._trial(pick)
        for step, value in enumerate(values, start):
            self._report(trial, value, step)
        self._should_prune(trial)

    @rule(pick=picks)
    def ask(self, pick):
        self._should_prune(self._trial(pick))

    @rule(pick=picks, value=hostile.numbers)
    def complete(self, pick, value):
        self._tell(self._trial(pick), TrialState.COMPLETE, value)

    @rule(pick=picks, state=st.sampled_from([TrialState.FAIL, TrialState.PRUNED]), again=st.booleans())
    def give_up(self, pick, state, again):
        """A trial fails or prunes itself; with ``again``, it is retried with its reports."""
        trial = self._trial(pick)
        self._tell(trial, state)
        old = self.study.trials[trial.number]
        if again:
            same = {"params": old.params, "distributions": old.distributions}
            values = old.intermediate_values
            self.study.add_trial(create_trial(state=TrialState.WAITING, intermediate_values=values, **same))

    @rule(
        pick=picks,
        level=hostile.levels,
        how=st.sampled_from(["late", "gaps", "equal", "ordinary"]),
        every=st.integers(1, 5),
        end=st.sampled_from(["prune", "return", "go on"]),
    )
    def train_as_users_do(self, pick, level, how, every, end):
        """Late first reports, NaN between evaluations or equal placeholders; asked every few reports."""
        trial = self._trial(pick)
        for epoch, ordinary in self._ordinary(level, hostile.H).items():
            value = ordinary
            if how == "late" and epoch < hostile.H // 2:
                continue
            if how == "gaps" and epoch % 3:
                value = math.nan
            if how == "equal" and epoch < hostile.H // 3:
                value = 0.0
            self._report(trial, value, epoch)
            if epoch % every == 0 and self._should_prune(trial) and end != "go on":
                self._tell(trial, *((TrialState.PRUNED,) if end == "prune" else (TrialState.COMPLETE, level)))
                return

    @rule(level=hostile.levels, violated=st.booleans())
    def add_with_constraints(self, level, violated):
        reports = self._ordinary(level, hostile.H)
        attrs = {"constraints": (1.0 if violated else -1.0,)}
        value = reports[hostile.H - 1]
        self.study.add_trial(create_trial(value=value, intermediate_values=reports, system_attrs=attrs))

    @rule(value=st.floats(allow_nan=False), reports=st.dictionaries(steps, hostile.numbers, max_size=4))
    def add_from_elsewhere(self, value, reports):
        self.study.add_trial(create_trial(value=value, intermediate_values=reports))

    @rule(pickled=st.booleans())
    def restart(self, pickled):
        """Another process resumes the study."""
        old = self.study.pruner
        self.study.pruner = pickle.loads(pickle.dumps(old)) if pickled else LCPFNPruner(**self.options)  # noqa: S301

    # --- invariants -------------------------------------------------------------------------------------

    def _should_prune(self, trial, check=True):
        cls, pruner = type(self), self.study.pruner
        cls.n_asked += 1
        before = self.study.trials[trial.number].user_attrs.get(STOP_ATTR)
        stop = trial.should_prune()
        cls.n_stopped += stop
        if not (stop or check):
            return stop
        assert trial.should_prune() is stop
        decision = pruner.explain(self.study, trial)
        again = LCPFNPruner(**self.options) if stop else pruner
        assert again.explain(self.study, trial) == decision
        trials = {t.number: t for t in self.study.trials}
        from_0 = any(0 in t.intermediate_values for t in trials.values())
        own = trials.pop(trial.number)
        curve = to_curve(own, pruner.config.horizon, from_0)
        records = records_of(own, from_0)
        assert stop == stop_holds(curve, records, self.direction, pruner.config.target)
        judged = [record.step for record in records if record.is_judged]
        assert judged == sorted({*judged})
        infeasible = [trials.pop(n) for n, other in [*trials.items()] if is_infeasible(other)]
        if infeasible and not any(other.state == TrialState.COMPLETE for other in trials.values()):
            assert not decision.would_stop or decision.diverged
        if stop and own.user_attrs[STOP_ATTR] != before:
            assert own.user_attrs[REASON_ATTR] == decision.reason
        others = [
            [
                to_curve(other, pruner.config.horizon, from_0)
                for other in trials.values()
                if (TrialState.PRUNED if is_stopped(other) else other.state) in states
            ]
            for states in OTHERS
        ]
        # An objective may return a value when it is told to stop: that is a result without a curve.
        horizon = curve.horizon
        others[0] += [
            Curve([horizon], [other.value], horizon)
            for other in trials.values()
            if other.state == TrialState.COMPLETE and is_stopped(other)
        ]
        hostile.check(decision, curve, *others, self.direction, pruner.config, due=stop)
        return stop

    def _trial(self, pick):
        if pick < len(self.trials):
            return self.trials[pick]
        trial = self.study.ask()
        trial.suggest_float("lr", 1e-9, 1.0, log=True)
        trial.suggest_int("width", 1, 2**40)
        trial.suggest_categorical("kind", CATEGORIES)
        if trial.number % 2:
            trial.suggest_float("momentum", 0.0, 1.0)
        self.trials.append(trial)
        return trial

    def _ordinary(self, level, n, first=0):
        values = (hostile.ordinary(level, step, self.direction) for step in range(1, n + 1))
        return dict(enumerate(values, first))

    def _report(self, trial, value, step):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*already reported")
            trial.report(value, step)

    def _tell(self, trial, state, value=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna warns that NaN is not a valid value
            self.study.tell(trial, value, state if value is None else None)
        self.trials.remove(trial)


def test_whatever_happens_to_a_study(monkeypatch):
    hostile.make_networks_once(monkeypatch)
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    hostile.run(Machine)
    print(f"\n{Machine.n_steps} steps, {Machine.n_asked} questions, {Machine.n_stopped} stops")
    assert Machine.n_stopped > 5
