"""``lcstop train``: pre-trains the surrogate ``lcpfn``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lcstop.commands.common import Json, errors, needs, print_json

if TYPE_CHECKING:
    from lcstop.pretraining.evaluate import LikelihoodRow


def train(
    file: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="A YAML file, such as configs/train/lcpfn.yaml.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and weights.")] = Path("runs/lcpfn"),
    as_json: Json = False,
) -> None:
    """Pre-train the surrogate lcpfn. Run the same command again to resume.

    Example: lcstop train configs/train/lcpfn.yaml --out runs/lcpfn
    """
    with needs("train", "lcstop train"):
        from lcstop.pretraining.config import TrainConfig
        from lcstop.pretraining.train_lcpfn import run

    config = TrainConfig.from_yaml(file)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}  {task.fields[speed]:.0f} curves/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors) as progress:
        bar = progress.add_task("training", total=config.total_steps, loss=float("nan"), speed=0.0)
        scores = run(
            config,
            out,
            lambda p: progress.update(bar, completed=p.step, loss=p.loss, speed=p.curves_per_second),
        )
    if as_json:
        print_json([score.model_dump() for score in scores])
    else:
        Console().print(_score_table(scores))
        typer.echo(f"weights: {out / 'lcpfn.safetensors'}")


def _error(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _score_table(scores: list[LikelihoodRow]) -> Table:
    table = Table(title="Mean log-likelihood of the unseen points of new curves of the prior")
    for title in ("observed", "log-likelihood", "standard error"):
        table.add_column(title, justify="right")
    for score in scores:
        table.add_row(f"{score.cutoff} %", f"{score.log_likelihood:.3f}", _error(score.standard_error))
    return table
