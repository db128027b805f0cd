"""The entry point of this adapter in the group ``lcstop.adapters``; see :mod:`lcstop.commands.adapters`.

Each function imports what it returns, so that a command loads only what it uses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lcstop.benchmark.search_work import Searcher
    from lcstop.benchmark.settings import RuleSource
    from lcstop.config.search_config import SearchResult
    from lcstop.demo.result import DemoResult
    from lcstop.review import RecordedStudy


def study_reader() -> Callable[..., RecordedStudy]:
    """The function that reads a study from a storage."""
    from lcstop_optuna.records import read_storage

    return read_storage


def search_runner() -> Callable[..., SearchResult]:
    """The function that runs a search file with Optuna."""
    from lcstop_optuna.run_search import run_search

    return run_search


def demo_runner() -> Callable[..., DemoResult]:
    """The function that runs the demo with Optuna. It needs torch and scikit-learn."""
    from lcstop_optuna.demo import run_demo

    return run_demo


def rule_source() -> RuleSource:
    """Optuna's own pruners, for the benchmark."""
    from lcstop_optuna.replay import RULES

    return RULES


def searcher() -> Searcher:
    """Searches of recorded studies with Optuna's samplers and pruners, for the benchmark."""
    from lcstop_optuna.recorded_search import SEARCHER

    return SEARCHER
