"""What the commands of ``lcstop`` need of this adapter; each function imports what it returns.

This module is the entry point in the group ``lcstop.adapters``; see :mod:`lcstop.commands.adapters`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lcstop.benchmark.settings import RuleSource
    from lcstop.config.search_config import SearchResult
    from lcstop.demo.result import DemoResult
    from lcstop.review import RecordedStudy


def study_reader() -> Callable[..., RecordedStudy]:
    """Reads a study from a storage."""
    from lcstop_optuna.records import read_storage

    return read_storage


def search_runner() -> Callable[..., SearchResult]:
    """Runs a search file with Optuna."""
    from lcstop_optuna.run_search import run_search

    return run_search


def demo_runner() -> Callable[..., DemoResult]:
    """Runs the demo with Optuna; needs torch and scikit-learn."""
    from lcstop_optuna.demo import run_demo

    return run_demo


def rule_source() -> RuleSource:
    """Optuna's own rules, for the benchmark."""
    from lcstop_optuna.replay import RULES

    return RULES
