"""Options: the pruner's, those of a search file, presets, and YAML files with line numbers."""
