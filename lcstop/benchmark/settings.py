"""Settings (a rule with its options) and rule sources."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lcstop.simulation.loop import Policy
from lcstop.simulation.task import ReplayStudy

OURS, LIMITS = "lcstop", "limits"
"""Names of the sources that belong to the benchmark. All other sources are adapters of frameworks."""


@dataclass(frozen=True)
class Setting:
    """A rule with its options.

    Attributes:
        source: Name of a :class:`RuleSource`.
        rule: Name of a rule of the source; empty if the source has only one.
        options: Options by the rule's own names. A number of steps may be a share of the horizon such as
            ``"8%"``.
        default: Whether these are the default options of the rule.
        by_target: Whether the policy depends on the target (``best`` or ``final``).

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
        """Name on the command line, unique in a benchmark."""
        return ":".join([self.rule_name, *(f"{name}={value}" for name, value in self.options.items())])


@dataclass(frozen=True)
class RuleSource:
    """Rules of one origin.

    Attributes:
        name: Name, the first part of the names of its settings.
        settings: The settings that a benchmark runs if only the source or a rule is named.
        build: Builds the policy of a setting for one replay; raises ValueError if an option is not allowed.
            A function at module level, so that it can be pickled.
        fingerprint: Everything that the decisions of a setting depend on beside the study, as text.
    """

    name: str
    settings: tuple[Setting, ...]
    build: Callable[[Setting, ReplayStudy], Policy]
    fingerprint: Callable[[Setting], str]


RuleSources = Mapping[str, Callable[[], RuleSource]]
"""Functions that load rule sources, by name. A source may import a framework, so it is loaded on demand."""


def is_stock(source: str) -> bool:
    """Whether the rules of a source are those of a framework."""
    return source not in (OURS, LIMITS)


def parse(words: Sequence[str], grid: bool, sources: RuleSources) -> list[Setting]:
    """The settings named on the command line.

    A source (``optuna``) or a rule (``optuna.sha``) means its default settings and, with ``grid``, all
    settings of its grid. A rule with options (``optuna.sha:min_resource=8%``) means that setting.

    Args:
        words: Names from the command line.
        grid: Whether a rule without options stands for all settings of its grid.
        sources: Sources of the rules.

    Raises:
        ValueError: If a word names no rule, or a rule without a default setting and without its options
            while ``grid`` is false, or its source is not installed.

    Example:
        >>> from lcstop.benchmark.reference_rules import RULES
        >>> words = ["limits.none", "limits.patience:epochs=7"]
        >>> [setting.name for setting in parse(words, grid=False, sources={"limits": lambda: RULES})]
        ['limits.none', 'limits.patience:epochs=7']
    """
    parsed: dict[str, Setting] = {}
    for word in words:
        name, *options = word.split(":")
        source, _, rule = name.partition(".")
        if source not in sources:
            raise ValueError(f"a policy must begin with {', '.join(sources)}, got {word!r}")
        settings = sources[source]().settings
        matching = [s for s in settings if not rule or s.rule == rule]
        if not matching:
            rules = ", ".join(sorted({s.rule for s in settings}))
            raise ValueError(f"{source} has the rules {rules}, got {word!r}")
        if options:
            chosen = [Setting(source, rule, _options(options, word), by_target=matching[0].by_target)]
        else:
            chosen = [s for s in matching if grid or s.default]
            if not chosen:
                known = ", ".join(s.name for s in matching)
                raise ValueError(f"{name} has no default setting: name one of {known}")
        parsed.update((setting.name, setting) for setting in chosen)
    return list(parsed.values())


def to_steps(value: Any, horizon: int) -> int:
    """A number of steps, at least 1, from a whole number or a share of the horizon.

    Args:
        value: A whole number, or a share such as ``"8%"``.
        horizon: Horizon in steps.

    Raises:
        ValueError: If ``value`` is neither.

    Example:
        >>> to_steps("8%", 50), to_steps("1%", 50), to_steps(7, 50)
        (4, 1, 7)
    """
    if isinstance(value, str) and value.endswith("%"):
        return max(1, round(float(value[:-1]) / 100 * horizon))
    if isinstance(value, int) and value >= 1:
        return value
    raise ValueError(f"a number of steps must be a whole number or a share such as 8%, got {value!r}")


def interval(horizon: int) -> int:
    """Steps between judgements of all rules with such an option: about 40 judgements in a full trial."""
    return math.ceil(horizon / 40)


def _options(words: Sequence[str], whole: str) -> dict[str, Any]:
    options = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (name and equals):
            raise ValueError(f"an option must be name=value, got {word!r} in {whole!r}")
        options[name] = _value(text)
    return options


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
