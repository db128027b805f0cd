"""The rule ``lcstop`` of a benchmark: options on the command line to a policy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from lcstop.benchmark.settings import OURS, RuleSource, Setting, interval
from lcstop.config.pruner import PrunerConfig, load_config
from lcstop.evaluation.forecast_work import loaded
from lcstop.evaluation.specs import fingerprint as surrogate_print
from lcstop.pruning.core import PrunerCore
from lcstop.ranking.numpy_network import WEIGHTS
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import Policy
from lcstop.simulation.task import ReplayStudy

SETTINGS = (Setting(OURS, default=True, by_target=True),)

_LONGEST = "longest"


def build(setting: Setting, study: ReplayStudy) -> Policy:
    """A policy for one replay.

    Beside the options of :class:`lcstop.PrunerConfig` there are ``config``, a YAML file with some of them,
    and ``weights``, a file to use instead of the shipped one. The target is the study's, and so is the
    horizon: of each trial, where trials had planned lengths of their own, as in a live study whose
    ``horizon`` is the name of a hyperparameter; with ``horizon=longest`` that of the longest for all.

    Raises:
        ValueError: If an option is not allowed, or a file is not what it should be.
    """
    horizon = setting.options.get("horizon")
    if horizon not in (None, _LONGEST):
        raise ValueError(f"horizon is that of the study, or {_LONGEST!r}, got {horizon!r}")
    options, surrogate = _options(setting.options)
    options.setdefault("interval_steps", interval(study.task.horizon))
    config = PrunerConfig(**{**options, "horizon": study.task.horizon, "target": study.target})
    longest = horizon == _LONGEST
    return CorePolicy(PrunerCore(config, loaded(surrogate)), study, longest=longest)


def fingerprint(setting: Setting) -> str:
    """What decisions depend on: the contents of files, and our version.

    Raises:
        ValueError: If an option is not allowed, or a file is not what it should be.
    """
    options, surrogate = _options(setting.options)
    study = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    horizon = setting.options.get("horizon")
    return json.dumps([options, horizon, surrogate_print(surrogate), study], sort_keys=True)


RULES = RuleSource(OURS, SETTINGS, build, fingerprint)


def _options(given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The core's options, and its surrogate as :func:`lcstop.evaluation.specs.load` reads it."""
    options = dict(given)
    path, weights = options.pop("config", None), options.pop("weights", None)
    if path is not None:
        # A file for live use names a horizon, and may leave everything else at its default.
        options = {**load_config(path).model_dump(exclude_unset=True), **options}
    surrogate = options.setdefault("surrogate", PrunerConfig.model_fields["surrogate"].default)
    for fixed in ("horizon", "target"):
        options.pop(fixed, None)
    return options, surrogate if weights is None else f"{surrogate}:{weights}"
