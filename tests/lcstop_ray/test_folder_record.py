"""A search is read from its folder by what the scheduler has put on record."""

import json
import shutil
from pathlib import Path

import pytest
from ray.tune.experiment import Trial
from typer.testing import CliRunner

from lcstop.commands.app import app
from lcstop_ray import TRIAL_FILE, read_folder
from tests.lcstop_ray.ray_trials import (
    GOOD,
    POOR,
    STOP,
    H,
    after_a_restart,
    finish,
    results,
    trial_with_folder,
)

LATE = [*POOR[:-1], 0.95]
BEST = [0.9 + 0.005 * i for i in range(H)]
"""Never stopped."""


class Folder:
    """A search whose trials run by the hooks, with the files that Ray writes."""

    def __init__(self, scheduler, storage, time_attr: str = "training_iteration") -> None:
        self.scheduler, self.storage, self.time_attr = scheduler, storage, time_attr
        self.path = Path(storage.experiment_fs_path)
        self.states: list[dict] = []

    def run(self, values, end="complete", started=0.0, status=Trial.TERMINATED) -> Trial:
        """Run a trial; ``end`` is what Ray calls at its end, or "" if it calls nothing."""
        trial = trial_with_folder(self.scheduler, self.storage)
        rows = []
        for step, value in enumerate(values, 1):
            rows.append({self.time_attr: step, "accuracy": value, "timestamp": started + step})
            if self.scheduler.on_trial_result(None, trial, rows[-1]) == STOP:
                break
        if end == "complete":
            self.scheduler.on_trial_complete(None, trial, rows[-1] | {"done": True})
        elif end == "error":
            self.scheduler.on_trial_error(None, trial)
        place = Path(trial.path)
        (place / "result.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
        shutil.copy(Path(trial.local_path, TRIAL_FILE), place)
        self.states.append(
            {"trial_id": trial.trial_id, "status": status, "relative_logdir": trial.relative_logdir}
        )
        return trial

    def finish(self, stamp: str = "2026-01-01_00-00-00", metric: str | None = "accuracy") -> Path:
        runs = [{"start_time": state.pop("start_time", None)} for state in self.states]
        data = [[json.dumps(state), json.dumps(run)] for state, run in zip(self.states, runs, strict=True)]
        content = {"trial_data": data, "runner_data": {"_metric": metric}}
        (self.path / f"experiment_state-{stamp}.json").write_text(json.dumps(content))
        self.states = []
        return self.path


def call(*arguments) -> tuple[dict, str]:
    done = CliRunner().invoke(app, ["explain", *map(str, arguments), "--json"], catch_exceptions=False)
    return json.loads(done.stdout), done.stderr


def test_states_are_what_the_scheduler_saw(make, storage):
    folder = Folder(make(), storage)
    folder.run(GOOD, started=100)
    folder.run(POOR, started=200)
    folder.run(BEST[:4], end="", started=300)  # as by a time budget
    folder.run(GOOD[:4], end="error", started=400, status=Trial.ERROR)
    folder.run(BEST[:6], started=500)  # has ended early by itself
    study = read_folder(folder.finish())
    states = ["finished", "stopped", "running", "failed", "finished"]
    assert [trial.state for trial in study.trials] == states
    assert study.trials[1].reason.startswith("stopped at step 2 of 12: ")
    (note,) = study.notes
    assert note.startswith("1 of 5 trials were cut off before their end")
    assert study.options == folder.scheduler.config.model_dump()


def test_explain_needs_no_mode_and_names_what_is_cut_off(make, storage):
    folder = Folder(make(mode="min", time_attr="epoch"), storage, "epoch")
    folder.run([1 - value for value in GOOD])
    folder.run([1 - value for value in BEST[:3]], end="")
    content, notes = call("--results", folder.finish(metric=None))
    assert content["best"] == pytest.approx(1 - GOOD[-1])
    assert notes.startswith("note: 1 of 2 trials were cut off before their end, as by a time budget")
    study = read_folder(folder.path)
    assert (study.step, study.metric, study.direction) == ("epoch", "accuracy", "minimize")


def test_arguments_come_before_the_record(make, storage):
    folder = Folder(make(audit=1.0, shadow=True), storage)
    folder.run(GOOD, started=1)
    folder.run(LATE, started=2)
    study = read_folder(folder.finish(), mode="min", metric="timestamp")
    assert (study.metric, study.direction) == ("timestamp", "minimize")
    assert study.notes[0].startswith("the search was judged by 'accuracy', mode 'max'")
    assert [trial.suppressed_stop for trial in study.trials] == [None, None]
    assert read_folder(folder.path).trials[1].suppressed_stop is not None
    with pytest.raises(ValueError, match="cannot be read by 'epoch'"):
        read_folder(folder.path, time_attr="epoch")
    with pytest.raises(ValueError, match="mode must be min or max, got best"):
        read_folder(folder.path, mode="best")


def test_without_a_record_it_is_said_what_is_assumed(make, storage):
    folder = Folder(make(), storage)
    trials = [folder.run(GOOD), folder.run(GOOD[:5])]
    for trial in trials:
        Path(trial.path, TRIAL_FILE).unlink()
    folder.finish()
    content, notes = call("--results", folder.path, "--mode", "max")
    assert "how 2 of 2 trials have ended is not on record" in notes
    assert "is assumed to have finished, or to have been stopped if it ended before the horizon" in notes
    assert content["stopped_on_record"] == 1


def test_a_search_that_the_first_release_began(make, storage):
    """Its stops are read from its own files; the others are assumed to have finished."""
    folder = Folder(make(), storage)
    stopped, old, new = folder.run(POOR, started=1), folder.run(GOOD[:5], started=2), folder.run(BEST)
    for trial in (stopped, old):
        Path(trial.path, TRIAL_FILE).unlink()
    note = {"step": H, "reason": "poor", "config": {"horizon": H}}
    Path(stopped.path, "lcstop_stopped.json").write_text(json.dumps(note))
    study = read_folder(folder.finish())
    states = {trial.name: (trial.state, trial.reason) for trial in study.trials}
    assert states == {
        stopped.trial_id: ("stopped", "poor"),
        old.trial_id: ("finished", None),
        new.trial_id: ("finished", None),
    }
    assert study.notes == [
        "how 2 of 3 trials have ended is not on record: a trial that Ray calls terminated is assumed to have "
        "finished"
    ]


def test_trials_are_numbered_in_the_order_of_their_starts(make, storage):
    folder = Folder(make(), storage)
    trials = [folder.run(GOOD, started=started) for started in (300, 100, 200)]
    names = [trial.name for trial in read_folder(folder.finish()).trials]
    assert names == [trials[i].trial_id for i in (1, 2, 0)]


def test_trials_that_start_within_a_second_are_in_rays_order(make, storage):
    """Results have the time in whole seconds; Ray's state has the time of the start."""
    folder = Folder(make(), storage)
    trials = [folder.run(GOOD, started=100) for _ in range(5)]
    order = [3, 1, 4, 0, 2]
    for state, place in zip(folder.states, order, strict=True):
        state["start_time"] = 99 + place / 10
    names = [trial.name for trial in read_folder(folder.finish()).trials]
    assert names == [trials[order.index(place)].trial_id for place in range(5)]


def test_all_states_of_the_search_are_read_and_the_newest_of_a_trial_counts(make, storage):
    folder = Folder(make(), storage)
    trials = [folder.run(GOOD, started=100)]
    folder.finish("2026-01-01_00-00-00")
    trials.append(folder.run(GOOD[:3], end="", started=200, status=Trial.RUNNING))
    folder.finish("2026-01-02_00-00-00", metric=None)
    trials.append(folder.run(GOOD, started=300))
    folder.states.append({**folder.states[0], "trial_id": trials[1].trial_id})
    folder.states[-1] |= {"relative_logdir": trials[1].relative_logdir, "status": Trial.ERROR}
    study = read_folder(folder.finish("2026-01-03_00-00-00"))
    assert [trial.name for trial in study.trials] == [trial.trial_id for trial in trials]
    assert [trial.state for trial in study.trials] == ["finished", "failed", "finished"]


def test_a_trial_that_started_again_shows_what_had_come_further(make, storage):
    folder = Folder(make(), storage)
    folder.run(GOOD)
    trial = folder.run(GOOD[:6], end="", status=Trial.RUNNING)
    restored = make()
    again = after_a_restart(trial, results(GOOD[:6]))
    restored.on_trial_add(None, again)
    for result in results(POOR[:1]):
        restored.on_trial_result(None, again, result)
    after_a_restart(again, results(POOR[:1]))
    study = read_folder(folder.finish())
    (shown,) = [one for one in study.trials if one.name == trial.trial_id]
    assert shown.curve.values.tolist() == GOOD[:6]


def test_the_same_trials_are_audited_in_a_replay(make, storage):
    scheduler = make()
    folder = Folder(scheduler, storage)
    finish(scheduler)
    trial = folder.run(GOOD)
    study = read_folder(folder.finish())
    assert study.label(study.trials[0]) == scheduler._search.view(judged=trial.trial_id).judged
