"""Searches of small models with real checkpoints: ``pause=True`` beside the default, ASHA and no stopping.

    python benchmarks/pausing_search.py [digits|networks] --seeds 10 --workers 1 --out runs/pausing

40 random configurations of 30 epochs each, on 500 of scikit-learn's digits: linear models, or networks of
torch. Ray's schedulers decide, called as Ray calls them, without actors. A trial that waits leaves the
memory, and goes on from its file. Times are processor seconds.
"""

from __future__ import annotations

import argparse
import json
import pickle
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from lcstop_ray import LCPFNScheduler
from tests.lcstop_ray.pausing_controller import Controller

TRIALS, EPOCHS, WHOLE = 40, 30, 20
"""``WHOLE``: no stopping reaches the goal with so many trials."""

_pixels, _classes = load_digits(return_X_y=True)
TRAIN_X, VALID_X, TRAIN_Y, VALID_Y = train_test_split(_pixels / 16, _classes, train_size=500, random_state=0)

ASHA: dict[str, Any] = {"metric": "accuracy", "mode": "max", "max_t": EPOCHS}
OURS: dict[str, Any] = {"metric": "accuracy", "mode": "max", "horizon": EPOCHS, "lower": 0, "upper": 1}
RULES: dict[str, Callable[[], TrialScheduler]] = {
    "no stopping": FIFOScheduler,
    "default": partial(LCPFNScheduler, **OURS),
    "ASHA": partial(ASHAScheduler, **ASHA),
    "ASHA, reduction 2 from epoch 2": partial(ASHAScheduler, reduction_factor=2, grace_period=2, **ASHA),
    "pause=True": partial(LCPFNScheduler, pause=True, **OURS),
}


class Model(Protocol):
    """A model that is trained epoch by epoch."""

    def epoch(self, number: int) -> float:
        """Train epoch ``number``, from 1. Returns the accuracy on the validation set."""

    def save(self, path: Path) -> None:
        """Write a checkpoint."""

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""


class Linear:
    """``SGDClassifier`` with ``partial_fit``; the space of ``examples/optuna_sklearn.py``."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.model = SGDClassifier(
            loss=str(rng.choice(["hinge", "log_loss", "modified_huber"])),
            alpha=10 ** rng.uniform(-6, 0),
            learning_rate="constant",
            eta0=10 ** rng.uniform(-5, 0),
            average=bool(rng.random() < 0.5),
            random_state=0,
        )

    def epoch(self, number: int) -> float:
        """See :class:`Model`."""
        self.model.partial_fit(TRAIN_X, TRAIN_Y, classes=range(10))
        return float(self.model.score(VALID_X, VALID_Y))

    def save(self, path: Path) -> None:
        """See :class:`Model`."""
        path.write_bytes(pickle.dumps(self.model))

    def load(self, path: Path) -> None:
        """See :class:`Model`."""
        self.model = pickle.loads(path.read_bytes())  # noqa: S301  # its own file


class Network:
    """A multilayer perceptron with AdamW; the space of ``examples/ray_search.py``."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        width, dropout = int(rng.choice([16, 32, 64])), float(rng.uniform(0, 0.5))
        sizes = [64] + [width] * int(rng.integers(1, 4))
        layers: list[torch.nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU(), torch.nn.Dropout(dropout)]
        self.net = torch.nn.Sequential(*layers, torch.nn.Linear(width, 10))
        self.batch = int(rng.choice([16, 32, 64, 128]))
        rate, decay = 10 ** rng.uniform(-4, -1), 10 ** rng.uniform(-6, -2)
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=rate, weight_decay=decay)

    def epoch(self, number: int) -> float:
        """See :class:`Model`. The batches and the dropout follow from the number of the epoch."""
        torch.manual_seed(number)
        x, y = torch.tensor(TRAIN_X, dtype=torch.float32), torch.tensor(TRAIN_Y)
        self.net.train()
        for batch in torch.split(torch.randperm(len(x)), self.batch):
            self.optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(self.net(x[batch]), y[batch])
            torch.autograd.backward(loss)
            self.optimizer.step()
        self.net.eval()
        with torch.no_grad():
            found = self.net(torch.tensor(VALID_X, dtype=torch.float32)).argmax(1)
        return float((found.numpy() == VALID_Y).mean())

    def save(self, path: Path) -> None:
        """See :class:`Model`."""
        torch.save([self.net.state_dict(), self.optimizer.state_dict()], path)

    def load(self, path: Path) -> None:
        """See :class:`Model`."""
        net, optimizer = torch.load(path, weights_only=True)
        self.net.load_state_dict(net)
        self.optimizer.load_state_dict(optimizer)


KINDS: dict[str, Callable[[int], Model]] = {"digits": Linear, "networks": Network}


def search(kind: str, rule: str, seed: int, workers: int) -> dict[str, Any]:
    """One search: its epochs as ``[trial, step, accuracy]`` in their order, and processor seconds."""
    scheduler, epochs, live = RULES[rule](), list[tuple[int, int, float]](), dict[int, Model]()
    seconds = dict.fromkeys(["train", "save", "load", "decide"], 0.0)
    n_loaded = 0

    def timed(part: str, call: Callable[..., Any], *args: Any) -> Any:
        start = time.process_time()
        result = call(*args)
        seconds[part] += time.process_time() - start
        return result

    for hook in ("on_trial_result", "choose_trial_to_run"):
        setattr(scheduler, hook, partial(timed, "decide", getattr(scheduler, hook)))
    with tempfile.TemporaryDirectory() as folder:

        def value(trial: int, step: int) -> float:
            nonlocal n_loaded
            running = {int(one.trial_id.rpartition("_")[2]) for one in controller.running}
            for ended in live.keys() - running:
                del live[ended]
            path = Path(folder, str(trial))
            if trial not in live:
                live[trial] = KINDS[kind](1000 * seed + trial)
                if step > 1:
                    timed("load", live[trial].load, path)
                    n_loaded += 1
            accuracy: float = timed("train", live[trial].epoch, step)
            if rule.startswith("pause"):
                timed("save", live[trial].save, path)
            epochs.append((trial, step, accuracy))
            return accuracy

        saves = int(rule.startswith("pause"))
        controller = Controller(scheduler, [*range(TRIALS)], value, EPOCHS, None, workers, saves)  # type: ignore[no-untyped-call]
        controller.run()
    return {"epochs": epochs, "seconds": seconds, "loaded": n_loaded}


def reached(best: np.ndarray, goal: float) -> float:
    """Number of epochs after which the best value so far is at least the goal; infinity if it never is."""
    return float(np.argmax(best >= goal)) + 1 if best[-1] >= goal else float("inf")


def show(found: dict[str, list[dict[str, Any]]]) -> None:
    """Print one row per rule."""
    best = {
        rule: [np.maximum.accumulate([accuracy for *_, accuracy in one["epochs"]]) for one in runs]
        for rule, runs in found.items()
    }
    whole = WHOLE * EPOCHS
    stops = best["no stopping"]
    top = [one[-1] for one in stops]
    curves = [{(i, step): accuracy for i, step, accuracy in one["epochs"]} for one in found["no stopping"]]
    limit = np.mean([t - one[whole - 1] for t, one in zip(top, stops, strict=True)])
    for rule, runs in found.items():
        speed = [whole / reached(one, goal[whole - 1]) for one, goal in zip(best[rule], stops, strict=True)]
        padded = [np.pad(one, (0, TRIALS * EPOCHS - len(one)), mode="edge") for one in best[rule]]
        regret = np.mean([t - one for t, one in zip(top, padded, strict=True)], 0)
        kept = sum(one[-1] >= t for one, t in zip(best[rule], top, strict=True))
        counts = [len(one["epochs"]) for one in runs]
        twice = sum(len(one["epochs"]) - len({(i, step) for i, step, _ in one["epochs"]}) for one in runs)
        other = sum(
            curve[i, step] != accuracy
            for one, curve in zip(runs, curves, strict=True)
            for i, step, accuracy in one["epochs"]
        )
        parts = {
            part: np.mean([one["seconds"][part] for one in runs])
            for part in ("train", "save", "load", "decide")
        }
        print(
            f"{rule}: {np.exp(np.mean(np.log(np.maximum(speed, 0.2)))):.2f} times as fast, "
            f"never {sum(one == 0 for one in speed)}; mean regret of no stopping after "
            f"{reached(-regret, -limit):.0f}; "
            f"{np.mean(counts):.0f} epochs, best kept {kept} of {len(runs)}; trained twice {twice}, unlike "
            f"no stopping {other}; loaded {np.mean([one['loaded'] for one in runs]):.0f}; seconds: "
            + ", ".join(f"{part} {value:.2f}" for part, value in parts.items())
        )


def main() -> None:
    """Run the searches that are not in the folder yet, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", choices=[*KINDS], default="digits", nargs="?")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/pausing"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[dict[str, Any]]] = {rule: [] for rule in RULES}
    for seed in range(args.seeds):
        for number, rule in enumerate(RULES):
            path = args.out / f"{args.kind}-{args.workers}-{seed}-{number}.json"
            if not path.exists():
                path.write_text(json.dumps(search(args.kind, rule, seed, args.workers)))
            found[rule].append(json.loads(path.read_text()))
    show(found)


if __name__ == "__main__":
    main()
