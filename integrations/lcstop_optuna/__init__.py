"""lcstop as an Optuna pruner."""

from typing import TYPE_CHECKING

from lcstop._utils.lazy_names import lazy_names
from lcstop._utils.log_handler import show_warnings_of
from lcstop_optuna.records import read_storage, read_study
from lcstop_optuna.resuming import ResumedFrom, resume_from
from lcstop_optuna.stop_metrics import stop_metrics
from lcstop_optuna.summary import Summary, summary
from lcstop_optuna.trials import (
    AUDIT_ATTR,
    CERTIFICATE_ATTR,
    CONFIG_ATTR,
    CONVERGED_ATTR,
    REASON_ATTR,
    RESUMES_ATTR,
    STOP_ATTR,
)

if TYPE_CHECKING:
    from lcstop_optuna.convergence import converged
    from lcstop_optuna.pause_resume import PauseResume
    from lcstop_optuna.pruner import LCPFNPruner

show_warnings_of("lcstop_optuna")

# Imported when they are used: what reads a study does without the modules that decide.
_MODULES = {
    "LCPFNPruner": "lcstop_optuna.pruner",
    "PauseResume": "lcstop_optuna.pause_resume",
    "converged": "lcstop_optuna.convergence",
}

__all__ = [
    "AUDIT_ATTR",
    "CERTIFICATE_ATTR",
    "CONFIG_ATTR",
    "CONVERGED_ATTR",
    "REASON_ATTR",
    "RESUMES_ATTR",
    "STOP_ATTR",
    "LCPFNPruner",
    "PauseResume",
    "ResumedFrom",
    "Summary",
    "converged",
    "read_storage",
    "read_study",
    "resume_from",
    "stop_metrics",
    "summary",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
