"""lcstop as a Ray Tune scheduler."""

from lcstop_ray.folder import read_folder
from lcstop_ray.records import AUDIT_FILE, CONVERGED_FILE, STOPPED_FILE
from lcstop_ray.scheduler import LCPFNScheduler

__all__ = ["AUDIT_FILE", "CONVERGED_FILE", "STOPPED_FILE", "LCPFNScheduler", "read_folder"]
