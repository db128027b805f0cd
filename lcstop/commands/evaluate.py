"""``lcstop evaluate``: compares surrogates by their forecasts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lcstop.commands.common import Json, errors, print_json, split_words, table_console


def evaluate(
    surrogate: Annotated[str, typer.Option(help="Reference: the surrogate to compare with.")] = "lcpfn",
    against: Annotated[
        str, typer.Option(help="Other surrogates, separated by commas; mcmc:4000 has 4,000 samples.")
    ] = "powerlaw,last_value",
    on: Annotated[
        str,
        typer.Option(help="Sources: prior, prior:LENGTH (curves of so many points), curves:PATH (packs)."),
    ] = "prior",
    curves: Annotated[
        int, typer.Option(min=1, help="Number of curves of the prior; maximum number of curves of a pack.")
    ] = 200,
    limit: Annotated[str, typer.Option(help="Lower number of curves for a slow surrogate: mcmc=100.")] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice of curves.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for results and plots.")] = Path("runs/evaluation"),
    as_json: Json = False,
) -> None:
    """Compare surrogates on curves of the prior and on recorded curves. Run the same command again to resume.

    Finished forecasts are stored in OUT. They are reused for the same curve and the same surrogate: name,
    weights and version. After a change of a surrogate's code choose another folder.

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
        typer.echo(f"all figures and plots: {out}")
