"""A search on a cluster of three raylets on this machine, one of which is killed during the search.

    python benchmarks/ray_cluster.py --trials 200 --kill-after 60

The trials report curves of the LC-PFN prior. The raylet is killed with its workers, as if a machine were
lost. Ray Tune restarts its trials on the other two.
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


class Recorded(tune.Trainable):
    """Reports a given curve. Its processes are reused for later trials."""

    def setup(self, config: dict[str, Any]) -> None:
        """Set the curve."""
        self.curve = config["curve"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Set the curve of the next trial."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, float]:
        """Report the next point."""
        time.sleep(0.05)
        return {"accuracy": self.curve[self.iteration]}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Save nothing: Ray itself saves the iteration."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Load nothing: Ray itself restores the iteration."""


def kill_raylet(scheduler: LCPFNScheduler, after: int, cluster: Cluster, node: Any) -> None:
    """Kill a raylet once ``after`` trials have ended."""
    while sum(history.state != "running" for history in trials_of(scheduler)) < after:
        time.sleep(0.1)
    cluster.remove_node(node, allow_graceful=False)


def trials_of(scheduler: LCPFNScheduler) -> list[History]:
    """The scheduler's history of every trial."""
    return list(scheduler._search.histories.values()) if scheduler._search else []


def alive() -> int:
    """Number of raylets that the cluster reports as alive."""
    return sum(node["Alive"] for node in ray.nodes())


def main() -> None:
    """Run the search and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--kill-after", type=int, default=60, help="number of ended trials at the kill")
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
    scheduler = LCPFNScheduler(min_steps=3)
    killer = threading.Thread(
        target=kill_raylet, args=(scheduler, args.kill_after, cluster, nodes[-1]), daemon=True
    )
    killer.start()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = tune.Tuner(
            Recorded,
            param_space={"curve": tune.grid_search(curves.double().tolist())},
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
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=5),
                failure_config=tune.FailureConfig(max_failures=3),
                verbose=0,
            ),
        ).fit()
        seconds = time.monotonic() - start
        # Of Ray's results by index, since its type has no iterator.
        tried_again = sum(Path(results[i].path, "error.txt").exists() for i in range(len(results)))
    deadline = time.monotonic() + 60
    while (after := alive()) == before and time.monotonic() < deadline:
        time.sleep(1)  # the cluster declares a raylet dead some seconds after its last heartbeat
    ray.shutdown()
    cluster.shutdown()

    histories = trials_of(scheduler)
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
