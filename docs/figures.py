"""Keep the figures of the pages in one file: `python docs/figures.py [SEARCHES.json ...]`.

Each argument is a file that `lcstop bench --sampler tpe`, `random` or `shuffle` writes. Its figures go into
docs/figures.json, under the name of the sampler; rules that it does not have stay, if the searches are as
many. Then the tables between `<!-- figures: NAME -->` and
`<!-- /figures -->` are written again, from docs/figures.json alone. A test fails as long as a page says
something else.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures.json"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

RULES = {
    "limits.none": "no pruner",
    "lcstop:keep=0.99": '`lcstop`, `keep="safe"` (0.99)',
    "lcstop:keep=0.95": "**`lcstop`**, its default (0.95)",
    "lcstop:keep=0.9": "`lcstop`, `keep=0.9`",
    "lcstop:keep=0.8": '**`lcstop`**, `keep="bold"` (0.8)',
    "lcstop:keep=0.6": "`lcstop`, `keep=0.6`",
    "optuna.sha:reduction_factor=2:min_resource=4%": "successive halving, reduction 2 from 4 %",
    "optuna.sha:reduction_factor=2:min_resource=8%": "successive halving, reduction 2 from 8 %",
    "optuna.sha:reduction_factor=2:min_resource=16%": "successive halving, reduction 2 from 16 %",
    "optuna.sha:reduction_factor=2:min_resource=25%": "successive halving, reduction 2 from 25 %",
    "optuna.sha:reduction_factor=3:min_resource=8%": "successive halving, reduction 3 from 8 %",
    "optuna.sha:reduction_factor=4:min_resource=8%": "successive halving, reduction 4 from 8 %",
    "optuna.hyperband": "Hyperband, Optuna's defaults",
    "optuna.median": "median rule, Optuna's defaults",
}
"""Settings whose figures the pages may show, and their names there."""

SEARCHES = {
    "tpe": "trials each by TPE, Optuna's default sampler",
    "random": "trials each by Optuna's random sampler",
    "shuffle": "trials each, the recorded trials in a random order",
}
"""Samplers of the benchmark, in the words of the pages."""

SHORT = (
    "limits.none",
    "lcstop:keep=0.95",
    "lcstop:keep=0.8",
    "optuna.sha:reduction_factor=2:min_resource=8%",
    "optuna.median",
)
TABLES = {
    "results": ("tpe", SHORT),
    "dial": ("tpe", tuple(RULES)),
    "random": ("random", tuple(RULES)),
    "order": ("shuffle", tuple(RULES)),
}
"""Sampler and settings of each table. Settings that the benchmark has not run are left out."""

_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- /figures -->)", re.DOTALL)


def taken_from(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of the pages, from what a benchmark of searches has written."""
    config, (scope, *_) = summary["config"], summary["scopes"]
    names = (
        *("share", "excess", "excess_error", "kept", "worse_by_a_point"),
        *("sooner", "sooner_error", "failures"),
    )
    return {
        "n_tasks": len(scope["tasks"]),
        "trials": config["trials"],
        "seeds": config["seeds"],
        "commit": summary["versions"]["commit"],
        "rules": {
            row["setting"]: {name: row[name] for name in names}
            for row in scope["settings"]
            if row["setting"] in RULES
        },
    }


def table(name: str, known: Mapping[str, Any]) -> str:
    """A table of the pages, with a line on what was measured."""
    if name == "promise":
        return _promise(known)
    sampler, settings = TABLES[name]
    figures = known[sampler]
    lines = [
        "| rule | epochs trained | lost at the end, points | worse by a point | best kept | times sooner |",
        "|---|---|---|---|---|---|",
    ]
    for setting in settings:
        if row := figures["rules"].get(setting):
            epochs, kept, worse = (
                f"{100 * row[cell]:.0f} %" for cell in ("share", "kept", "worse_by_a_point")
            )
            lost = f"{100 * row['excess']:+.1f} ± {100 * row['excess_error']:.1f}"
            cells = [epochs, *(["", ""] if setting == "limits.none" else [lost, worse]), kept]
            sooner = f"{row['sooner']:.2f}" + (f", {row['failures']} never" if row["failures"] else "")
            lines.append(f"| {' | '.join([RULES[setting], *cells, sooner])} |")
    searches = f"{figures['trials']} {SEARCHES[sampler]}; {figures['seeds']} seeds"
    return "\n".join([*lines, "", f"{figures['n_tasks']} recorded studies, {searches}."]) + "\n"


def _promise(known: Mapping[str, Any]) -> str:
    """How often the best trial was kept, beside what `keep` asks for."""
    settings = [setting for setting in RULES if setting.startswith("lcstop:keep=")]
    measured = {name: figures["rules"] for name, figures in known.items()}
    lines = ["| `keep` | TPE | random sampler | random order |", "|---|---|---|---|"]
    for setting in settings:
        rows = [measured[name].get(setting) for name in SEARCHES]
        if any(rows):
            cells = [f"{100 * row['kept']:.0f} %" if row else "not run" for row in rows]
            lines.append(f"| {' | '.join([setting.rpartition('=')[2], *cells])} |")
    return "\n".join(lines) + "\n"


def written(page: str, figures: Mapping[str, Any]) -> str:
    """A page with its tables written again."""
    return _BLOCK.sub(lambda match: match[1] + table(match[2], figures) + match[3], page)


if __name__ == "__main__":
    known = json.loads(FIGURES.read_text(encoding="utf-8"))
    for argument in sys.argv[1:]:
        summary = json.loads(Path(argument).read_text(encoding="utf-8"))
        sampler, found = summary["config"]["sampler"], taken_from(summary)
        if all(found[name] == known.get(sampler, {}).get(name) for name in ("n_tasks", "trials", "seeds")):
            found["rules"] = known[sampler]["rules"] | found["rules"]
        known[sampler] = found
    if sys.argv[1:]:
        FIGURES.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    for path in PAGES:
        before = path.read_text(encoding="utf-8")
        after = written(before, known)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(path.relative_to(ROOT))
