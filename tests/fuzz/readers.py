"""Atheris on the readers of files that people hand over: ``python tests/fuzz/readers.py TARGET [options]``.

TARGET is ``yaml``, ``csv``, ``curves`` or ``pack``. A reader may refuse a file by the error that it
documents, within a second; anything else is a mistake. Options go to libFuzzer, such as ``-runs=300000``.
Needs ``pip install atheris``.
"""

import contextlib
import io
import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np

READERS = [
    *("benchmark.readers", "commands.curve_csv", "config.error_messages", "config.yaml_file"),
    *("curves.curve", "curves.packs"),
]
with atheris.instrument_imports(include=["ruamel.yaml", *(f"lcstop.{name}" for name in READERS)]):
    from lcstop import load_config
    from lcstop.benchmark.readers import read_packs
    from lcstop.commands.curve_csv import read_curve
    from lcstop.config.search_config import SearchConfig
    from lcstop.config.yaml_file import read_yaml as read_model
    from lcstop.curves.packs import read_pack

FOLDER = Path(tempfile.mkdtemp())


def read_yaml(data: bytes) -> None:
    """Options, and a whole search."""
    path = FOLDER / "given.yaml"
    path.write_bytes(data)
    for read in (load_config, lambda path: read_model(path, SearchConfig)):
        with contextlib.suppress(ValueError):
            read(path)


def read_csv(data: bytes) -> None:
    """One curve, as ``lcstop predict`` reads it; the column is named or not."""
    text = data.decode("utf-8", errors="replace")
    for metric in (None, "loss"):
        with contextlib.suppress(ValueError):
            read_curve(text, "given.csv", 50, metric)


def read_curves(data: bytes) -> None:
    """Recorded curves, as ``lcstop bench`` reads them; the first byte chooses the format."""
    suffixes = (".csv", ".json", ".jsonl", ".jsonl.gz", ".npy", ".npz")
    path = FOLDER / f"loss{suffixes[data[0] % len(suffixes) if data else 0]}"
    path.write_bytes(data[1:])
    with contextlib.suppress(ValueError):
        list(read_packs(path))


def read_npz(data: bytes) -> None:
    """Curve packs: from the bytes as they are, or as arrays in an archive that is whole."""
    given = atheris.FuzzedDataProvider(data)
    path = FOLDER / "given.npz"
    if given.ConsumeBool():
        path.write_bytes(given.ConsumeBytes(len(data)))
    else:
        _write_pack(path, given)
    with contextlib.suppress(ValueError):
        read_pack(path)


def _write_pack(path: Path, given: atheris.FuzzedDataProvider) -> None:
    n, n_steps, n_known = (given.ConsumeIntInRange(0, 4) for _ in range(3))
    kind = given.PickValueInList(["f4", "f8", "i8", "?", "U3", "c8", "M8[s]"])
    values = np.array(given.ConsumeFloatListInRange(n * n_steps, -1e9, 1e9)).reshape(n, n_steps)
    steps = np.array(given.ConsumeFloatListInRange(n_known, -1, 100))
    meta = given.PickValueInList(['{"direction": "min"}', '{"direction": "max", "family": "f"}', ""])
    arrays = {
        "curves": values.astype(kind),
        "steps": np.sort(steps).astype(given.PickValueInList(["f4", "f8", "i8"])),
        "meta": np.array(meta or given.ConsumeUnicodeNoSurrogates(30)),
        "configs": np.array(given.PickValueInList(["[]", '[{"lr": 1}]', "null", "3", "{"])),
        "diverged": np.zeros(given.ConsumeIntInRange(0, 4)),
    }
    for name in list(arrays):
        if given.ConsumeProbability() < 0.1:
            del arrays[name]
    np.savez(path, **arrays)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "yaml": read_yaml,
    "csv": read_csv,
    "curves": read_curves,
    "pack": read_npz,
}

SEEDS: dict[str, list[bytes]] = {
    "yaml": [
        b"horizon: 50\nupper: 1.0\n",
        b"a: {b: [1, 'x', null]}\n",
        b"space:\n  lr: {type: float, low: 1.0e-5}\n",
    ],
    "csv": [b"epoch,loss,accuracy\n0,2.3,0.1\n1,1.1,0.6\n", b"step;loss\n1;nan\n2;\n3;1e9\n", b"loss\n1\n"],
    "curves": [],
    "pack": [],
}


def _seeds() -> None:
    lcbench = {"fashion": {"0": {"config": {}, "log": {"Train/val_accuracy": [0, 10, 20, 30]}}}}
    taskset = [{"valid": {"loss": [3.0, 2.0, None]}, "hp": {"lr": 0.1}}]
    pd1 = {"dataset": "a", "model": "b", "hps.batch_size": 1, "valid/error_rate": [0.9, 0.5]}
    npy, npz = io.BytesIO(), io.BytesIO()
    np.save(npy, np.ones((2, 3)))
    pack = {"curves": np.ones((2, 3)), "steps": np.arange(1.0, 4), "meta": np.array('{"direction": "min"}')}
    np.savez(npz, **pack)
    texts = (
        b"trial,step,loss,lr\na,1,2.5,0.1\na,2,2.0,0.1\n",
        *(json.dumps(x).encode() for x in (lcbench, pd1)),
    )
    SEEDS["curves"] = [
        b"\0" + texts[0],
        b"\1" + texts[1],
        b"\1" + json.dumps(taskset).encode(),
        b"\2" + texts[2],
    ]
    SEEDS["curves"] += [b"\4" + npy.getvalue(), b"\5" + npz.getvalue()]
    SEEDS["pack"] = [b"\1" + npz.getvalue(), npz.getvalue() + b"\1"]


def main() -> None:
    """Fuzz the target that the command line names."""
    warnings.simplefilter("error")
    name, *options = sys.argv[1:]
    _seeds()
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for i, seed in enumerate(SEEDS[name]):
        (corpus / str(i)).write_bytes(seed)
    flags = ["-timeout=1", "-max_len=1024", "-print_final_stats=1", *options, str(corpus)]
    atheris.Setup([sys.argv[0], *flags], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
