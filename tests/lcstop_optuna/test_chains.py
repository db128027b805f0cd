"""Trials that continue one another count as one trial."""

import optuna
import pytest
from optuna.trial import TrialState

from lcstop_optuna import RESUMES_ATTR, LCPFNPruner, read_study, resume_from, summary
from lcstop_optuna.chains import DUPLICATE, chain_of, chains_of, links_of
from lcstop_optuna.judgements import is_waiting, records_of
from lcstop_optuna.other_trials import OtherTrials
from tests.lcstop_optuna.test_other_trials import content

WAIT = {"version": 1, "verdict": "wait", "n_ended": 0, "says_stop": False}


def new_study() -> optuna.Study:
    sampler = optuna.samplers.RandomSampler(seed=0)
    return optuna.create_study(direction="maximize", sampler=sampler, pruner=LCPFNPruner(horizon=10))


def run(
    study: optuna.Study,
    steps: range,
    state: TrialState = TrialState.PRUNED,
    resumes: int | None = None,
    waits: bool = True,
) -> int:
    """Run a trial that reports ``0.1 * step`` at each of ``steps``; its number."""
    study.enqueue_trial({"x": 0.5}, None if resumes is None else {RESUMES_ATTR: resumes})
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    for step in steps:
        trial.report(0.1 * step, step)
    if state == TrialState.PRUNED and waits:
        record = {"trial": trial.number, "step": float(steps[-1]), **WAIT}
        name = f"lcstop:judgement:{steps[-1]}"
        study._storage.set_trial_system_attr(trial._trial_id, name, record)
    if state != TrialState.RUNNING:
        study.tell(trial, 0.1 * steps[-1] if state == TrialState.COMPLETE else None, state)
    return trial.number


def chain(study: optuna.Study, number: int):
    trials = study.get_trials(deepcopy=False)
    return chain_of(trials, links_of(study, trials), number)


def test_a_curve_goes_on_where_the_next_part_starts():
    """The second part starts from a checkpoint that is one step older than the last report."""
    study = new_study()
    first = run(study, range(4))
    second = run(study, range(3, 7), resumes=first)
    third = run(study, range(7, 10), TrialState.COMPLETE, second)
    found = chain(study, second)
    assert [part.number for part in found.parts] == [first, second, third]
    assert list(found.trial.intermediate_values) == [*range(10)]
    assert found.steps_again(from_0=True) == 1
    assert not found.starts_again
    verdicts = [(record.step, record.verdict) for record in records_of(found.trial, from_0=True)]
    assert verdicts == [(4, "wait"), (4, "resume"), (7, "wait"), (7, "resume")]
    assert [is_waiting(part) for part in found.parts] == [True, True, False]
    assert not is_waiting(found.trial)


def test_the_first_trial_counts_that_has_not_failed():
    study = new_study()
    first = run(study, range(4))
    failed = run(study, range(4, 6), TrialState.FAIL, first)
    second = run(study, range(4, 6), TrialState.RUNNING, first)
    late = run(study, range(4, 5), TrialState.RUNNING, first)
    found = chain(study, late)
    assert [part.number for part in found.parts] == [first, second]
    assert [other.number for other in found.others] == [failed, late]
    assert found.steps_again(from_0=True) == 3
    with pytest.raises(optuna.TrialPruned, match="another trial continues trial 0"):
        resume_from(optuna.Trial(study, study.trials[late]._trial_id))
    assert DUPLICATE in study.trials[late].system_attrs


@pytest.mark.parametrize("number", [-1, 0, 7, 3, True, "0", None])
def test_an_attribute_that_names_no_earlier_trial_is_ignored(number):
    study = new_study()
    for _ in range(3):
        run(study, range(10), TrialState.COMPLETE)
    run(study, range(4), resumes=number)
    trials = study.get_trials(deepcopy=False)
    expected = 3 if number == 0 and not isinstance(number, bool) else 4
    assert len(chains_of(trials, links_of(study, trials))) == expected


def test_a_chain_is_one_trial_of_the_study_however_it_is_read():
    """Whether its parts are seen one after another, or all at once."""
    study, others = new_study(), OtherTrials(10, pause=True)

    def views() -> tuple:
        found = others.look(study, -1), OtherTrials(10, pause=True).look(study, -1)
        one, other = ((content(look.view), look.table.certificate()) for look in found)
        assert one == other
        return found[0]

    run(study, range(10), TrialState.COMPLETE)
    first = run(study, range(4))
    assert len(views().view.unfinished) == 1
    assert views().view.n_ended == 1  # a trial that waits has not ended
    second = run(study, range(4, 6), TrialState.RUNNING, first)
    look = views()
    assert [curve.steps.tolist() for curve in look.view.unfinished] == [[1, 2, 3, 4, 5, 6]]
    assert look.table.certificate().n_trials == 2
    trial = optuna.Trial(study, study.trials[second]._trial_id)
    assert len(others.view(study, second).unfinished) == 0  # it is not compared with itself
    assert others.view(study, second).judged == f"{study.study_name}/{first}"
    study.tell(trial, state=TrialState.FAIL)
    look = views()
    assert [curve.steps.tolist() for curve in look.view.unfinished] == [[1, 2, 3, 4]]
    assert look.table.certificate().steps == 10 + 4 + 2
    last = run(study, range(4, 10), TrialState.COMPLETE, first)
    look = views()
    assert [len(curve) for curve in look.view.finished] == [10, 10]
    assert look.table.certificate().n_trials == 2
    recorded = read_study(study)
    assert [(trial.number, trial.state, len(trial.curve)) for trial in recorded.trials] == [
        (0, "finished", 10),
        (first, "finished", 10),
    ]
    assert recorded.trial(last) is recorded.trial(first)
    assert [str(wait) for wait in recorded.trial(last).waits] == ["waited at step 4, went on as trial 3"]
    assert recorded.epochs == 22


def test_a_trial_that_starts_again_is_trained_again():
    study = new_study()
    first = run(study, range(4))
    run(study, range(10), TrialState.COMPLETE, first)
    found = chain(study, first)
    assert found.starts_again
    assert found.steps_again(from_0=True) == 4
    [trial] = read_study(study).trials
    assert str(trial.waits[0]) == "waited at step 4, was trained from the start again as trial 1"
    study.set_user_attr("lcstop_config", {"horizon": 10})
    words = str(summary(study))
    assert words.endswith("1 have waited, and 1 of them went on, 1 from the start again")


def test_times_leave_out_the_wait():
    study = new_study()
    first = run(study, range(4))
    second = run(study, range(4, 10), TrialState.COMPLETE, first)
    parts = [study.trials[n] for n in (first, second)]
    [trial] = read_study(study).trials
    seconds = sum((part.datetime_complete - part.datetime_start).total_seconds() for part in parts)
    assert trial.seconds == pytest.approx(seconds, abs=1e-5)
    assert trial.time(4) == pytest.approx(parts[0].datetime_complete.timestamp())
    assert trial.time(5) > parts[1].datetime_start.timestamp()
    assert trial.time(10) == pytest.approx(trial.end)
