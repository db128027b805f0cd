"""The rule ``lcstop`` of a benchmark: builds the policy from options of the command line."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lcstop.benchmark.settings import OURS, RuleSource, Setting, interval
from lcstop.config.pruner import PrunerConfig, load_config
from lcstop.curves.curve import Target
from lcstop.evaluation.forecast_work import loaded
from lcstop.evaluation.specs import fingerprint as surrogate_print
from lcstop.pruning.core import PrunerCore
from lcstop.ranking.numpy_network import WEIGHTS
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import Policy
from lcstop.simulation.pausing_policy import PausingPolicy
from lcstop.simulation.task import ReplayStudy, Task

SETTINGS = (
    Setting(OURS, default=True, by_target=True),
    *(Setting(OURS, options={"keep": keep}, by_target=True) for keep in ("safe", 0.9, 0.8, 0.7, "bold", 0.4)),
)

_LONGEST = "longest"


def build(setting: Setting, study: ReplayStudy) -> Policy:
    """A policy for one replay.

    The options are those of :class:`lcstop.PrunerConfig`, and ``config`` (a YAML file with such options),
    ``weights`` (a weights file in place of the shipped one) and ``horizon``. The target is that of the
    study. If trials have planned lengths, each length is the horizon of its trial, as in a live study whose
    ``horizon`` names a hyperparameter. With ``horizon=longest`` the longest one is the horizon of all trials.

    Raises:
        ValueError: If an option is not allowed, or a file cannot be used.
    """
    options, surrogate = _options(setting.options)
    config = PrunerConfig(
        **{
            "interval_steps": interval(study.task.horizon),
            **options,
            "horizon": study.task.horizon,
            "target": study.target,
        }
    )
    kind = PausingPolicy if config.pause else CorePolicy
    return kind(PrunerCore(config, loaded(surrogate)), study, longest=_is_longest(setting))


def pruner_options(
    setting: Setting, task: Task, target: Target, planned: str, n_trials: int
) -> dict[str, Any]:
    """The options of a pruner of a framework, for searches. ``keep`` is told the number of trials.

    Args:
        setting: The setting, with options as in :func:`build`, except ``weights``.
        task: The recorded study.
        target: ``best`` or ``final``.
        planned: Name under which the pruner finds the planned length of a trial, if trials have one.
        n_trials: Trials of the search.

    Raises:
        ValueError: If an option is not allowed, or a file cannot be used.
    """
    longest = _is_longest(setting)
    options, surrogate = _options(setting.options)
    if surrogate != options["surrogate"]:
        raise ValueError(f"searches take no other weights, got {setting.name!r}")
    horizon = planned if task.planned is not None and not longest else task.horizon
    options = {"interval_steps": interval(task.horizon), **options, "horizon": horizon, "target": target}
    config = PrunerConfig(**options)
    if config.keep is not None:
        options.setdefault("n_trials", n_trials)
    return options


def fingerprint(setting: Setting) -> str:
    """Everything that decisions depend on, as JSON: options, contents of files, code that decides.

    Raises:
        ValueError: If an option is not allowed, or a file cannot be used.
    """
    given, surrogate = _options(setting.options)
    config = PrunerConfig(**{**given, "horizon": sys.float_info.max})
    options = {**config.model_dump(exclude={"horizon", "target"}), "keep": config.keep_probability}
    horizon = setting.options.get("horizon")
    decides = surrogate_print(surrogate), surrogate_print("lcpfn"), _decider_print()
    return json.dumps([options, horizon, *decides], sort_keys=True)


@cache
def _decider_print() -> str:
    """Hash of the study network and of the modules that decide: results of other code are not reused."""
    found, package = hashlib.sha256(WEIGHTS.read_bytes()), Path(__file__).parents[1]
    for name in ("curves", "pausing", "pruning", "ranking", "surrogates"):
        for module in sorted((package / name).glob("*.py")):
            found.update(module.read_bytes())
    return found.hexdigest()


RULES = RuleSource(OURS, SETTINGS, build, fingerprint)


def _is_longest(setting: Setting) -> bool:
    horizon = setting.options.get("horizon")
    if horizon not in (None, _LONGEST):
        raise ValueError(f"horizon must be {_LONGEST!r} or left out, got {horizon!r}")
    return horizon == _LONGEST


def _options(given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Options of the core, and its surrogate in the format of :func:`lcstop.evaluation.specs.load`."""
    options = dict(given)
    path, weights = options.pop("config", None), options.pop("weights", None)
    if path is not None:
        # Options that the file does not set must not override those of the benchmark.
        options = {**load_config(path).model_dump(exclude_unset=True), **options}
    surrogate = options.setdefault("surrogate", PrunerConfig.model_fields["surrogate"].default)
    for fixed in ("horizon", "target"):
        options.pop(fixed, None)
    return options, surrogate if weights is None else f"{surrogate}:{weights}"
