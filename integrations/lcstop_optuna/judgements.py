"""The judgements on record of an Optuna trial: how they are stored, and what they say of the trial.

Each judgement that lets the trial go on is a system attribute of its own. A stop is the user attribute
:data:`lcstop_optuna.trials.STOP_ATTR`. Each holds the number of its trial, since a retried trial inherits the
attributes of the first try.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from lcstop import Decision
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.last_verdict import last_judgement
from lcstop.pruning.suppressed_stop import SuppressedStop
from lcstop_optuna.trials import AUDIT_ATTR, CERTIFICATE_ATTR, REASON_ATTR, STOP_ATTR, store_in_study

_PREFIX = "lcstop:judgement:"
"""Name of the system attribute of a judgement, before its step."""

_NOT_JUDGED = "lcstop:not_judged"
"""System attribute of the last question that could not be judged."""


def records_of(trial: FrozenTrial, from_0: bool) -> list[JudgementRecord]:
    """What is on record of a trial, oldest first, at steps as in its curve.

    Args:
        trial: The trial.
        from_0: Whether the steps of the study are counted from 0.
    """
    contents = [value for name, value in trial.system_attrs.items() if name.startswith(_PREFIX)]
    contents += [trial.user_attrs.get(STOP_ATTR), trial.system_attrs.get(_NOT_JUDGED)]
    found = [
        replace(record, step=record.step + from_0)
        for content in contents
        if (record := _from_json(content, trial.number))
    ]
    # A question that could not be judged counts until a later judgement.
    return sorted(found, key=lambda record: (record.step, record.is_judged))


def store(storage: BaseStorage, trial: FrozenTrial, record: JudgementRecord, from_0: bool) -> None:
    """Write a judgement, with the step that was reported; ``from_0`` as in :func:`records_of`."""
    content = {"trial": trial.number, **replace(record, step=record.step - from_0).to_json()}
    if record.verdict == "stop":
        storage.set_trial_user_attr(trial._trial_id, STOP_ATTR, content)
    else:
        name = _name(content["step"]) if record.is_judged else _NOT_JUDGED
        storage.set_trial_system_attr(trial._trial_id, name, content)


def record_decision(
    study: optuna.Study,
    trial: FrozenTrial,
    decision: Decision,
    record: JudgementRecord,
    earlier: Sequence[JudgementRecord],
    certificate: Mapping[str, Any] | None,
    *,
    from_0: bool,
    log: logging.Logger,
) -> None:
    """Store a judgement; of a stop or a wait also the reason, of an audited trial its first suppressed stop.

    With the study, a stop also stores the certificate, and a stop, made or suppressed, the audit if it has
    changed.

    Args:
        study: The study.
        trial: The judged trial.
        decision: The decision.
        record: What is kept of it.
        earlier: What was on record of the trial before.
        certificate: The certificate of the study after a stop.
        from_0: As in :func:`records_of`.
        log: Where the reason is logged.
    """
    storage = study._storage
    store(storage, trial, record, from_0)
    if decision.stop or decision.waits:
        log.info("Trial %d %s", trial.number, decision.reason)
        storage.set_trial_user_attr(trial._trial_id, REASON_ATTR, decision.reason)
    if certificate is not None:
        storage.set_study_user_attr(study._study_id, CERTIFICATE_ATTR, certificate)
    elif suppressed := decision.suppressed_stop:
        if any(one.verdict in ("audited", "shadow") for one in earlier):
            return  # only the first suppressed stop counts
        log.info("Trial %d %s", trial.number, decision.reason)
        content = {"trial": trial.number, **suppressed.to_json()}
        storage.set_trial_user_attr(trial._trial_id, AUDIT_ATTR, content)
    if decision.would_stop and decision.audit is not None and decision.audit.n:
        store_in_study(study, AUDIT_ATTR, decision.audit.as_dict())


def stop_of(trial: FrozenTrial) -> JudgementRecord | None:
    """The judgement that has ended a trial; None if ``lcstop`` has not stopped it.

    A trial was stopped if its last report is at the step of the stop, however the objective ended it. A
    report past the horizon is judged as one at the horizon: the step of its stop lies between two reports.
    """
    if STOP_ATTR not in trial.user_attrs:
        return None
    last = last_judgement(records_of(trial, from_0=False))
    if last is None or last.verdict != "stop":
        return None
    from_stop_on = [step for step in trial.intermediate_values if step >= last.step]
    return last if len(from_stop_on) == 1 else None


def is_stopped(trial: FrozenTrial) -> bool:
    """Whether ``lcstop`` has stopped a trial that has ended; the first release recorded only the reason."""
    if stop_of(trial) is not None:
        return True
    return (
        trial.state == TrialState.PRUNED and REASON_ATTR in trial.user_attrs and not records_of(trial, False)
    )


def suppressed_stop_of(trial: FrozenTrial, from_0: bool) -> SuppressedStop | None:
    """The suppressed stop of a trial; None if there is none. ``from_0`` is as in :func:`records_of`.

    A trial that was told to stop and went on counts as one that is audited.
    """
    content = trial.user_attrs.get(AUDIT_ATTR)
    if isinstance(content, Mapping) and content.get("trial") == trial.number:
        return SuppressedStop.from_json(content)
    stop = next((record for record in records_of(trial, from_0) if record.verdict == "stop"), None)
    if stop is None or stop_of(trial) is not None:
        return None
    return SuppressedStop(stop.step, stop.to_beat, "audit", went_on_in_words(stop))


def went_on_in_words(record: JudgementRecord) -> str:
    """What is said of a trial that was told to stop or to wait, and has reported since."""
    word = "wait" if record.verdict == "wait" else "stop"
    return f"told to {word} at step {record.step:g}, but went on"


def handed_down(earlier: Sequence[FrozenTrial], number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is on record of trials that a later trial continues, as system and user attributes of that one.

    Each of them was let go on: a record says so after its last one.

    Args:
        earlier: The trials, oldest first.
        number: Number of the trial that continues them.
    """
    system_attrs, user_attrs = dict[str, Any](), dict[str, Any]()
    for trial in earlier:
        records = [record for record in records_of(trial, from_0=False) if record.is_judged]
        for record in records:
            kept = replace(record, verdict="wait") if record.verdict == "stop" else record
            system_attrs[_name(record.step)] = {"trial": number, **kept.to_json()}
        if records:
            went_on = JudgementRecord(records[-1].step, "resume", records[-1].n_ended)
            system_attrs[_name(went_on.step) + ":resume"] = {"trial": number, **went_on.to_json()}
        content = trial.user_attrs.get(AUDIT_ATTR)
        if isinstance(content, Mapping) and content.get("trial") == trial.number:
            user_attrs.setdefault(AUDIT_ATTR, {**content, "trial": number})
    return system_attrs, user_attrs


def with_stop(trial: FrozenTrial, content: Mapping[str, Any]) -> FrozenTrial:
    """A trial that waited with its stop, which was made after it had ended.

    Args:
        trial: The trial.
        content: The ``record`` of the stop, and its ``reason``.
    """
    found = copy.copy(trial)
    found.user_attrs = {**trial.user_attrs, STOP_ATTR: content["record"], REASON_ATTR: content["reason"]}
    return found


def is_waiting(trial: FrozenTrial) -> bool:
    """Whether a trial that has ended was told to wait, so that another one may continue it."""
    last = last_judgement(records_of(trial, from_0=False))
    if last is None or last.verdict != "wait" or trial.state not in (TrialState.PRUNED, TrialState.COMPLETE):
        return False
    return sum(step >= last.step for step in trial.intermediate_values) == 1


def _name(step: float) -> str:
    return f"{_PREFIX}{step:.15g}"


def _from_json(content: Any, number: int) -> JudgementRecord | None:
    if not isinstance(content, Mapping) or content.get("trial") != number:
        return None
    return JudgementRecord.from_json(content)
