"""What ``lcstop explain`` and ``lcstop report`` do: from the words of their options to tables and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lcstop.config import PrunerConfig
from lcstop.review.history import at_confidences, history
from lcstop.review.record import RecordedStudy
from lcstop.review.review import Review, options_of
from lcstop.review.whatif import WhatIf, what_if


@dataclass(frozen=True)
class Source:
    """Where a study is, and how to judge it.

    Attributes:
        storage: URL of Optuna's storage.
        study: Name of a study in it.
        results: Results folder of Ray Tune, instead of the storage.
        metric: Result to look at in that folder.
        mode: ``min`` or ``max``, for that folder.
        config: A YAML file with the pruner's options.
        horizon: Last step of a trial, in place of the file's and of the recorded one.
        confidence: In place of the file's and of the recorded one.
    """

    storage: str | None = None
    study: str | None = None
    results: Path | None = None
    metric: str | None = None
    mode: str | None = None
    config: Path | None = None
    horizon: float | None = None
    confidence: float | None = None

    def read(self, load: Callable[[str, str], Any]) -> tuple[RecordedStudy, PrunerConfig]:
        """The study, and the options to judge it with.

        Args:
            load: Imports a module of an adapter, which needs the named extra.

        Raises:
            OSError: If a file cannot be read.
            ValueError: If the study cannot be read, or an option is not allowed.
        """
        given: dict[str, Any] = {}
        if self.config is not None:
            given = PrunerConfig.from_yaml(self.config).model_dump(exclude_unset=True)
        for name in ("horizon", "confidence"):
            if (value := getattr(self, name)) is not None:
                given[name] = value
        horizon = given.get("horizon")
        if (self.storage is None) == (self.results is None):
            raise ValueError("--storage URL or --results FOLDER says where the study is; give one of them")
        if self.results is not None:
            module = load("lcstop_ray.folder", "ray")
            study = module.read_folder(self.results, self.metric, self.mode, horizon=horizon)
        else:
            study = load("lcstop_optuna.records", "optuna").read_storage(self.storage, self.study, horizon)
        return study, options_of(study, given)


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
        ValueError: If plotly is not installed.
    """
    from lcstop.plots.page import write_page

    if find_spec("plotly") is None:
        raise ValueError("this command needs plotly: pip install 'lcstop[plot]'")
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
