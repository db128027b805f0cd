"""Fixtures of several test modules."""

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lcstop import BarDistribution, Curve, Forecast, MetricScale, PrunerCore

with contextlib.suppress(ModuleNotFoundError):  # the environment of the examples has no hypothesis
    import hypothesis

    # The time of a case depends on the load of the machine.
    hypothesis.settings.register_profile("lcstop", deadline=None)
    hypothesis.settings.load_profile("lcstop")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without torch, do not import modules in which all tests need it."""
    if "not torch" in config.option.markexpr and collection_path.suffix == ".py":
        return "\npytestmark = pytest.mark.torch" in collection_path.read_text(encoding="utf-8") or None
    return None


class NormalSurrogate:
    """Forecasts each curve's last value with little normal noise, so that decisions are certain."""

    BORDERS = np.array([-1.0, *np.linspace(0, 1, 2001), 2.0])

    def __init__(self, sigma: float = 0.01) -> None:
        self.sigma = sigma
        self.calls: list[tuple[list[Curve], list[float]]] = []

    def forecast(
        self,
        curves: Sequence[Curve],
        at: Sequence[float],
        scale: MetricScale,
        study: Sequence[Curve] = (),
    ) -> Forecast:
        self.calls.append((list(curves), list(at)))
        last = scale.to_unit([curve.values[-1] for curve in curves])
        centre = (self.BORDERS[:-1] + self.BORDERS[1:]) / 2
        logits = -0.5 * ((centre - last[:, None, None]) / self.sigma) ** 2 + np.log(np.diff(self.BORDERS))
        logits = np.broadcast_to(logits, (len(curves), len(at), len(centre)))
        return Forecast(BarDistribution(self.BORDERS, logits).restrict(0, 1), scale)


@pytest.fixture
def surrogate() -> NormalSurrogate:
    return NormalSurrogate()


@pytest.fixture
def make(surrogate):
    """Makes schedulers that forecast the last value with near certainty."""

    from lcstop_ray import LCPFNScheduler  # only these tests need Ray

    def make(**options) -> LCPFNScheduler:
        given = {"metric": "accuracy", "mode": "max", "horizon": 12, "lower": 0, "upper": 1}
        scheduler = LCPFNScheduler(**{**given, "policy": "published", **options})
        scheduler._core = scheduler._given_core = PrunerCore(scheduler.config, surrogate)
        return scheduler

    return make


@pytest.fixture
def storage(tmp_path, monkeypatch):
    """Ray's storage of a search, in a temporary folder."""
    from ray.train._internal.storage import StorageContext

    monkeypatch.setattr(
        "ray.train._internal.storage._get_ray_train_session_dir", lambda: str(tmp_path / "ray")
    )
    return StorageContext(storage_path=str(tmp_path), experiment_dir_name="search")


@pytest.fixture
def warnings(caplog):
    """A function that returns the package's log messages of level warning or above."""
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records if record.name.startswith("lcstop")]
