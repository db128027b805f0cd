"""lcstop as an Optuna pruner."""

from lcstop_optuna.pruner import REASON_ATTR, LCPFNPruner

__all__ = ["REASON_ATTR", "LCPFNPruner"]
