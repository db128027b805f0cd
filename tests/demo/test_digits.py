"""The digits network: curves are reproducible, and no global state changes."""

import itertools
from collections.abc import Iterator

import pytest
import torch

from lcstop.demo.digits import DigitsConfig, load_data, train

pytestmark = pytest.mark.torch

CONFIG = DigitsConfig(3e-3, width=24, depth=2, dropout=0.3, weight_decay=1e-3, batch_size=64)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One thread. On busy cores several threads are many times slower for matrices this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_learns() -> None:
    curve = list(train(CONFIG, n_epochs=12))
    assert len(curve) == 12
    assert all(0 <= value <= 1 for value in curve)
    assert curve[-1] > 0.8


def test_same_configuration_gives_same_curve() -> None:
    assert list(train(CONFIG, 4)) == list(train(CONFIG, 4))
    assert list(train(CONFIG, 4)) != list(train(CONFIG, 4, seed=1))


def test_curve_does_not_depend_on_what_else_is_trained() -> None:
    alone = list(train(CONFIG, 4))
    other = DigitsConfig(1e-2, width=16, depth=1, dropout=0.1, weight_decay=0.0, batch_size=128)
    together = list(zip(train(CONFIG, 4), train(other, 4), strict=True))
    assert [value for value, _ in together] == alone


def test_stopped_curve_is_the_start_of_the_whole_one() -> None:
    assert list(itertools.islice(train(CONFIG, 10), 3)) == list(train(CONFIG, 10))[:3]


def test_leaves_global_state_alone() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    curve = train(CONFIG, 2)
    next(curve)
    assert torch.is_grad_enabled()
    list(curve)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_ignores_default_device_and_dtype() -> None:
    expected = list(train(CONFIG, 2))
    load_data.cache_clear()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            assert list(train(CONFIG, 2)) == expected
    finally:
        torch.set_default_dtype(torch.float32)


def test_data_are_whole_and_disjoint() -> None:
    data = load_data()
    assert len(data.train_x) + len(data.valid_x) == 1797
    assert data.train_x.shape[1] == 64
    assert data.train_x.max() == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("width", 0),
        ("depth", 0),
        ("dropout", 1.0),
        ("weight_decay", -1.0),
        ("batch_size", 0),
    ],
)
def test_refuses_values_that_cannot_train(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .* got"):
        DigitsConfig(**{**vars(CONFIG), name: value})
