"""The HTML page of a review: a single file that needs no network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import lcstop
from lcstop._utils.json_safe import json_safe
from lcstop._utils.palette import BAND, INK, LINE, WHOLE
from lcstop.plots.figures import (
    PARTS,
    plot_calibration,
    plot_curves,
    plot_incumbent,
    plot_savings,
    plot_trial,
    round_all,
)
from lcstop.plots.series import MIN_FORECASTS, calibration
from lcstop.pruning.decision import Decision
from lcstop.review.review import Review, ReviewedTrial
from lcstop.review.snapshot import Snapshot
from lcstop.review.table import duration, summary

_DARK = {
    INK: "#e8eaed",
    LINE: "#2c323a",
    BAND: "#4aa8e0",
    "rgba(0, 114, 178": "rgba(74, 168, 224",
    WHOLE: "#8cc4e6",
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
        "script": _asset("page.js"),
        "data": _embedded(_data(review)),
        "plotly": get_plotlyjs(),
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
        "incumbent": "Best value of the finished trials, after each finished trial."
        if review.live
        else "Best value of the finished trials, with and without lcstop.",
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
        cards.append((f"{figures['best']:.5g}", "best value", more))
    known = figures["stopped"] - figures["unknown"]
    if known:
        cards.append((str(figures["wrong"]), "wrong stops", f"of {known} with a known end"))
    audit = figures["audit"]
    if audit["audited"]:
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
    figures: dict[str, Any] = {
        "incumbent": plot_incumbent(review),
        "curves": plot_curves(review),
        "trial": plot_trial(review, number),
        "savings": plot_savings(review),
    }
    if any(part.n >= MIN_FORECASTS for part in calibration(review)):
        figures["calibration"] = plot_calibration(review)
    return {
        "step": review.study.step,
        "horizon": review.study.horizon,
        "parts": PARTS,
        "dark": _DARK,
        "ink": INK,
        "first": first,
        "figures": {name: json.loads(figure.to_json()) for name, figure in figures.items()},
        "trials": [_trial(review, trial) for trial in review.trials],
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


def _trial(review: Review, trial: ReviewedTrial) -> dict[str, Any]:
    study, record = review.study, trial.record
    full = record.full_curve or record.curve
    last = trial.snapshots[-1].decision if trial.snapshots else None
    kind: str = record.state
    status = "went on" if kind == "finished" else kind
    if not record.has_curve:
        status = "a result without a curve"
    if trial.stop:
        kind, status = "stopped", f"stopped at {trial.curve.cutoff:g}"
    elif trial is review.winner:
        kind, status = "best", "best"
    elif record.suppressed_stop:
        status = f"{record.state}, audited"
    if record.is_infeasible:
        status += ", infeasible"
    named = [*(record.curve.params or {}).items(), *record.attrs.items()]
    return {
        "number": record.number,
        "name": record.name,
        "kind": kind,
        "status": status,
        "last": trial.curve.cutoff,
        "best": trial.curve.best(study.direction),
        "p": last and last.p_beat,
        "note": _note(trial, last),
        "wrong": None if not trial.stop else {True: "yes", False: "no", None: "not known"}[trial.wrong],
        "params": [[str(name), _text(value)] for name, value in named],
        "n": trial.n,
        "x": round_all(full.steps),
        "y": round_all(full.values),
        "snapshots": [_snapshot(snapshot) for snapshot in trial.snapshots],
    }


def _note(trial: ReviewedTrial, last: Decision | None) -> str:
    if trial.stop:
        return trial.stop.reason
    if suppressed_stop := trial.record.suppressed_stop:
        return f"step {suppressed_stop.step:g}: {suppressed_stop.reason}"
    return last.reason if last else "never judged"


def _snapshot(snapshot: Snapshot) -> dict[str, Any]:
    decision, band = snapshot.decision, snapshot.band
    drawn: dict[str, Any] = {}
    if band is not None:
        # The steps are evenly spaced up to the last one. Their spacing and end make a smaller page.
        drawn = {part: round_all(getattr(band, part)) for part in ("low", "median", "high")}
        drawn["end"] = band.steps[-1]
    return {
        "n": snapshot.n,
        "step": decision.cutoff,
        "p": _rounded(decision.p_beat),
        "incumbent": _rounded(decision.incumbent),
        "predicted": _rounded(decision.median),
        "interval": decision.interval and round_all(decision.interval),
        "reason": decision.reason,
        "spacing": band and (band.steps[-1] - band.steps[0]) / max(len(band.steps) - 1, 1),
        **drawn,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round_all([value])[0]


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _text(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _embedded(data: Mapping[str, Any]) -> str:
    """JSON without characters that could end the script element."""
    text = json.dumps(json_safe(data), separators=(",", ":"), allow_nan=False, default=str)
    return re.sub(r"[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _asset(name: str) -> str:
    return files("lcstop.plots").joinpath("web", name).read_text(encoding="utf-8")
