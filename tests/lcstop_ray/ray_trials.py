"""Trials and results for the tests of LCPFNScheduler's hooks."""

import json
import shutil
from pathlib import Path

from ray.train._internal.checkpoint_manager import _TrainingResult
from ray.tune import Checkpoint
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from lcstop_ray import TRIAL_FILE
from lcstop_ray.trial_record import TrialRecord

H = 12
GOOD = [0.9 * (1 - 0.5**i) for i in range(1, H + 1)]
FAIR = [0.89 * (1 - 0.5**i) for i in range(1, H + 1)]
POOR = [0.1 * (1 - 0.5**i) for i in range(1, H + 1)]
GO, STOP = TrialScheduler.CONTINUE, TrialScheduler.STOP


def new_trial(scheduler=None, storage=None, **attributes) -> Trial:
    trial = Trial("trainable", stub=True, storage=storage)
    for name, value in attributes.items():
        setattr(trial, name, value)
    if scheduler is not None:
        scheduler.on_trial_add(None, trial)
    return trial


def results(values, start=1, metric="accuracy", time_attr="training_iteration"):
    return [{time_attr: step, metric: value} for step, value in enumerate(values, start)]


def feed(scheduler, trial, reports) -> list[str]:
    """Report results until a stop or the horizon, and end the trial; the decisions."""
    decisions = []
    for result in reports:
        decisions.append(scheduler.on_trial_result(None, trial, result))
        if decisions[-1] == STOP:
            break
    if decisions[-1] == STOP or len(decisions) == H:
        scheduler.on_trial_complete(None, trial, result)
    return decisions


def run(scheduler, trial, reports) -> list[str]:
    """Report without an end."""
    return [scheduler.on_trial_result(None, trial, result) for result in reports]


def state_of(scheduler, trial) -> str:
    return scheduler._search.histories[trial.trial_id].state


def judgements_of(scheduler, trial) -> list:
    return scheduler._search.histories[trial.trial_id].judgements


def finish(scheduler, values=GOOD, **kwargs) -> Trial:
    trial = new_trial(scheduler)
    assert feed(scheduler, trial, results(values, **kwargs)) == [GO] * H
    return trial


def old_trial(storage, status=Trial.TERMINATED, files=None, checkpoint=None) -> Trial:
    trial = new_trial(storage=storage)
    trial.relative_logdir = trial.storage.trial_dir_name = f"trial_{trial.trial_id}"
    trial.set_status(status)
    directory = Path(trial.path)
    directory.mkdir(parents=True)
    for name, text in (files or {}).items():
        (directory / name).write_text(text)
    if checkpoint is not None:
        result = _TrainingResult(Checkpoint("/nowhere"), {"training_iteration": checkpoint})
        trial.run_metadata.checkpoint_manager._latest_checkpoint_result = result
    return trial


def json_lines(reports) -> str:
    return "".join(json.dumps(result | {"config": {"lr": 0.1}}) + "\n" for result in reports)


def trial_with_folder(scheduler, storage, **attributes) -> Trial:
    """A new trial for which Ray has made a folder."""
    trial = old_trial(storage, Trial.PENDING)
    for name, value in attributes.items():
        setattr(trial, name, value)
    trial.init_local_path()
    scheduler.on_trial_add(None, trial)
    return trial


def record_of(trial) -> TrialRecord:
    """What the scheduler has put on record of a trial."""
    return TrialRecord.parse(Path(trial.local_path, TRIAL_FILE).read_text())


def lines_of(trial) -> list[dict]:
    return [json.loads(line) for line in Path(trial.local_path, TRIAL_FILE).read_text().splitlines()]


def after_a_restart(trial, reports, status=Trial.PENDING, checkpoint=None) -> Trial:
    """The trial as ``Tuner.restore`` gives it: its files are in the storage, and nowhere else."""
    place = Path(trial.local_path)
    if (place / TRIAL_FILE).exists():
        shutil.copy(place / TRIAL_FILE, Path(trial.path, TRIAL_FILE))
        (place / TRIAL_FILE).unlink()
    Path(trial.path, "result.json").write_text(json_lines(reports))
    restored = Trial("trainable", stub=True, trial_id=trial.trial_id, storage=trial.storage)
    restored.relative_logdir = trial.relative_logdir
    restored.evaluated_params = trial.evaluated_params
    restored.set_status(status)
    if checkpoint is not None:
        result = _TrainingResult(Checkpoint("/nowhere"), {"training_iteration": checkpoint})
        restored.run_metadata.checkpoint_manager._latest_checkpoint_result = result
    return restored
