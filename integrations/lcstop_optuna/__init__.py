"""lcstop as an Optuna pruner."""

from lcstop_optuna.pruner import AUDIT_ATTR, CONFIG_ATTR, REASON_ATTR, LCPFNPruner
from lcstop_optuna.records import read_storage, read_study

__all__ = ["AUDIT_ATTR", "CONFIG_ATTR", "REASON_ATTR", "LCPFNPruner", "read_storage", "read_study"]
