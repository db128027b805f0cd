"""Options of the pruner and of search files, and the reading of YAML files."""

from lcstop.config.pruner import PrunerConfig, load_config

__all__ = ["PrunerConfig", "load_config"]
