"""lcstop as a Ray Tune scheduler."""

from lcstop._utils.log_handler import show_warnings_of
from lcstop_ray.folder import read_folder
from lcstop_ray.records import AUDIT_FILE, CONVERGED_FILE, STOPPED_FILE
from lcstop_ray.scheduler import LCPFNScheduler
from lcstop_ray.summary import Summary, summary
from lcstop_ray.trial_record import TRIAL_FILE

show_warnings_of("lcstop_ray")

__all__ = [
    "AUDIT_FILE",
    "CONVERGED_FILE",
    "STOPPED_FILE",
    "TRIAL_FILE",
    "LCPFNScheduler",
    "Summary",
    "read_folder",
    "summary",
]
