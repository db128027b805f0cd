"""All rule sources, as in the command line."""

from lcstop.benchmark import settings
from lcstop.benchmark.run_benchmark import OWN_SOURCES
from lcstop_optuna.adapter import rule_source as optuna_rules
from lcstop_ray.adapter import rule_source as ray_rules

ADAPTERS = {"optuna": optuna_rules, "ray": ray_rules}
SOURCES = {**OWN_SOURCES, **ADAPTERS}


def parse(words, grid):
    return settings.parse(words, grid, SOURCES)


def build(setting, study):
    return SOURCES[setting.source]().build(setting, study)
