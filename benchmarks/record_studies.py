"""Records real studies, to choose options by: trains all configurations of a search at once.

python benchmarks/record_studies.py runs/own

Ten random searches of 256 small networks each, with different learning-rate schedules, on handwritten digits
(of scikit-learn) and on noisy labels of random teacher networks. Takes 23 minutes on one core. Writes curve
packs, which ``lcstop bench --curves runs/own`` replays.
"""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor

Array = NDArray[np.float64]

N_CONFIGS, HIDDEN, BATCH = 256, 48, 32
SCHEDULES = ("constant", "cosine", "linear", "step")


class Data(NamedTuple):
    """Training examples and validation examples."""

    x: Tensor
    y: Tensor
    x_valid: Tensor
    y_valid: Tensor


@dataclass(frozen=True)
class Recipe:
    """One search.

    Attributes:
        name: Name of the pack.
        data: The data set.
        epochs: Number of reports of a trial.
        steps: Optimizer steps between two reports.
        schedule: Learning-rate schedule. ``own``: it is drawn for each configuration.
        optimizer: ``sgd``, ``adam``, or ``both``: it is drawn for each configuration.
        metric: ``acc`` or ``loss``, on the validation examples.
        seed: Seed of configurations and training.
    """

    name: str
    data: Data
    epochs: int
    steps: int
    schedule: str
    optimizer: str
    metric: str
    seed: int


def digits(seed: int, n_train: int, noise: float) -> Data:
    """Handwritten digits. A share ``noise`` of the training labels is drawn at random."""
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    return _split((x[order] / 16.0 - 0.3) / 0.37, y[order], n_train, noise, 10, rng)


def teacher(
    seed: int, n_train: int, noise: float, inputs: int = 24, classes: int = 8, depth: int = 2
) -> Data:
    """Gaussian inputs with labels of a random network; 3,000 examples are for validation."""
    rng = np.random.default_rng(seed)
    h = x = rng.standard_normal((n_train + 3000, inputs))
    for _ in range(depth):
        h = np.tanh(1.6 * h @ rng.standard_normal((h.shape[1], 24)) / math.sqrt(h.shape[1]))
    scores = h @ rng.standard_normal((24, classes))
    labels = ((scores - scores.mean(0)) / scores.std(0)).argmax(1)
    return _split(x, labels, n_train, noise, classes, rng)


def _split(
    x: Array, y: NDArray[np.int64], n_train: int, noise: float, classes: int, rng: np.random.Generator
) -> Data:
    noisy = y[:n_train].copy()
    wrong = rng.random(n_train) < noise
    noisy[wrong] = rng.integers(0, classes, wrong.sum())
    inputs = torch.from_numpy(x).float()
    return Data(inputs[:n_train], torch.from_numpy(noisy), inputs[n_train:], torch.from_numpy(y[n_train:]))


def configurations(recipe: Recipe) -> dict[str, NDArray[np.generic]]:
    """Hyperparameters by name, ``[N_CONFIGS]`` each."""
    rng = np.random.default_rng(recipe.seed)

    def log_uniform(low: float, high: float) -> Array:
        return np.exp(rng.uniform(math.log(low), math.log(high), N_CONFIGS))

    kinds = np.full(N_CONFIGS, recipe.optimizer)
    if recipe.optimizer == "both":
        kinds = rng.choice(["sgd", "adam"], N_CONFIGS)
    rates = log_uniform(1e-3, 3), log_uniform(1e-5, 1e-1)
    columns = {
        "optimizer": kinds,
        "lr": np.where(kinds == "sgd", *rates),
        "one_minus_momentum": log_uniform(0.01, 0.5),
        "weight_decay": log_uniform(1e-6, 1e-1),
        "dropout": rng.uniform(0, 0.6, N_CONFIGS),
        "label_smoothing": rng.uniform(0, 0.4, N_CONFIGS),
        "width": log_uniform(4, HIDDEN + 1).astype(int).clip(4, HIDDEN),
        "peak": rng.uniform(0.01, 0.6, N_CONFIGS),
        "power": rng.uniform(0.5, 3, N_CONFIGS),
        "init": log_uniform(0.3, 3),
    }
    own = recipe.schedule == "own"
    columns["schedule"] = rng.choice(SCHEDULES, N_CONFIGS) if own else np.full(N_CONFIGS, recipe.schedule)
    return columns


def factor(config: dict[str, NDArray[np.generic]], done: float, step: float) -> Array:
    """Factors of the learning rates after a share ``done`` of the training, ``[N_CONFIGS]``."""
    peak, schedule = config["peak"].astype(float), config["schedule"]
    warm = np.minimum(1, (done + step) / peak)
    rest = np.clip((done - peak) / (1 - peak), 0, 1)
    first, second = 0.41 + 0.3 * peak, 0.66 + 0.3 * peak
    kinds = {
        "cosine": np.where(done < peak, warm, 0.5 + 0.5 * np.cos(math.pi * rest)),
        "linear": np.where(done < peak, warm, 1 - rest),
        "step": np.where(done < first, 1, np.where(done < second, 0.1, 0.01)),
        "poly": (1 - done) ** config["power"].astype(float),
    }
    return np.select([schedule == kind for kind in kinds], list(kinds.values()), 1.0)


class Networks:
    """A network with two hidden layers for each configuration. All are trained on the same batches."""

    def __init__(self, recipe: Recipe, config: dict[str, NDArray[np.generic]]) -> None:
        self.data, self.config, self.done = recipe.data, config, 0
        self.total = recipe.epochs * recipe.steps
        self.generator = torch.Generator().manual_seed(recipe.seed)
        inputs, classes = self.data.x.shape[1], int(max(self.data.y.max(), self.data.y_valid.max())) + 1
        width = self._column("width")
        self.used = (torch.arange(HIDDEN) < width[:, 0]).float()[:, None]
        shapes = (inputs, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, classes)
        sizes = torch.full_like(width, math.sqrt(2 / inputs)), math.sqrt(2) / width.sqrt(), 0.5 / width.sqrt()
        self.weights = []
        for shape, size in zip(shapes, sizes, strict=True):
            drawn = torch.randn(N_CONFIGS, *shape, generator=self.generator) * size
            self.weights += [drawn * self._column("init"), torch.zeros(N_CONFIGS, 1, shape[1])]
        for weight in self.weights:
            weight.requires_grad_()
        self.first, self.second = ([torch.zeros_like(weight) for weight in self.weights] for _ in range(2))
        self.keep = 1 - self._column("dropout")
        self.order, self.at = torch.randperm(len(self.data.x), generator=self.generator), 0

    def _column(self, name: str) -> Tensor:
        return torch.from_numpy(self.config[name].astype(np.float64)).float()[:, None, None]

    def logits(self, x: Tensor, training: bool = False) -> Tensor:
        """Logits, ``[N_CONFIGS, len(x), classes]``."""
        h = x.expand(N_CONFIGS, *x.shape)
        for weight, bias in (self.weights[:2], self.weights[2:4]):
            h = torch.relu(h @ weight + bias) * self.used
            if training:
                h = h * (torch.rand(h.shape, generator=self.generator) < self.keep) / self.keep
        return h @ self.weights[4] + self.weights[5]

    def step(self) -> None:
        """Do one optimizer step of every network."""
        if self.at + BATCH > len(self.order):
            self.order, self.at = torch.randperm(len(self.order), generator=self.generator), 0
        rows = self.order[self.at : self.at + BATCH]
        self.at += BATCH
        log_p = torch.log_softmax(self.logits(self.data.x[rows], training=True), -1)
        target = log_p.gather(2, self.data.y[rows][None, :, None].expand(N_CONFIGS, -1, 1))
        smoothing = self._column("label_smoothing")
        loss = -((1 - smoothing) * target + smoothing * log_p.mean(-1, keepdim=True)).mean((1, 2)).sum()
        gradients = torch.autograd.grad(loss, self.weights)
        rates = factor(self.config, self.done / self.total, 1 / self.total)
        rate = self._column("lr") * torch.from_numpy(rates).float()[:, None, None]
        self.done += 1
        beta, decay = 1 - self._column("one_minus_momentum"), self._column("weight_decay")
        sgd = torch.from_numpy(self.config["optimizer"] == "sgd")[:, None, None]
        with torch.no_grad():
            for i, (weight, gradient) in enumerate(zip(self.weights, gradients, strict=True)):
                self.first[i] = beta * self.first[i] + gradient * torch.where(sgd, 1.0, 1 - beta)
                self.second[i] = 0.99 * self.second[i] + 0.01 * gradient.square()
                root = (self.second[i] / (1 - 0.99**self.done)).sqrt() + 1e-8
                adam = self.first[i] / (1 - beta**self.done) / root
                update = torch.where(sgd, self.first[i] * (1 - beta) * 3, adam)
                weight -= rate * (update + (decay * weight if i % 2 == 0 else 0))

    @torch.no_grad()
    def score(self, metric: str) -> Tensor:
        """The metric, ``[N_CONFIGS]``; NaN for networks that have diverged."""
        logits, y = self.logits(self.data.x_valid), self.data.y_valid
        if metric == "acc":
            value = (logits.argmax(-1) == y).float().mean(1)
        else:
            log_p = torch.log_softmax(logits, -1)
            value = -log_p.gather(2, y[None, :, None].expand(N_CONFIGS, -1, 1)).mean((1, 2))
        alive = torch.isfinite(logits).all(2).all(1) & torch.isfinite(value)
        return torch.where(alive, value, torch.nan)


def record(recipe: Recipe, path: Path) -> None:
    """Train all configurations of a search and write their curves to ``path``."""
    config = configurations(recipe)
    networks = Networks(recipe, config)
    values = np.full((N_CONFIGS, recipe.epochs), np.nan, np.float32)
    for epoch in range(recipe.epochs):
        for _ in range(recipe.steps):
            networks.step()
        values[:, epoch] = networks.score(recipe.metric).numpy()
    values[np.maximum.accumulate(np.isnan(values), 1)] = np.nan
    unused = {"constant": {"peak", "power"}, "poly": {"peak"}}.get(recipe.schedule, {"power"})
    named = {name: column.tolist() for name, column in config.items() if name not in unused}
    named = {name: column for name, column in named.items() if len(set(column)) > 1}
    rows = [{name: column[i] for name, column in named.items()} for i in range(N_CONFIGS)]
    meta = {
        "metric": recipe.metric,
        "direction": "max" if recipe.metric == "acc" else "min",
        "family": "own",
        "task": recipe.name,
        "step_unit": "epoch",
    }
    steps = np.arange(1.0, recipe.epochs + 1, dtype=np.float32)
    np.savez(path, curves=values, steps=steps, meta=json.dumps(meta), configs=json.dumps(rows))


def recipes() -> list[Recipe]:
    """The ten searches."""
    return [
        Recipe("digits_small_cosine_acc", digits(1, 400, 0.0), 50, 10, "cosine", "sgd", "acc", 1),
        Recipe("digits_noisy_linear_loss", digits(2, 600, 0.3), 60, 10, "linear", "both", "loss", 2),
        Recipe("teacher_cosine_acc", teacher(3, 2000, 0.1), 100, 12, "cosine", "sgd", "acc", 3),
        Recipe("teacher_step_acc", teacher(4, 3000, 0.0, depth=3), 80, 12, "step", "sgd", "acc", 4),
        Recipe("teacher_poly_loss", teacher(5, 1500, 0.2, 16, 5), 40, 15, "poly", "adam", "loss", 5),
        Recipe("teacher_own_acc", teacher(6, 2500, 0.1, 32, 10), 60, 15, "own", "both", "acc", 6),
        Recipe("digits_constant_acc", digits(7, 500, 0.1), 30, 12, "constant", "adam", "acc", 7),
        Recipe("teacher_constant_loss", teacher(8, 4000, 0.0, 20, 6), 100, 8, "constant", "both", "loss", 8),
        Recipe("teacher_linear_noisy_acc", teacher(9, 1200, 0.4, 16, 4), 100, 10, "linear", "adam", "acc", 9),
        Recipe("digits_cosine_noisy_acc", digits(10, 800, 0.5), 100, 8, "cosine", "both", "acc", 10),
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for recipe in recipes():
        started = time.perf_counter()
        record(recipe, folder / f"{recipe.name}.npz")
        print(f"{recipe.name}: {time.perf_counter() - started:.0f} s", flush=True)
