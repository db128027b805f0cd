"""Suppression: why a trial goes on although it would be stopped."""

from __future__ import annotations

import hashlib

from lcstop.config.pruner import PrunerConfig
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.suppressed_stop import SuppressedBy

MIN_STOPS = 10
"""Stops in a study before its first trial is audited: a small search keeps all that it saves."""


def suppressed_by(config: PrunerConfig, study: StudyView, *, diverged: bool) -> SuppressedBy | None:
    """Why the judged trial of ``study`` goes on although it would be stopped; None if it is stopped.

    A trial that has diverged is not audited, since it has nothing left to gain.
    """
    if config.shadow:
        return "shadow"
    return "audit" if not diverged and is_audited(study, config.audit) else None


def is_audited(study: StudyView, share: float) -> bool:
    """Whether the judged trial of ``study`` is audited, once it would be stopped.

    The study needs :data:`MIN_STOPS` stops. Their number never falls, so that a trial that went on once goes
    on at its later judgements, too. The choice does not depend on how trials do: each has the same chance,
    so that the audited trials are an unbiased sample of all that would be stopped.

    Example:
        >>> [is_audited(StudyView("maximize", judged="7", n_stopped=n), share=1.0) for n in (9, 10)]
        [False, True]
    """
    return study.judged is not None and study.n_stopped >= MIN_STOPS and _uniform(study.judged) < share


def _uniform(name: str) -> float:
    """A number in [0, 1), uniform over names and always the same for one name."""
    return int.from_bytes(hashlib.sha256(f"lcstop audit {name}".encode()).digest()[:6], "big") / 2**48
