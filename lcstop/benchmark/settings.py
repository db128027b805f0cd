"""Settings: a rule and its options, by name, and the sources that settings come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lcstop.simulation.loop import Policy
from lcstop.simulation.task import ReplayStudy

OURS, LIMITS = "lcstop", "limits"
"""Names of the sources that come with the benchmark; all other sources are adapters of frameworks."""


@dataclass(frozen=True)
class Setting:
    """A rule with its options, as it is named on the command line.

    Attributes:
        source: Name of a :class:`RuleSource`.
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


@dataclass(frozen=True)
class RuleSource:
    """Rules of one origin.

    Attributes:
        name: What their settings begin with.
        settings: The settings that a benchmark runs if only the source or a rule is named.
        build: Makes the policy of a setting for one replay. It raises ValueError if an option is not allowed.
            It is a function of a module, so that other processes find it.
        fingerprint: All that the decisions of a setting depend on beside the study.
    """

    name: str
    settings: tuple[Setting, ...]
    build: Callable[[Setting, ReplayStudy], Policy]
    fingerprint: Callable[[Setting], str]


RuleSources = Mapping[str, Callable[[], RuleSource]]
"""Rule sources by name. Each is loaded when it is needed: one may need a framework."""


def is_stock(source: str) -> bool:
    """Whether rules of a source are what people use now: those of a framework."""
    return source not in (OURS, LIMITS)


def parse(words: Sequence[str], grid: bool, sources: RuleSources) -> list[Setting]:
    """The settings that words on the command line stand for.

    A source (``optuna``) or a rule (``optuna.sha``) stands for its defaults and, with ``grid``, for its grid;
    with options (``optuna.sha:min_resource=8%``) for that one setting.

    Args:
        words: As on the command line.
        grid: Whether a rule without options stands for its grid, too.
        sources: Where rules come from.

    Raises:
        ValueError: If a word names no rule, or its source is not installed.

    Example:
        >>> from lcstop.benchmark.reference_rules import RULES
        >>> words = ["limits.none", "limits.patience:epochs=7"]
        >>> [setting.name for setting in parse(words, grid=False, sources={"limits": lambda: RULES})]
        ['limits.none', 'limits.patience:epochs=7']
    """
    found: dict[str, Setting] = {}
    for word in words:
        name, *options = word.split(":")
        source, _, rule = name.partition(".")
        if source not in sources:
            raise ValueError(f"a policy begins with {', '.join(sources)}, got {word!r}")
        settings = sources[source]().settings
        known = [s for s in settings if not rule or s.rule == rule]
        if not known:
            raise ValueError(f"{source} has {', '.join(sorted({s.rule for s in settings}))}, got {word!r}")
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
