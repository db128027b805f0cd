"""What ``lcstop explain`` and ``lcstop report`` do with a study on record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lcstop.config.pruner import PrunerConfig
from lcstop.review.history import at_confidences, history, spared_as_dict
from lcstop.review.record import RecordedStudy
from lcstop.review.review import Review
from lcstop.review.whatif import WhatIf, what_if


def explain_trial(study: RecordedStudy, config: PrunerConfig, number: int) -> dict[str, Any]:
    """The decisions on one trial, and those of other confidences; for JSON and :func:`show_trial`.

    Raises:
        ValueError: If the study has no such trial, or it has reported nothing.
    """
    trial = study.trial(number)
    return {
        "study": study.name,
        "trial": trial.number,
        "name": trial.name,
        "state": trial.state,
        "reason": trial.reason,
        "params": dict(trial.curve.params or {}),
        "attrs": dict(trial.attrs),
        "spared": spared_as_dict(study, trial, config.target),
        "audit": study.audit(config).as_dict(),
        "history": [row.as_dict() for row in history(config, study, trial)],
        "confidences": [row.as_dict() for row in at_confidences(config, study, trial)],
        "config": config.model_dump(),
    }


def replayed(study: RecordedStudy, config: PrunerConfig, console: Console) -> WhatIf:
    """The what-if replay of a study, with progress on ``console``."""
    with _progress(console, len(study.trials)) as advance:
        return what_if(study, config, report=advance)


def write_report(study: RecordedStudy, config: PrunerConfig, out: Path, console: Console) -> Review:
    """Review a study and write its page, with progress on ``console``.

    Raises:
        OSError: If ``out`` cannot be written.
        ImportError: If plotly is not installed.
    """
    from lcstop.plots.page import write_page

    out.parent.mkdir(parents=True, exist_ok=True)  # first, since it may fail
    with _progress(console, len(study.trials)) as advance:
        review = Review.of(study, config, report=advance)
    write_page(review, out)
    return review


@contextmanager
def _progress(console: Console, n_trials: int) -> Iterator[Callable[[], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("trials", total=n_trials)
        yield lambda: progress.advance(bar)
