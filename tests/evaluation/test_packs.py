"""Tasks from curve packs: choice of trials, horizon and scale."""

import json

import numpy as np
import pytest

from lcstop.curves.packs import find_packs, read_pack
from lcstop.evaluation.cases import N_PEERS, pack_task


def write_pack(path, curves, steps=None, **arrays):
    curves = np.asarray(curves, np.float32)
    steps = np.arange(1, curves.shape[1] + 1) if steps is None else steps
    meta = {"metric": "loss", "direction": "min", "lower": 0, "upper": None, **arrays.pop("meta", {})}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        curves=curves,
        steps=np.asarray(steps, np.float32),
        meta=json.dumps(meta),
        configs=json.dumps([{}] * len(curves)),
        **arrays,
    )
    return path


def losses(n=30, length=20, seed=0):
    rng = np.random.default_rng(seed)
    floor, start = rng.uniform(0.1, 1, (n, 1)), rng.uniform(2, 3, (n, 1))
    return floor + (start - floor) * np.exp(-np.arange(length) / 5) + 0.01 * rng.standard_normal((n, length))


def test_a_step_0_moves_every_step_up_by_one(tmp_path):
    task = pack_task(read_pack(write_pack(tmp_path / "x" / "a.npz", losses(), 200.0 * np.arange(20))), 5, 0)
    curve = task.trials[0].curve
    assert (curve.steps[0], curve.horizon, curve.cutoff) == (1, 3801, 3801)
    assert (task.family, task.name, len(task.trials)) == ("x", "x/a", 5)


def test_diverged_trials_are_left_out_and_counted(tmp_path):
    curves = losses(8)
    curves[1, 10:] = np.nan
    curves[2] = np.nan
    curves[3, -1] = np.inf
    task = pack_task(read_pack(write_pack(tmp_path / "a.npz", curves)), 100, 0)
    assert sorted(trial.number for trial in task.trials) == [0, 4, 5, 6, 7]
    assert task.left_out == {"diverged": 3, "too short": 0}


@pytest.mark.parametrize("told_by", ["array", "unit"])
def test_trials_that_were_planned_shorter_end_at_their_own_horizon(tmp_path, told_by):
    curves = losses(4)
    curves[1, 10:] = np.nan
    curves[2, 1:] = np.nan
    told = {"array": {"diverged": np.zeros(4, bool)}, "unit": {"meta": {"step_unit": "eval index (of many)"}}}
    task = pack_task(read_pack(write_pack(tmp_path / "a.npz", curves, **told[told_by])), 100, 0)
    assert {trial.number: trial.curve.horizon for trial in task.trials} == {0: 20, 1: 10, 3: 20}
    assert task.left_out == {"diverged": 0, "too short": 1}
    assert all(np.isfinite(trial.curve.values[-1]) for trial in task.trials)


def test_planned_lengths_are_read_and_fit_the_curves(tmp_path):
    pack = read_pack(write_pack(tmp_path / "a.npz", losses(3), planned_epochs=np.array([20, 30, 40])))
    assert (pack.planned, pack.chosen.tolist()) == (True, [20, 30, 40])
    with pytest.raises(ValueError, match=r"planned_epochs \(2,\) do not fit curves \(3, 20\)"):
        read_pack(write_pack(tmp_path / "b.npz", losses(3), planned_epochs=np.array([20, 30])))


def test_runs_of_their_own_number_of_evaluations_had_planned_it_unless_they_end_at_a_target(tmp_path):
    curves = losses(3)
    curves[1, 10:] = np.nan
    told = {"meta": {"step_unit": "eval index (of many)"}}
    assert read_pack(write_pack(tmp_path / "a.npz", curves, **told)).chosen.tolist() == [20, 10, 20]
    told["frac_of_longest"] = np.ones(3)
    assert read_pack(write_pack(tmp_path / "b.npz", curves, **told)).chosen is None
    assert read_pack(write_pack(tmp_path / "c.npz", curves)).chosen is None


def test_the_diverged_of_a_pack_that_names_them_are_left_out(tmp_path):
    curves = losses(3)
    curves[:, 10:] = np.nan
    path = write_pack(tmp_path / "a.npz", curves, diverged=np.array([True, False, False]))
    assert len(pack_task(read_pack(path), 100, 0).trials) == 2


def test_the_scale_knows_other_trials_and_only_what_is_observed_of_this_one(tmp_path):
    def scales(curves):
        trial = pack_task(read_pack(write_pack(tmp_path / "a.npz", curves)), 1, 0).trials[0]
        return trial.number, [cutoff.scale for cutoff in trial.cutoffs]

    curves = losses(N_PEERS + 1)  # every other trial is a peer
    row, first = scales(curves)
    observed = 4  # points up to the second cutoff, 20 %
    others = np.delete(curves, row, 0)
    assert first[1].direction == "minimize"
    assert first[1].lower == -np.inf
    assert first[1].soft_lower == pytest.approx(min(others.min(), curves[row, :observed].min()), rel=1e-6)

    curves[row, observed:] = -100.0
    assert scales(curves) == (row, [*first[:2], *scales(curves)[1][2:]])
    assert scales(curves)[1][-1].soft_lower == -100.0
    curves[row, 0] = 50.0
    assert scales(curves)[1][1].soft_upper == 50.0


def test_another_seed_takes_other_trials(tmp_path):
    pack = read_pack(write_pack(tmp_path / "a.npz", losses()))
    first, second = (tuple(t.number for t in pack_task(pack, 10, seed).trials) for seed in (0, 1))
    assert first != second
    assert tuple(t.number for t in pack_task(pack, 5, 0).trials) == first[:5]


def test_an_index_names_family_and_task(tmp_path):
    write_pack(tmp_path / "f" / "a.npz", losses())
    write_pack(tmp_path / "f" / "b.npz", losses())
    assert len(find_packs(tmp_path)) == 2
    (tmp_path / "index.json").write_text(json.dumps([{"file": "f/a.npz", "family": "F", "task": "T"}]))
    found = find_packs(tmp_path)
    assert [read_pack(*pack).name for pack in found] == ["F/T"]


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, curves=losses(), steps=np.arange(1, 21), meta=np.array([{"direction": "min"}], object))
    with pytest.raises(ValueError, match=r"a\.npz is no curve pack"):
        read_pack(path)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda path: path.write_bytes(b"not a zip file"),
        lambda path: np.savez(path, curves=losses()),
        lambda path: write_pack(path, losses(), np.arange(3)),
        lambda path: write_pack(path, losses(), meta={"direction": "sideways"}),
        lambda path: write_pack(path, losses(), np.arange(20)[::-1] + 1),
    ],
)
def test_a_damaged_pack_is_named(tmp_path, break_it):
    path = tmp_path / "broken.npz"
    break_it(path)
    with pytest.raises(ValueError, match=r"broken\.npz is no curve pack"):
        read_pack(path)


def test_no_packs(tmp_path):
    with pytest.raises(ValueError, match="there is no curve pack"):
        find_packs(tmp_path)
    (tmp_path / "index.json").write_text("[{}]")
    with pytest.raises(ValueError, match="is no index"):
        find_packs(tmp_path)
