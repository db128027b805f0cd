"""Options: the pruner's, those of a search file, presets, and YAML files with line numbers."""

from lcstop.config.pruner import PrunerConfig, load_config

__all__ = ["PrunerConfig", "load_config"]
