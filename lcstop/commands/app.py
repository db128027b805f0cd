"""The ``lcstop`` command."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

import lcstop
from lcstop.commands import config, predict, review, search
from lcstop.commands.common import Engine, Json, errors, load, print_json
from lcstop.config.search_config import ObjectiveError

if TYPE_CHECKING:
    from lcstop.pretraining.evaluate import Score

app = typer.Typer(
    name="lcstop",
    rich_markup_mode="markdown",  # so that paragraphs are wrapped to the terminal
    pretty_exceptions_enable=False,
)

app.add_typer(config.app, name="config")
app.command()(predict.predict)
app.command()(search.run)
app.command()(review.explain)
app.command()(review.report)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command: 0 it worked, 1 the user's own code failed, 2 a user's mistake, 130 interrupted.

    What went wrong is one line on stderr for each mistake, and no trace unless ``--debug`` asks for it.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in given  # wherever it stands: it is added to the end of a command that has failed
    given = [argument for argument in given if argument != "--debug"]
    try:
        code = app(given, prog_name="lcstop", standalone_mode=False)
    except Exception as error:
        in_arguments = _in_arguments(error)
        if debug or not (in_arguments or isinstance(error, (ValueError, OSError, ObjectiveError))):
            raise
        for line in (in_arguments or str(error)).splitlines():
            errors.print(f"lcstop: {line}", style="red", highlight=False, markup=False, soft_wrap=True)
        raise SystemExit(1 if isinstance(error, ObjectiveError) else 2) from None
    raise SystemExit(code if isinstance(code, int) else 0)


def _in_arguments(error: Any) -> str | None:
    """What is wrong in the arguments, None if it is something else.

    Typer does not export the class of these errors, but all of them say it by this method.
    """
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    return f"{error.format_message()}" + (f" Try '{context.command_path} --help'." if context else "")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lcstop {lcstop.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the trace of an error; allowed after the command, too.")
    ] = False,
) -> None:
    """Stops hyperparameter-optimization trials that will not win.

    Exit codes: 0 it worked, 1 your objective failed, 2 a mistake in the command or a file, 130 interrupted.
    """
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")


@app.command()
def train(
    file: Annotated[Path, typer.Argument(metavar="CONFIG", help="A run, such as configs/train/lcpfn.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and weights.")] = Path("runs/lcpfn"),
    as_json: Json = False,
) -> None:
    """Pre-train the surrogate; run again to go on after a kill.

    Example: lcstop train configs/train/lcpfn.yaml --out runs/lcpfn
    """
    from lcstop.pretraining.config import TrainConfig
    from lcstop.pretraining.run import run

    chosen = TrainConfig.from_yaml(file)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}  {task.fields[speed]:.0f} curves/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors) as progress:
        bar = progress.add_task("training", total=chosen.total_steps, loss=float("nan"), speed=0.0)
        table = run(
            chosen,
            out,
            lambda p: progress.update(bar, completed=p.step, loss=p.loss, speed=p.curves_per_second),
        )
    if as_json:
        print_json([score.model_dump() for score in table])
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
def train_study(
    file: Annotated[Path, typer.Argument(metavar="CONFIG", help="A run, such as configs/train/study.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for the weights.")] = Path("runs/study"),
    jobs: Annotated[int, typer.Option(min=1, help="Processes that make examples.")] = 1,
    as_json: Json = False,
) -> None:
    """Pre-train the network that compares the trials of a study; how many processes does not change it.

    Example: lcstop train-study configs/train/study.yaml --out runs/study --jobs 2
    """
    from lcstop.pretraining.study_run import StudyTrainConfig, run

    chosen = StudyTrainConfig.from_yaml(file)
    out.mkdir(parents=True, exist_ok=True)  # first, since it may fail
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as progress:
        bars: dict[str, TaskID] = {}

        def show(stage: str, share: float) -> None:
            name = stage.partition(",")[0]
            if name not in bars:
                bars[name] = progress.add_task(name, total=1)
            progress.update(bars[name], completed=share, description=stage)

        weights = run(chosen, out, jobs, show)
    card = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    if as_json:
        print_json({"weights": str(weights), **card})
    else:
        typer.echo(f"{card['examples']:,} examples of artificial studies, {chosen.steps:,} steps")
        typer.echo(f"weights: {weights}")


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
    result: Any = load(f"lcstop_{engine.value}.demo", f"demo,{engine.value}").run_demo(
        storage=storage, out=out, n_trials=trials, n_epochs=epochs, console=errors
    )
    if as_json:
        print_json(result.as_dict())
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
    from lcstop.evaluation import run_evaluation

    summary = run_evaluation.run(
        [surrogate, *_words(against)], _words(on), curves, _words(limit), jobs, seed, out, errors
    )
    if as_json:
        print_json(summary)
    else:
        run_evaluation.show(summary, Console(width=None if sys.stdout.isatty() else 120))
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
    from lcstop.benchmark import run_benchmark

    options = run_benchmark.Bench(
        curves, _words(policies), orders, workers, jobs, tasks, target.value, grid, seed, on_ray
    )
    summary = run_benchmark.run(options, out, errors)
    if as_json:
        print_json(summary)
    else:
        run_benchmark.show(summary, Console(width=None if sys.stdout.isatty() else 160))
        typer.echo(f"all figures and pictures: {out}")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


if __name__ == "__main__":
    main()
