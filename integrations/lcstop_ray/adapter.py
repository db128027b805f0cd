"""The entry point of this adapter in the group ``lcstop.adapters``; see :mod:`lcstop.commands.adapters`.

Each function imports what it returns, so that a command loads only what it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lcstop.benchmark.settings import RuleSource
    from lcstop.config.search_config import SearchResult
    from lcstop.demo.result import DemoResult
    from lcstop.review import RecordedStudy


def study_reader() -> Callable[..., RecordedStudy]:
    """The function that reads a study from a results folder."""
    from lcstop_ray.folder import read_folder

    return read_folder


def search_runner() -> Callable[..., SearchResult]:
    """The function that runs a search file with Ray Tune."""
    from lcstop_ray.run_search import run_search

    return run_search


def demo_runner() -> Callable[..., DemoResult]:
    """The function that runs the demo with Ray Tune. It needs torch and scikit-learn."""
    from lcstop_ray.demo import run_demo

    return run_demo


def rule_source() -> RuleSource:
    """Ray Tune's own schedulers, for the benchmark."""
    from lcstop_ray.replay import RULES

    return RULES


def executor() -> Callable[..., Iterator[tuple[Any, Any]]]:
    """The function that spreads work over a Ray cluster."""
    from lcstop_ray.cluster import run_all

    return run_all
