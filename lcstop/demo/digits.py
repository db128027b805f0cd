"""Training of a small network on scikit-learn's handwritten digits: the objective of the demos."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional

_CLASSES = 10
_PIXEL_MAX = 16.0


@dataclass(frozen=True)
class DigitsConfig:
    """Hyperparameters of one training.

    Attributes:
        learning_rate: Constant learning rate of AdamW, above 0.
        width: Units per hidden layer, at least 1.
        depth: Number of hidden layers, at least 1.
        dropout: Probability that a unit of a hidden layer is dropped in a training step, in [0, 1).
        weight_decay: Weight decay of AdamW, 0 or more.
        batch_size: Images per training step, at least 1.

    Raises:
        ValueError: If a value is not allowed.

    Example:
        >>> DigitsConfig(1e-3, width=64, depth=2, dropout=0.1, weight_decay=1e-4, batch_size=32).depth
        2
    """

    learning_rate: float
    width: int
    depth: int
    dropout: float
    weight_decay: float
    batch_size: int

    def __post_init__(self) -> None:
        for name in ("width", "depth", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate must be a finite number above 0, got {self.learning_rate}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise ValueError(f"weight_decay must be a finite number, 0 or more, got {self.weight_decay}")


def train(config: DigitsConfig, n_epochs: int, seed: int = 0) -> Iterator[float]:
    """Train one configuration. Yields the validation accuracy, in [0, 1], after each epoch.

    An epoch is trained when the next value is requested, so a stopped trial trains no further epoch. The same
    configuration and seed give the same curve on one machine. The global random state of torch is not used.

    Args:
        config: Hyperparameters.
        n_epochs: Number of epochs.
        seed: Seed of the weights, the batches and the dropout.

    Example:
        >>> config = DigitsConfig(3e-3, width=32, depth=1, dropout=0.0, weight_decay=0.0, batch_size=64)
        >>> curve = list(train(config, n_epochs=5))
        >>> len(curve), curve[-1] > curve[0]
        (5, True)
    """
    data = load_data()
    random = torch.Generator(device="cpu").manual_seed(seed)
    network = _Network.draw(config, data.train_x.shape[1], random)
    optimizer = torch.optim.AdamW(
        network.parameters, lr=config.learning_rate, weight_decay=config.weight_decay
    )
    for _ in range(n_epochs):
        order = torch.randperm(len(data.train_x), generator=random, device="cpu")
        for batch in torch.split(order, config.batch_size):
            logits = network(data.train_x[batch], lambda hidden: _drop(hidden, config.dropout, random))
            loss = functional.cross_entropy(logits, data.train_y[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        yield network.accuracy(data.valid_x, data.valid_y)


def objective(seed: int = 0, **hyperparameters: Any) -> Iterator[float]:
    """:func:`train` as an objective of ``lcstop run``. It trains until its iteration ends.

    Args:
        seed: Seed of the training.
        hyperparameters: Fields of :class:`DigitsConfig`.

    Example:
        >>> curve = objective(
        ...     learning_rate=3e-3, width=32, depth=1, dropout=0.0, weight_decay=0.0, batch_size=64
        ... )
        >>> 0 <= next(curve) <= 1
        True
    """
    return train(DigitsConfig(**hyperparameters), n_epochs=sys.maxsize, seed=seed)


@dataclass(frozen=True)
class Digits:
    """The 1,797 images in two halves: pixels ``[n, 64]`` in [0, 1] and classes ``[n]``."""

    train_x: Tensor
    train_y: Tensor
    valid_x: Tensor
    valid_y: Tensor


@cache
def load_data() -> Digits:
    """The data: the first half for training and the second for validation, as in scikit-learn's example.

    The images are not shuffled. This makes the task harder, so that good configurations differ by more than a
    few images.
    """
    pixels, classes = load_digits(return_X_y=True)
    x = torch.tensor(pixels / _PIXEL_MAX, dtype=torch.float32, device="cpu")
    y = torch.tensor(classes, dtype=torch.int64, device="cpu")
    half = len(x) // 2
    return Digits(x[:half], y[:half], x[half:], y[half:])


@dataclass(frozen=True)
class _Network:
    """A multilayer perceptron with ReLU: ``weights[i]`` is ``[n_in, n_out]``, ``biases[i]`` ``[n_out]``."""

    weights: list[Tensor]
    biases: list[Tensor] = field(default_factory=list)

    @classmethod
    def draw(cls, config: DigitsConfig, n_inputs: int, random: torch.Generator) -> _Network:
        """A network with initial weights of variance 2 / n_in (He et al. 2015), drawn from ``random``.

        The layers of torch.nn would use the global random state.
        """
        sizes = [n_inputs, *[config.width] * config.depth, _CLASSES]
        network = cls([], [])
        for n_in, n_out in pairwise(sizes):
            weight = torch.randn(n_in, n_out, generator=random, device="cpu", dtype=torch.float32)
            network.weights.append((weight * math.sqrt(2 / n_in)).requires_grad_())
            network.biases.append(torch.zeros(n_out, device="cpu", dtype=torch.float32, requires_grad=True))
        return network

    @property
    def parameters(self) -> list[Tensor]:
        return [*self.weights, *self.biases]

    def __call__(self, x: Tensor, drop: Callable[[Tensor], Tensor] = lambda hidden: hidden) -> Tensor:
        """Logits ``[n, n_classes]`` of pixels ``[n, n_inputs]``; ``drop`` is applied to hidden layers."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = drop(torch.addmm(bias, x, weight).relu())
        return torch.addmm(self.biases[-1], x, self.weights[-1])

    @torch.no_grad()
    def accuracy(self, x: Tensor, y: Tensor) -> float:
        return (self(x).argmax(-1) == y).double().mean().item()


def _drop(hidden: Tensor, share: float, random: torch.Generator) -> Tensor:
    if share == 0:
        return hidden
    kept = torch.empty_like(hidden).bernoulli_(1 - share, generator=random)
    return hidden * kept / (1 - share)
