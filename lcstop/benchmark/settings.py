"""Settings: a rule and its options, by name; the adapters' rules are looked up, never imported."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lcstop.simulation.loop import Policy
    from lcstop.simulation.task import ReplayStudy

SOURCES = {
    "lcstop": "lcstop.benchmark.lcstop_rule",
    "limits": "lcstop.benchmark.reference_rules",
    "optuna": "lcstop_optuna.replay",
    "ray": "lcstop_ray.replay",
}
"""Where rules come from.

Each module has ``SETTINGS``, ``build(setting, study)`` that makes a policy, and ``fingerprint(setting)``, all
that its decisions depend on beside the study.
"""


@dataclass(frozen=True)
class Setting:
    """A rule with its options, as it is named on the command line.

    Attributes:
        source: One of :data:`SOURCES`.
        rule: Which rule of the source; empty where there is only one.
        options: In the rule's own words; a number of steps may be a share of the horizon such as ``"8%"``.
        default: Whether this is what somebody gets who tunes nothing.
        by_target: Whether the policy itself depends on what is asked for, the best value or the final one.

    Example:
        >>> Setting("optuna", "sha", {"min_resource": "8%", "reduction_factor": 2}).name
        'optuna.sha:min_resource=8%:reduction_factor=2'
    """

    source: str
    rule: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    default: bool = False
    by_target: bool = False

    @property
    def rule_name(self) -> str:
        """Source and rule, without options."""
        return f"{self.source}.{self.rule}" if self.rule else self.source

    @property
    def name(self) -> str:
        """All of it, unique in a run."""
        return ":".join([self.rule_name, *(f"{name}={value}" for name, value in self.options.items())])


def build(setting: Setting, study: ReplayStudy) -> Policy:
    """The policy of a setting, for one replay.

    Raises:
        ValueError: If an option is not allowed, or what the source needs is not installed.
    """
    policy: Policy = _module(setting.source).build(setting, study)
    return policy


def fingerprint(setting: Setting) -> str:
    """All that the decisions of a setting depend on beside the study.

    Raises:
        ValueError: If an option is not allowed, or a file is not what it should be.
    """
    text: str = _module(setting.source).fingerprint(setting)
    return text


def parse(words: Sequence[str], grid: bool) -> list[Setting]:
    """The settings that words on the command line stand for.

    A source (``optuna``) or a rule (``optuna.sha``) stands for its defaults and, with ``grid``, for its grid;
    with options (``optuna.sha:min_resource=8%``) for that one setting.

    Raises:
        ValueError: If a word names no rule, or its source is not installed.

    Example:
        >>> [setting.name for setting in parse(["limits.none", "limits.patience:epochs=7"], grid=False)]
        ['limits.none', 'limits.patience:epochs=7']
    """
    found: dict[str, Setting] = {}
    for word in words:
        name, *options = word.split(":")
        source, _, rule = name.partition(".")
        if source not in SOURCES:
            raise ValueError(f"a policy begins with {', '.join(SOURCES)}, got {word!r}")
        known = [s for s in _module(source).SETTINGS if not rule or s.rule == rule]
        if not known:
            raise ValueError(f"{source} has {', '.join(sorted(_rules(source)))}, got {word!r}")
        if options:
            chosen = [Setting(source, rule, _options(options, word), by_target=known[0].by_target)]
        else:
            chosen = [s for s in known if grid or s.default]
        found.update((setting.name, setting) for setting in chosen)
    return list(found.values())


def share(value: Any, horizon: int) -> int:
    """A number of steps, at least 1, from a number or a share of the horizon.

    Raises:
        ValueError: If it is neither.

    Example:
        >>> share("8%", 50), share("1%", 50), share(7, 50)
        (4, 1, 7)
    """
    if isinstance(value, str) and value.endswith("%"):
        return max(1, round(float(value[:-1]) / 100 * horizon))
    if isinstance(value, int) and value >= 1:
        return value
    raise ValueError(f"a number of steps is a whole number or a share such as 8%, got {value!r}")


def interval(horizon: int) -> int:
    """Steps between judgements, for every rule that has such an option: about 40 in a whole trial."""
    return math.ceil(horizon / 40)


def _options(words: Sequence[str], whole: str) -> dict[str, Any]:
    options = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (name and equals):
            raise ValueError(f"an option is name=value, got {word!r} in {whole!r}")
        options[name] = _value(text)
    return options


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _rules(source: str) -> set[str]:
    return {setting.rule for setting in _module(source).SETTINGS}


def _module(source: str) -> Any:
    try:
        return importlib.import_module(SOURCES[source])
    except ModuleNotFoundError as error:
        raise ValueError(f"{source} needs {error.name}: pip install 'lcstop[{source}]'") from error
