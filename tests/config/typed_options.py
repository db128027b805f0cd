"""Calls that mypy must accept or refuse. It is checked with the package and never run.

Each ``type: ignore`` is an error that mypy finds. mypy complains about one that is not needed.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lcstop import PrunerConfig
    from lcstop_optuna import LCPFNPruner
    from lcstop_ray import LCPFNScheduler

    LCPFNPruner(50, confidence=0.99, preset="safe", lower=None)
    LCPFNPruner(50, keep="bold")
    LCPFNPruner(50, keep=0.9, n_trials=100)
    LCPFNPruner(50, keep="brave")  # type: ignore[arg-type]
    LCPFNPruner(50, confidance=0.99)  # type: ignore[call-arg]
    LCPFNPruner(50, confidence="high")  # type: ignore[arg-type]
    LCPFNPruner(50, preset="brave")  # type: ignore[arg-type]
    LCPFNPruner()  # type: ignore[call-arg]

    LCPFNScheduler("epoch", "loss", "min", 50, surrogate="powerlaw")
    LCPFNScheduler(metrik="loss")  # type: ignore[call-arg]
    LCPFNScheduler(horizon=50, patience=None)  # type: ignore[arg-type]

    PrunerConfig(horizon="n_epochs", audit=0.1)
    PrunerConfig(audit=0.1)  # type: ignore[call-arg]
    PrunerConfig(horizon=50, target="last")  # type: ignore[arg-type]
