"""The ``lcstop`` command."""

from __future__ import annotations

import importlib
import json
import logging
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import lcstop

if TYPE_CHECKING:
    from lcstop.pretraining.evaluate import Score

app = typer.Typer(
    name="lcstop",
    help="Stops hyperparameter-optimization trials that will not win.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
errors = Console(stderr=True)


class Engine(str, Enum):
    """The frameworks that lcstop has an adapter for."""

    OPTUNA = "optuna"
    RAY = "ray"


Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON instead of a table.")]


def main() -> None:
    """Run the command; what the user got wrong is one line on stderr and exit code 2, no trace."""
    try:
        app()
    except (ValueError, OSError) as error:
        errors.print(f"lcstop: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        raise SystemExit(2) from None


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lcstop {lcstop.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Stops hyperparameter-optimization trials that will not win."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A run, such as configs/train/lcpfn.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and weights.")] = Path("runs/lcpfn"),
    as_json: Json = False,
) -> None:
    """Pre-train the surrogate; run again to go on after a kill.

    Example: lcstop train configs/train/lcpfn.yaml --out runs/lcpfn
    """
    from lcstop.pretraining.config import TrainConfig
    from lcstop.pretraining.run import run

    chosen = TrainConfig.from_yaml(config)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}  {task.fields[speed]:.0f} curves/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors) as progress:
        bar = progress.add_task("training", total=chosen.steps, loss=float("nan"), speed=0.0)
        table = run(
            chosen,
            out,
            lambda p: progress.update(bar, completed=p.step, loss=p.loss, speed=p.curves_per_second),
        )
    if as_json:
        typer.echo(json.dumps([score.model_dump() for score in table]))
    else:
        Console().print(_score_table(table))
        typer.echo(f"weights: {out / 'lcpfn.safetensors'}")


def _error(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _score_table(scores: list[Score]) -> Table:
    table = Table(title="Mean log-likelihood of the unseen points of fresh prior curves")
    for title in ("observed", "log-likelihood", "standard error"):
        table.add_column(title, justify="right")
    for score in scores:
        table.add_row(f"{score.cutoff} %", f"{score.log_likelihood:.3f}", _error(score.standard_error))
    return table


@app.command()
def demo(
    engine: Annotated[Engine, typer.Option(help="What runs the search.")] = Engine.OPTUNA,
    storage: Annotated[
        str | None, typer.Option(help="Optuna storage URL or Ray results folder; temporary if absent.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("demo-output"),
    trials: Annotated[int, typer.Option(min=1, help="Number of trials.")] = 60,
    epochs: Annotated[int, typer.Option(min=3, help="Epochs of a whole trial.")] = 40,
    as_json: Json = False,
) -> None:
    """Search a network for handwritten digits, with and without pruning, and compare.

    Example: lcstop demo --json
    """
    # By name: the core imports no framework, and the demos are the adapters'.
    result: Any = _load(f"lcstop_{engine.value}.demo", f"demo,{engine.value}").run_demo(
        storage=storage, out=out, n_trials=trials, n_epochs=epochs, console=errors
    )
    if as_json:
        typer.echo(json.dumps(result.as_dict()))
    else:
        Console().print(result.table())


@app.command()
def evaluate(
    surrogate: Annotated[str, typer.Option(help="The surrogate that the others are held against.")] = "lcpfn",
    against: Annotated[
        str, typer.Option(help="Others, separated by commas; mcmc:4000 takes 4,000 samples.")
    ] = "powerlaw,last_value",
    on: Annotated[
        str, typer.Option(help="prior, prior:LENGTH (curves of that many points) and curves:PATH (packs).")
    ] = "prior",
    curves: Annotated[int, typer.Option(min=1, help="Curves of the prior, and most curves of a pack.")] = 200,
    limit: Annotated[str, typer.Option(help="Fewer curves of each for a slow surrogate: mcmc=100.")] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the curves that are drawn.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for results and pictures.")] = Path("runs/evaluation"),
    as_json: Json = False,
) -> None:
    """Measure surrogates on curves of the prior and on recorded ones; run again to go on after a kill.

    Finished forecasts are kept in OUT and found again by the surrogate's name, weights and version and by
    the curve. After a change of a surrogate's code take another folder.

    Example: lcstop evaluate --on prior,curves:PATH --against mcmc,powerlaw,last_value --limit mcmc=100
    """
    from lcstop.evaluation import command

    summary = command.run(
        [surrogate, *_words(against)], _words(on), curves, _words(limit), jobs, seed, out, errors
    )
    if as_json:
        typer.echo(json.dumps(command.plain(summary)))
    else:
        command.show(summary, Console(width=None if sys.stdout.isatty() else 120))
        typer.echo(f"all figures and pictures: {out}")


class Target(str, Enum):
    """Which value of a trial counts."""

    BEST = "best"
    FINAL = "final"


@app.command()
def bench(
    curves: Annotated[
        Path, typer.Option(envvar="LCSTOP_CURVES", help="Recorded curves: a file, or a folder of them.")
    ],
    policies: Annotated[
        str, typer.Option(help="Separated by commas: a source, optuna.sha, lcstop:confidence=0.99, ...")
    ] = "lcstop,optuna,ray,limits",
    orders: Annotated[int, typer.Option(min=1, help="Random orders of each task.")] = 20,
    workers: Annotated[int, typer.Option(min=1, help="Trials that run at a time.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for results and pictures.")] = Path("runs/bench"),
    tasks: Annotated[str, typer.Option(help="Only tasks with a name like this, such as 'taskset/*'.")] = "*",
    target: Annotated[Target, typer.Option(help="Best value of any run, or of finished runs.")] = Target.BEST,
    grid: Annotated[bool, typer.Option(help="Run each rule over its grid, not only at its defaults.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of the orders.")] = 0,
    on_ray: Annotated[bool, typer.Option("--ray", help="Spread the work over a Ray cluster.")] = False,
    as_json: Json = False,
) -> None:
    """Replay recorded studies against stopping policies; run again to go on after a kill.

    Finished replays are kept in OUT and found again by the policy's name, options, weights and version and
    by the study. After a change of a policy's code take another folder.

    Example: lcstop bench --curves PATH --orders 20 --jobs 2 --out runs/bench
    """
    from lcstop.replay import command

    options = command.Bench(
        curves, _words(policies), orders, workers, jobs, tasks, target.value, grid, seed, on_ray
    )
    summary = command.run(options, out, errors)
    if as_json:
        from lcstop.evaluation.command import plain

        typer.echo(json.dumps(plain(summary)))
    else:
        command.show(summary, Console(width=None if sys.stdout.isatty() else 160))
        typer.echo(f"all figures and pictures: {out}")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _load(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"this command needs {error.name}: pip install 'lcstop[{extra}]'") from error


if __name__ == "__main__":
    main()
