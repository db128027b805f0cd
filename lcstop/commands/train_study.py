"""``lcstop train-study``: pre-trains the study network, which ranks the trials of a study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from lcstop.commands.common import Json, errors, needs, print_json


def train_study(
    file: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="A YAML file, such as configs/train/study.yaml.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the weights.")] = Path("runs/study"),
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes that make examples.")] = 1,
    as_json: Json = False,
) -> None:
    """Pre-train the study network, which ranks the trials of a study. Its weights do not depend on --jobs.

    Example: lcstop train-study configs/train/study.yaml --out runs/study --jobs 2
    """
    with needs("train", "lcstop train-study"):
        from lcstop.pretraining.train_study import StudyTrainConfig, run

    config = StudyTrainConfig.from_yaml(file)
    out.mkdir(parents=True, exist_ok=True)  # fails before the work
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as progress:
        bars: dict[str, TaskID] = {}

        def show(stage: str, share: float) -> None:
            name = stage.partition(",")[0]
            if name not in bars:
                bars[name] = progress.add_task(name, total=1)
            progress.update(bars[name], completed=share, description=stage)

        weights = run(config, out, jobs, show)
    card = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    if as_json:
        print_json({"weights": str(weights), **card})
    else:
        typer.echo(f"{card['examples']:,} examples of artificial studies, {config.steps:,} steps")
        typer.echo(f"weights: {weights}")
