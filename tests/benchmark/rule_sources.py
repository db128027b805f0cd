"""All rule sources, as in the command line."""

from lcstop.benchmark import settings
from lcstop.benchmark.run_benchmark import OWN_SOURCES
from lcstop_optuna.replay import RULES as OPTUNA_RULES
from lcstop_ray.replay import RULES as RAY_RULES

ADAPTERS = {"optuna": lambda: OPTUNA_RULES, "ray": lambda: RAY_RULES}
SOURCES = {**OWN_SOURCES, **ADAPTERS}


def parse(words, grid):
    return settings.parse(words, grid, SOURCES)


def build(setting, study):
    return SOURCES[setting.source]().build(setting, study)
