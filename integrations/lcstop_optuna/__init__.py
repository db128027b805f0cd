"""lcstop as an Optuna pruner."""

from lcstop_optuna.convergence import converged
from lcstop_optuna.pruner import LCPFNPruner
from lcstop_optuna.records import read_storage, read_study
from lcstop_optuna.trials import AUDIT_ATTR, CONFIG_ATTR, CONVERGED_ATTR, REASON_ATTR, STOP_ATTR

__all__ = [
    "AUDIT_ATTR",
    "CONFIG_ATTR",
    "CONVERGED_ATTR",
    "REASON_ATTR",
    "STOP_ATTR",
    "LCPFNPruner",
    "converged",
    "read_storage",
    "read_study",
]
