"""Readers of published files of recorded curves, on small made-up files."""

import contextlib
import gzip
import json

import numpy as np
import pytest

from lcstop.benchmark.readers import direction_of, read_packs
from lcstop.simulation.task import Task
from tests.evaluation.test_packs import losses, write_pack


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def read(path):
    return {pack.name: Task.from_pack(pack) for pack in read_packs(path)}


def lcbench_run(values, lr):
    return {
        "config": {"learning_rate": lr, "batch_size": 16, "num_layers": 2},
        "log": {"epoch": list(range(len(values))), "Train/val_accuracy": values, "Train/loss": values},
        "results": {"final_val_accuracy": values[-1]},
    }


def test_lcbench(tmp_path):
    curve = [10.0, *np.linspace(20, 80, 50), 79.0]  # before training, 50 epochs, at the end
    content = {"credit-g": {str(i): lcbench_run([y + i for y in curve], 0.1 * i) for i in range(3)}}
    content["adult"] = {"0": lcbench_run(curve, 0.1)}
    tasks = read(write(tmp_path / "data_2k_lw.json", content))
    assert set(tasks) == {"lcbench/credit-g", "lcbench/adult"}
    task = tasks["lcbench/credit-g"]
    assert (task.direction, task.values.shape) == ("maximize", (3, 50))
    assert (task.values[0, 0], task.values[2, -1]) == (20.0, 82.0)
    assert task.params[1] == {"learning_rate": 0.1, "batch_size": 16, "num_layers": 2}


def taskset_run(loss, lr):
    curves = {part: {"loss": loss} for part in ("train", "valid", "test")}
    return {"hp": {"learning_rate": lr, "beta1": 0.9}, **curves}


def test_taskset(tmp_path):
    nan = float("nan")
    content = [
        taskset_run([3.0, 2.0, 1.0], 0.1),
        taskset_run([3.0, nan, nan], 9.0),
        taskset_run([3, None, 1], 1),
    ]
    (task,) = read(write(tmp_path / "FixedTextRNN_seed8.json", content)).values()
    assert (task.name, task.direction) == ("taskset/FixedTextRNN_seed8", "minimize")
    assert task.lengths.tolist() == [3, 3, 3]  # the second goes on reporting NaN
    assert np.isnan(task.values[1, 1:]).all()
    assert task.params[0] == {"learning_rate": 0.1, "beta1": 0.9}


def pd1_run(errors, status="done", batch_size=256, **hps):
    return {
        "dataset": "cifar10",
        "model": "wide_resnet",
        "trial_dir": "1",
        "status": status,
        "hps.batch_size": batch_size,
        "hps.lr_hparams.initial_value": 0.1,
        "hps.rng_seed": 7,
        "hps.input_shape": [32, 32, 3],
        "global_step": None if errors is None else list(range(len(errors))),
        "valid/error_rate": errors,
        **hps,
    }


@pytest.mark.parametrize("packed", [False, True])
def test_pd1(tmp_path, packed):
    runs = [
        pd1_run([0.9, 0.5, 0.2]),
        pd1_run([0.9, None], status="diverged"),
        pd1_run(None, status="diverged"),
        pd1_run(None, status="failed"),
        pd1_run([0.8], batch_size=64),
    ]
    text = "\n".join(map(json.dumps, runs)) + "\n"
    path = tmp_path / ("pd1_matched_phase0_results.jsonl" + (".gz" if packed else ""))
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    tasks = read(path)
    assert set(tasks) == {"pd1/cifar10_wide_resnet_256", "pd1/cifar10_wide_resnet_64"}
    task = tasks["pd1/cifar10_wide_resnet_256"]
    assert task.direction == "minimize"
    assert task.lengths.tolist() == [3, 2, 1]  # a diverged run reports NaN once and ends
    assert task.params[0] == {"batch_size": 256, "lr_hparams.initial_value": 0.1}


def test_arrays(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "nasbench201_accuracy.npz"
    np.savez(path, **{"cifar10-valid": rng.random((5, 12)), "cifar100": rng.random((4, 3, 12))})
    tasks = read(path)
    assert set(tasks) == {"nasbench201_accuracy/cifar10-valid", "nasbench201_accuracy/cifar100"}
    seeds = tasks["nasbench201_accuracy/cifar100"]
    assert (seeds.values.shape, seeds.n_distinct, seeds.direction) == ((12, 12), 4, "maximize")
    np.savez(tmp_path / "b.npz", one=rng.random((5, 12)), direction="min")
    assert read(tmp_path / "b.npz")["b/one"].direction == "minimize"
    np.save(tmp_path / "valid_loss.npy", rng.random((5, 12)))
    assert read(tmp_path / "valid_loss.npy")["valid_loss/valid_loss"].direction == "minimize"


def test_csv(tmp_path):
    text = (
        "task,trial,step,valid_loss,lr,kind\na,0,2,0.5,0.1,x\na,0,1,0.9,0.1,x\na,1,1,,0.2,y\nb,0,1,7,0.1,x\n"
    )
    tasks = read(write(tmp_path / "runs.csv", text))
    assert set(tasks) == {"csv/a", "csv/b"}
    task = tasks["csv/a"]
    assert task.values[0].tolist() == [0.9, 0.5]
    assert task.params == ({"lr": 0.1, "kind": "x"}, {"lr": 0.2, "kind": "y"})
    assert task.lengths.tolist() == [2, 2]


def test_packs_and_others_in_one_folder(tmp_path):
    write_pack(tmp_path / "f" / "a.npz", losses(5))
    write(tmp_path / "runs.csv", "trial,step,accuracy\n0,1,0.5\n")
    write(tmp_path / "README.md", "not one of them")
    assert set(read(tmp_path)) == {"f/a", "csv/runs"}
    write(tmp_path / "index.json", [{"file": "f/a.npz", "family": "g", "task": "t"}])
    assert set(read(tmp_path)) == {"g/t"}


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "x_loss.npy"
    np.save(path, np.array([[{"a": 1}]], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"x_loss.npy: Object arrays cannot be loaded"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "a.json: Expecting"),
        ("a.json", {"adult": {"0": {"config": {}}}}, "no recorded curves in a known format"),
        ("a.json", [1, 2], "no recorded curves in a known format"),
        (
            "a.jsonl",
            '{"status": "done", "valid/error_rate": [1.0]}\n',
            "no recorded curves in a known format",
        ),
        ("a.csv", "trial,step\n0,1\n", "columns must be trial, step and a metric"),
        ("a.csv", "trial,step,y\n0,1,1\n", "does not say which values are better"),
        ("a.csv", "trial,step,loss\n0,one,1\n", "could not convert"),
        ("a.npz", "no zip", "a.npz"),
        ("a.txt", "", "a file of recorded curves must end with .npz"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path / name, content))


def test_a_metric_whose_name_says_both_or_nothing_is_refused():
    assert direction_of("Top-1") == direction_of("macro_F1") == "maximize"
    assert direction_of("WER") == direction_of("val_ppl") == "minimize"
    for name in ("x", "accuracy_error"):
        with pytest.raises(ValueError, match="does not say"):
            direction_of(name)


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_a_file_that_is_damaged_anywhere_is_refused_by_one_error(tmp_path, suffix):
    """zipfile, tokenize and zlib raise their own errors, some of them subclasses of OSError."""
    path = tmp_path / f"loss{suffix}"
    pack = {"curves": np.ones((2, 3)), "steps": np.arange(1.0, 4), "meta": np.array('{"direction": "min"}')}
    if suffix == ".npz":
        np.savez(path, **pack)
    else:
        np.save(path, pack["curves"])
    whole = path.read_bytes()
    for i in range(0, len(whole), 3):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x15]) + whole[i + 1 :])
        with contextlib.suppress(ValueError):
            list(read_packs(path))
