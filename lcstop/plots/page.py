"""The HTML page of a review: a single file that needs no network."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import lcstop
from lcstop._utils.json_safe import json_safe
from lcstop._utils.number_words import probability_of_keeping
from lcstop._utils.palette import BAND, INCUMBENT, INK, LINE, STOPPED, WHOLE
from lcstop.plots.figures import (
    PARTS,
    plot_calibration,
    plot_curves,
    plot_incumbent,
    plot_savings,
    plot_trial,
)
from lcstop.plots.page_trials import trial_data
from lcstop.plots.parameter_axes import parameter_axes
from lcstop.plots.parameters import plot_parameters, plot_slice
from lcstop.plots.series import MIN_FORECASTS, calibration, value_axis
from lcstop.review.review import Review
from lcstop.review.summary import MIN_AUDITED
from lcstop.review.table import duration, summary

DARK = {
    INK: "#e8eaed",
    LINE: "#2c323a",
    BAND: "#4aa8e0",
    "rgba(0, 114, 178": "rgba(74, 168, 224",
    WHOLE: "#8cc4e6",
    INCUMBENT: "#f5b04a",
    STOPPED: "#ff7a4d",
    "#ffffff": "#191d23",
}
"""Replacements on a dark page for colours with too little contrast there."""


def write_page(review: Review, path: Path) -> None:
    """Write the page of a review: key figures, curves, forecasts, calibration, savings and configuration.

    Names, parameters and attributes of the study are escaped, so that they cannot run as code.

    Args:
        review: The review.
        path: The file, in an existing folder.

    Raises:
        OSError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> from lcstop.review.example import example
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_page(example(), Path(folder, "report.html"))
        ...     Path(folder, "report.html").read_text(encoding="utf-8")[:15]
        '<!DOCTYPE html>'
    """
    from plotly.offline import get_plotlyjs

    texts = {name: escape(text) for name, text in _texts(review).items()}
    parts = {
        **texts,
        "cards": _cards(review),
        "options": _options(review),
        "notice": "" if review.live else f'<p class="notice">{texts["notice"]}</p>',
        "style": _asset("page.css"),
        "script": _asset("page.js") + _asset("table.js"),
        "data": _embedded(_data(review)),
        "plotly": _compressed(get_plotlyjs()),
    }
    # One pass over the template: inserted text may contain {{...}}, too, and must not be replaced.
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _asset("page.html"))
    path.write_text(page, encoding="utf-8")


def _texts(review: Review) -> dict[str, str]:
    study = review.study
    direction = "maximized" if study.direction == "maximize" else "minimized"
    counted = sum(part.n for part in calibration(review))
    checked = (
        f"Share of the predicted intervals that held the value at {study.step} {study.horizon:g}; "
        f"{counted} forecasts. On the dotted line the forecasts are calibrated."
    )
    only_unstopped = review.live and not any(trial.full_curve for trial in study.trials)
    return {
        "title": study.name,
        "subtitle": (
            f"{study.engine} study · {study.metric} {direction} · {len(study.trials)} trials "
            f"of up to {study.horizon:g} steps"
        ),
        "notice": (
            "This study ran in shadow mode: lcstop stopped no trial. The stops are those that it would have "
            "made."
            if review.shadow
            else "This study ran without lcstop. The stops are those that lcstop would have made in a replay "
            "of the trials in the order of their numbers, one after another."
        ),
        "step": study.step,
        "incumbent": "Best value of the completed trials, after each completed trial."
        if review.live
        else "Best value of the completed trials, with and without lcstop.",
        "savings": "A stopped trial saves its remaining steps.",
        "calibration": checked + (" Only trials that were not stopped count." if only_unstopped else ""),
        "configuration": "Recorded in the study."
        if study.options and (review.live or review.shadow)
        else "The study has no recorded options of lcstop. These are options of the command and defaults.",
        "version": lcstop.__version__,
    }


def _cards(review: Review) -> str:
    figures = summary(review)
    would = "" if review.live else "would be "
    cards = [
        (
            f"{figures['share_saved']:.0%}",
            f"of epochs {would}saved",
            f"{figures['epochs']:,.0f} instead of {review.epochs_without_stops:,.0f}",
        ),
        (
            f"{figures['stopped']} of {figures['trials']}",
            f"trials {would}stopped",
            f"{figures['stopped'] / figures['trials']:.0%}",
        ),
    ]
    if figures["seconds_saved"] >= 1:
        cards.insert(1, (duration(figures["seconds_saved"]), f"{would}saved", "at the speed of each trial"))
    if figures["best"] is not None:
        recorded, more = figures["best_recorded"], f"trial {figures['best_trial']}"
        if not review.live:
            more += ", kept" if recorded == figures["best"] else f", instead of {recorded:.5g}"
        cards.append((f"{figures['best']:.5g}", "best so far", more))
    known = figures["stopped"] - figures["unknown"]
    if known:
        cards.append((str(figures["wrong"]), "wrong stops", f"of {known} with a known end"))
    if figures["p_kept"] is not None and figures["stopped"]:
        what = f"probability that the best trial {'was' if review.live else 'would be'} kept"
        cards.insert(1, (probability_of_keeping(figures["p_kept"]), what, "from the chances at the stops"))
    audit = figures["audit"]
    if audit["audited"] >= MIN_AUDITED:
        what = "of audited trials would have been wrong stops"
        more = (
            f"{audit['wrong']} of {audit['audited']}; 95 % interval {audit['low']:.1%} to {audit['high']:.1%}"
        )
        cards.append((f"{audit['share']:.0%}", what, more))
    return "".join(
        f"<div><b>{escape(big)}</b>{escape(what)}<span>{escape(more)}</span></div>"
        for big, what, more in cards
    )


def _options(review: Review) -> str:
    rows = review.config.model_dump().items()
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(_plain(value))}</dd></div>" for name, value in rows
    )


def _data(review: Review) -> dict[str, Any]:
    first = _first_shown(review)
    number = review.trials[first].record.number
    axes = parameter_axes(review)
    figures: dict[str, Any] = {
        "incumbent": plot_incumbent(review),
        "curves": plot_curves(review),
        "trial": plot_trial(review, number),
        "savings": plot_savings(review),
    }
    if axes:
        figures["parameters"] = plot_parameters(review)
        figures["slice"] = plot_slice(review, axes[0].name)  # the page draws the other hyperparameters
    if any(part.n >= MIN_FORECASTS for part in calibration(review)):
        figures["calibration"] = plot_calibration(review)
    shown = {name: json.loads(figure.to_json()) for name, figure in figures.items()}
    for trace in shown["curves"]["data"]:
        if trace["mode"] == "lines":  # the page joins the curves of its trials
            trace.update(x=[], y=[], customdata=[])
    return {
        "step": review.study.step,
        "horizon": review.study.horizon,
        "parts": PARTS,
        "dark": DARK,
        "ink": INK,
        "first": first,
        "parameters": [{"name": axis.name, "kind": axis.kind} for axis in axes[:-1]],
        "axis": asdict(value_axis(review)),
        "figures": shown,
        "trials": [trial_data(review, trial) for trial in review.trials],
    }


def _first_shown(review: Review) -> int:
    """Index of the trial that the page shows first: a wrong stop, otherwise a rather early stop.

    The forecast of an early stop covers many steps.
    """
    if review.wrong:
        return review.trials.index(review.wrong[0])
    shown = [t for t in review.stopped if t.snapshots and t.snapshots[-1].band]
    by_length = sorted(shown, key=lambda trial: trial.curve.cutoff)
    return review.trials.index(by_length[len(by_length) // 4]) if by_length else 0


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _embedded(data: Mapping[str, Any]) -> str:
    """JSON without characters that could end the script element."""
    text = json.dumps(json_safe(data), separators=(",", ":"), allow_nan=False, default=str)
    return re.sub(r"[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _compressed(script: str) -> str:
    """A script as gzip in base64, 2 MB in place of 5. The page unpacks it."""
    return base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode("ascii")


def _asset(name: str) -> str:
    return files("lcstop.plots").joinpath("web", name).read_text(encoding="utf-8")
