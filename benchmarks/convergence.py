"""Steps saved and gain lost by the convergence stop on recorded curves, compared with patience rules.

LCSTOP_CURVES=FOLDER python benchmarks/convergence.py [family ...]

Every complete curve of a pack is a trial that nothing else stops. ``min_gain`` is given as a share of the
pack's range, from the median of the first values to the best value. The patience rule is that of Keras: it
stops a trial after a number of steps in which the best value has not grown by more than ``min_gain``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lcstop import Curve, MetricScale, load_surrogate
from lcstop.curves.packs import find_packs, read_pack
from lcstop.surrogates import Surrogate

RESULTS = Path("runs/convergence.json")
FAMILIES = ("deepobs", "stepback", "accelerating_nas")  # the tuning split
SHARES = (0.005, 0.01, 0.02, 0.05)
CONFIDENCES = (0.8, 0.9, 0.95, 0.99)
PATIENCES = (0.03, 0.05, 0.10, 0.20, 0.30)
N_CURVES, N_PEERS, MOMENTS = 80, 10, 40

Array = NDArray[np.float64]


def highest_gains(
    surrogate: Surrogate, curve: Curve, scale: MetricScale, direction: str, gains: Array
) -> Array:
    """Probability that the best value grows by more than each of ``gains``, as in ``pruning.convergence``."""
    best = max(curve.values) if direction == "maximize" else min(curve.values)
    forecast = surrogate.forecast([curve], curve.future_steps(32).tolist(), scale)
    sign = 1 if direction == "maximize" else -1
    return np.array([float(forecast.prob_better(best + sign * gain).max()) for gain in gains])


def measure(
    path: Path, entry: dict[str, object], surrogate: Surrogate, alone: bool
) -> list[dict[str, object]]:
    """One row for each rule, ``min_gain`` and group of curves of a pack.

    Args:
        path: File of the pack.
        entry: Its entry in the index.
        surrogate: Makes the forecasts.
        alone: Whether a curve is judged without other trials, which would give the scale.
    """
    pack = read_pack(path, entry)
    rng = np.random.default_rng(0)
    sign = 1.0 if pack.direction == "maximize" else -1.0
    whole = [c for c in pack.curves if len(c) and c.cutoff == c.horizon and np.isfinite(c.values).all()]
    if len(whole) < N_PEERS + 1 or len(whole[0]) < 8:
        return []
    tops = np.array([(sign * c.values).max() for c in whole])
    span = tops.max() - np.median([sign * c.values[0] for c in whole])
    gains = span * np.array(SHARES)
    best_tenth = tops >= np.quantile(tops, 0.9)
    chosen = rng.permutation(len(whole))[:N_CURVES]
    stops: dict[tuple[str, int], list[tuple[float, float, bool]]] = {}
    for row in chosen:
        curve = whole[row]
        so_far = np.maximum.accumulate(sign * curve.values)
        total = len(curve)
        others = rng.permutation(np.delete(np.arange(len(whole)), row))[:N_PEERS]
        peers = [] if alone else [whole[i] for i in others]
        moments = range(2, total, -(-total // MOMENTS))
        p = []
        for n in moments:
            seen = curve.prefix(n)
            scale = MetricScale.from_study(pack.direction, peers, judged=seen)
            p.append(highest_gains(surrogate, seen, scale, pack.direction, gains))
        found = np.array(p)  # [n_moments, n_gains]

        def end(rule: str, j: int, n: int, so_far: Array = so_far, row: int = int(row)) -> None:
            outcome = (n / len(so_far), float(so_far[-1] - so_far[n - 1]), bool(best_tenth[row]))
            stops.setdefault((rule, j), []).append(outcome)

        for j, gain in enumerate(gains):
            for confidence in CONFIDENCES:
                low = np.flatnonzero(found[:, j] <= 1 - confidence)
                end(f"forecast {confidence:g}", j, moments[low[0]] if len(low) else total)
            for share in PATIENCES:
                wait = max(1, round(share * total))
                last, best, n = 0, so_far[0], total
                for i in range(1, total):
                    if sign * curve.values[i] > best + gain:
                        best, last = so_far[i], i
                    elif i - last >= wait:
                        n = i + 1
                        break
                end(f"patience {share:.0%}", j, n)
    rows = []
    for (rule, j), outcomes in stops.items():
        for group in ("all", "best tenth"):
            kept = [o for o in outcomes if group == "all" or o[2]]
            if not kept:
                continue
            used, lost = np.array([o[0] for o in kept]), np.array([o[1] for o in kept])
            rows.append(
                {
                    "pack": pack.name, "rule": rule, "min_gain": SHARES[j], "group": group,
                    "n": len(kept), "saved": float(1 - used.mean()), "lost": (lost / span).tolist(),
                    "stopped": float((used < 1).mean()), "missed": float((lost > gains[j]).mean()),
                }
            )  # fmt: skip
    return rows


def main() -> None:
    """Measure every pack, write the rows to ``RESULTS``, print a line per ``min_gain``, group and rule."""
    families = [word for word in sys.argv[1:] if not word.startswith("-")] or FAMILIES
    surrogate, rows = load_surrogate(), list[dict[str, object]]()
    for path, entry in find_packs(Path(os.environ["LCSTOP_CURVES"])):
        if entry.get("family", path.parent.name) in families:
            rows += measure(path, entry, surrogate, alone="--alone" in sys.argv)
            print(path.stem, file=sys.stderr, flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows))
    print("min_gain | group | rule | saved | stopped | gain forgone: median, 95 % | would have gained more")
    keys = dict.fromkeys((row["min_gain"], row["group"], row["rule"]) for row in rows)
    for key in sorted(keys, key=str):
        mine = [row for row in rows if (row["min_gain"], row["group"], row["rule"]) == key]
        lost = np.concatenate([np.array(row["lost"]) for row in mine])
        means = [np.mean([float(str(row[name])) for row in mine]) for name in ("saved", "stopped", "missed")]
        print(
            *key, f"{means[0]:.0%}", f"{means[1]:.0%}",
            f"{np.median(lost):.2%}, {np.quantile(lost, 0.95):.2%}", f"{means[2]:.1%}", sep=" | ",
        )  # fmt: skip


if __name__ == "__main__":
    main()
