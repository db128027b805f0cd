"""The figures of the Ray demo agree with the results that Ray stored."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

TRIALS, EPOCHS = 6, 5


def curves(storage: Path, study: str) -> list[list[float]]:
    """Accuracies of every trial by epoch, in the order of the trials."""
    tables = sorted((storage / study).glob("*/progress.csv"), key=lambda p: p.parent.name.split("_")[2])
    return [pd.read_csv(table)["accuracy"].tolist() for table in tables]


@pytest.mark.slow
def test_figures_are_those_of_the_stored_results(tmp_path: Path) -> None:
    storage = tmp_path / "results"
    options = ["--engine", "ray", "--trials", str(TRIALS), "--epochs", str(EPOCHS), "--json"]
    command = [sys.executable, "-m", "lcstop.commands.app", "demo", *options]
    done = subprocess.run(  # noqa: S603
        [*command, "--storage", str(storage), "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    pruned, whole = (curves(storage, figures[side]["study"]) for side in ("with_pruning", "without_pruning"))
    assert [len(curve) for curve in whole] == [EPOCHS] * TRIALS
    assert all(full[: len(part)] == part for part, full in zip(pruned, whole, strict=True))
    assert figures["with_pruning"]["epochs"] == sum(map(len, pruned))
    assert figures["without_pruning"]["best"] == max(map(max, whole))
    records = (storage / figures["with_pruning"]["study"]).glob("*/lcstop_trial.jsonl")
    markers = [path for path in records if '"state": "stopped"' in path.read_text()]
    assert figures["n_stopped"] == len(markers)
    assert Path(figures["png"]).read_bytes().startswith(b"\x89PNG")
