"""A search on a cluster of three raylets on this machine, one of which is killed during the search.

    python benchmarks/ray_cluster.py --trials 200 --kill-after 60 [--pause]

The trials report curves of the LC-PFN prior. The raylet is killed with its workers, as if a machine were
lost. Ray Tune restarts its trials on the other two, from their last checkpoints. With ``--pause`` trials wait
and go on, and the raylet is killed once so many trials have waited or ended.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np
import ray
import torch
from ray import tune
from ray.cluster_utils import Cluster
from rich.console import Console
from rich.table import Table

from lcstop.priors.lcpfn import sample_curves
from lcstop_ray import LCPFNScheduler
from lcstop_ray.history import History

HORIZON = 30
CPUS = 2  # per raylet; a trial takes one
MEMORY = 100_000_000  # of each raylet's object store, in bytes
EVERY = 5  # epochs from one checkpoint to the next


class Recorded(tune.Trainable):
    """Reports a given curve, and notes each epoch that it trains. Processes are reused for later trials."""

    def setup(self, config: dict[str, Any]) -> None:
        """Set the curve."""
        self.curve, self.notes, self.trained = config["curve"], Path(config["notes"]), 0

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Set the curve of the next trial."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, float]:
        """Report the next point."""
        time.sleep(0.05)
        self.trained += 1
        with self.notes.open("a") as notes:
            notes.write(f"{self.trial_id} {self.trained} {ray.get_runtime_context().get_node_id()}\n")
        return {"accuracy": self.curve[self.trained - 1]}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save the number of epochs."""
        Path(checkpoint_dir, "trained").write_text(str(self.trained))

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on after the saved epoch."""
        self.trained = int(Path(checkpoint, "trained").read_text())


def kill_raylet(scheduler: LCPFNScheduler, after: int, cluster: Cluster, node: Any) -> None:
    """Kill a raylet once ``after`` trials have ended, or wait."""
    while sum(history.state != "running" for history in trials_of(scheduler)) < after:
        time.sleep(0.1)
    cluster.remove_node(node, allow_graceful=False)


def trials_of(scheduler: LCPFNScheduler) -> list[History]:
    """The scheduler's history of every trial."""
    return list(scheduler._search.histories.values()) if scheduler._search else []


def trained_again(notes: Path, killed: str) -> tuple[Counter[str], int]:
    """Epochs trained twice, by trial, and how many of them were not on the killed raylet at first."""
    first, again, elsewhere = dict[tuple[str, str], str](), Counter[str](), 0
    for line in notes.read_text().splitlines():
        trial, epoch, node = line.split()
        if (trial, epoch) in first:
            again[trial] += 1
            elsewhere += first[trial, epoch] != killed
        first.setdefault((trial, epoch), node)
    return again, elsewhere


def alive() -> int:
    """Number of raylets that the cluster reports as alive."""
    return sum(node["Alive"] for node in ray.nodes())


def main() -> None:
    """Run the search and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--kill-after", type=int, default=60, help="number of ended trials at the kill")
    parser.add_argument("--pause", action="store_true", help="trials may wait")
    args = parser.parse_args()

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": CPUS, "object_store_memory": MEMORY, "include_dashboard": False},
    )
    nodes = [cluster.add_node(num_cpus=CPUS, object_store_memory=MEMORY) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    cluster.wait_for_nodes()
    before = alive()

    curves = sample_curves(args.trials, generator=torch.Generator().manual_seed(0), length=HORIZON)
    scheduler = LCPFNScheduler(min_steps=3, pause=args.pause)
    killer = threading.Thread(
        target=kill_raylet, args=(scheduler, args.kill_after, cluster, nodes[-1]), daemon=True
    )
    killer.start()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder, "epochs")
        results = tune.Tuner(
            Recorded,
            param_space={"curve": tune.grid_search(curves.double().tolist()), "notes": str(notes)},
            tune_config=tune.TuneConfig(
                metric="accuracy",
                mode="max",
                scheduler=scheduler,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
                trial_name_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=folder,
                stop={"training_iteration": HORIZON},
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=EVERY),
                failure_config=tune.FailureConfig(max_failures=3),
                verbose=0,
            ),
        ).fit()
        seconds = time.monotonic() - start
        # Of Ray's results by index, since its type has no iterator.
        again, elsewhere = trained_again(notes, nodes[-1].node_id)
        tried_again = sum(Path(results[i].path, "error.txt").exists() for i in range(len(results)))
    deadline = time.monotonic() + 60
    while (after := alive()) == before and time.monotonic() < deadline:
        time.sleep(1)  # the cluster declares a raylet dead some seconds after its last heartbeat
    ray.shutdown()
    cluster.shutdown()

    histories = trials_of(scheduler)
    verdicts = Counter(record.verdict for history in histories for record in history.judgements)
    states = Counter(history.state for history in histories)
    whole = sum(
        history.curve.steps.tolist() == list(range(1, len(history.curve) + 1)) for history in histories
    )
    steps = sum((results[i].metrics or {})["training_iteration"] for i in range(len(results)))
    table = Table(
        title=f"{args.trials} trials on {before} raylets, one killed after {args.kill_after} trials"
    )
    table.add_column("what")
    table.add_column("figure", justify="right")
    for what, figure in {
        "raylets alive before and after": f"{before}, {after}",
        "trials that ended, with an error": f"{len(results)}, {results.num_errors}",
        "trials that failed and were tried again": tried_again,
        "trials stopped, finished": f"{states['stopped']}, {states['finished']}",
        "curves without a gap or a repeated step": whole,
        f"epochs trained twice, most of one trial (checkpoints every {EVERY})": (
            f"{again.total()}, {max(again.values(), default=0)}"
        ),
        "of these first trained on another raylet": elsewhere,
        "times that trials have waited, gone on": f"{verdicts['wait']}, {verdicts['resume']}",
        "steps run, of those without stopping": f"{steps}, {args.trials * HORIZON}",
        "best final value found, of all curves": (
            f"{scheduler._search_state().incumbent():.4f}, {float(np.max(curves.numpy())):.4f}"
        ),
        "seconds": f"{seconds:.0f}",
    }.items():
        table.add_row(what, str(figure))
    Console(width=100).print(table)
    print(scheduler.debug_string())


if __name__ == "__main__":
    main()
