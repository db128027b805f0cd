"""``lcstop evaluate``: measures surrogates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lcstop.commands.common import Json, errors, print_json, split_words, table_console


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
        [surrogate, *split_words(against)],
        split_words(on),
        curves,
        split_words(limit),
        jobs,
        seed,
        out,
        errors,
    )
    if as_json:
        print_json(summary)
    else:
        run_evaluation.show(summary, table_console(120))
        typer.echo(f"all figures and pictures: {out}")
