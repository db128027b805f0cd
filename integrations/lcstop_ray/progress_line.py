"""The line on a running search, for Ray's progress report."""

from __future__ import annotations

from lcstop_ray.search_state import SearchState


def progress_line(search: SearchState) -> str:
    """What has been stopped and saved so far, and the best value."""
    config, histories = search.core.config, [*search.histories.values()]
    found, audit = search.certificate(), search.audit()
    converged = [history for history in histories if history.state == "converged"]
    saved = found.steps_saved + sum(history.horizon - history.curve.cutoff for history in converged)
    parts = [f"{found.n_stopped} of {len(histories)} trials stopped"]
    if config.pause:
        parts.append(f"{sum(history.state == 'waiting' for history in histories)} waiting")
    if config.min_gain is not None:
        parts.append(f"{len(converged)} converged")
    if config.shadow:
        n_suppressed = sum(history.suppressed_stop is not None for history in histories)
        parts.append(f"{n_suppressed} would have been in shadow mode")
    parts.append(f"{saved:g} steps of {search.time_attr} saved")
    if found.promise and not config.shadow:
        parts.append(found.promise)
    incumbent = search.incumbent()
    parts.append(f"best so far {'not known yet' if incumbent is None else f'{incumbent:.4g}'}")
    parts.append(f"{search.warnings.n_unusable} results without a finite value")
    return ", ".join([*parts, str(audit)] if audit.n or config.audit else parts)
