"""How a process takes up trials that wait: the queue, and two processes at a time."""

import optuna
from optuna.trial import TrialState

from lcstop_optuna import RESUMES_ATTR, PauseResume, pause_resume, read_study
from lcstop_optuna.chains import chain_of, links_of
from lcstop_optuna.judgements import is_waiting
from lcstop_optuna.own_queue import OWNED, OwnQueue
from tests.lcstop_optuna.pausing_worker import new_study, objective_in


def n_configurations(study: optuna.Study) -> int:
    return sum(RESUMES_ATTR not in trial.user_attrs for trial in study.trials)


def test_what_the_user_has_enqueued_comes_first(tmp_path):
    study = new_study()
    for top in (0.2, 0.3, 0.4):
        study.enqueue_trial({"top": top})
    study.optimize(objective_in(tmp_path), callbacks=[PauseResume(n_trials=5)])
    assert [t.params["top"] for t in study.trials[:3]] == [0.2, 0.3, 0.4]
    assert n_configurations(study) == 5


def test_two_processes_that_take_up_the_same_trial(tmp_path, monkeypatch):
    """Neither sees the other's trial before it creates its own. That of the second is taken back."""
    storage = optuna.storages.InMemoryStorage()
    study, other = new_study(storage), new_study(storage)
    one, two = PauseResume(), PauseResume()
    study.optimize(objective_in(tmp_path), n_trials=2)
    trials = study.get_trials(deepcopy=False)
    assert is_waiting(trials[1])
    chain = chain_of(trials, links_of(study, trials), 1)
    looks = iter([None, 2, None, 2])
    monkeypatch.setattr(pause_resume, "_first_try", lambda *_: next(looks))
    assert one._take_up(study, chain)
    assert not two._take_up(other, chain)
    first, second = study.trials[2:]
    assert (first.state, second.state) == (TrialState.WAITING, TrialState.FAIL)
    assert first.user_attrs[RESUMES_ATTR] == second.user_attrs[RESUMES_ATTR] == 1
    assert (study.ask().number, other.ask().number) == (2, 4)
    assert [trial.number for trial in read_study(study).trials] == [0, 1]


def test_a_process_leaves_the_trials_of_another_one_in_the_queue():
    """A process that dies leaves its trials. A process that has just come up starts them."""
    storage = optuna.storages.InMemoryStorage()
    study, other = new_study(storage), new_study(storage)
    own = OwnQueue.of(study)
    assert OwnQueue.of(study) is own
    template = optuna.trial.create_trial(state=TrialState.WAITING, system_attrs={OWNED: True})
    for _ in range(2):
        own.add(storage.create_new_trial(study._study_id, template))
    other.enqueue_trial({"top": 0.5})
    OwnQueue.of(other)
    assert [other.ask().number, other.ask().number] == [2, 3]
    assert [study.ask().number, study.ask().number, study.ask().number] == [0, 1, 4]
    assert new_study(storage).ask().number == 5
