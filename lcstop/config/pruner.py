"""PrunerConfig: every option of the stopping decision, validated where it is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from lcstop.config.choices import Policy, Preset, SurrogateName
from lcstop.config.error_messages import in_words
from lcstop.config.yaml_file import read_yaml


def _number_or_name(value: Any, as_number: Any) -> Any:
    """A name as it is, anything else as a number; a number in quotes is still the mistake that it was."""
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            if value.strip():
                return value
    return as_number(value)


Horizon = Annotated[
    float | str,
    # Not pydantic's own union: what it says of a mistake would be twice as long, and name its members.
    GetPydanticSchema(lambda _, make: make(Annotated[float, Field(ge=1), WrapValidator(_number_or_name)])),
    PlainSerializer(lambda value: value, return_type=float | str),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 1}, {"type": "string", "minLength": 1}]}),
]


class PrunerConfig(BaseModel):
    """Options of :class:`lcstop.PrunerCore`; both adapters take each as a keyword.

    Attributes:
        horizon: Last step that a trial would reach, counted as the trials report (epochs, rounds, ...). Where
            trials are planned to be of different lengths, the name of the hyperparameter (in Optuna also of
            the user attribute) that holds the length of each; they are then compared at the same share of it.
        policy: ``study``: a trial is judged among the other trials, and stopped when it is too unlikely to
            end in the best tenth of the study's configurations. ``published``: it is judged by its own curve,
            and stopped when it beats the incumbent with probability at most ``1 - confidence``.
        preset: How early and how boldly ``study`` stops trials, see
            :data:`lcstop.pruning.schedule.SCHEDULES`.
        use_params: Whether ``study`` also looks at the trials' hyperparameters, where it is told them. They
            may speak for a trial, and never against it.
        confidence: ``1 - confidence`` is the probability for ``published``, and a factor of those of a
            preset, which are made for 0.95.
        min_steps: First step at which a trial may be stopped; whatever it is, no trial is stopped before its
            second finite report, unless ``min_steps`` is 1. May be a fraction, for a time attribute that
            counts from 0 to 1.
        interval_steps: A trial is judged at its first report in every interval of this many steps from
            ``min_steps`` on; ``study`` takes few of these reports, ever farther apart. May be a fraction,
            too.
        n_startup_trials: Trials that must have finished before any trial is stopped by a forecast; for
            ``study`` it is enough if they have come as far as the one that is judged.
        patience: Judgements in a row that must all say stop; each judges the curve as it was then against
            the incumbent of now.
        target: ``best``: the best value on the way to the horizon counts, for the trial and for the
            incumbent. ``final``: the value at the horizon counts.
        diverged_after: A trial whose last reports, this many, are all NaN or infinite is stopped.
        lower: Least possible value of the metric, if there is one. A trial that reports less has made a
            mistake: it is not stopped, and is never the incumbent.
        upper: Greatest possible value of the metric, likewise.
        min_gain: A trial that will hardly gain more than this until its horizon, in units of the metric, has
            converged: Ray ends it, in Optuna ``lcstop_optuna.converged(trial)`` is true. It counts as
            finished. That it gains more must have probability at most ``1 - confidence``. Off by default.
        surrogate: What predicts the rest of a curve: for ``published`` to judge by, for ``study`` to tell
            where a stopped trial would have ended.
        audit: Share of the trials that would be stopped which go on all the same, from the eleventh stop of a
            study on, to learn how many stopped trials would have won. Once that is surely more than ``1 -
            confidence``, confidence moves nearer to 1. Each audited trial costs a whole run; 0 is none.
        shadow: Whether everything is decided, logged and put on record, and no trial is stopped.

    Example:
        >>> PrunerConfig(horizon=50).confidence
        0.95
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    horizon: Horizon
    policy: Policy = "study"
    preset: Preset = "balanced"
    use_params: bool = True
    confidence: float = Field(0.95, gt=0, lt=1)
    min_steps: float = Field(2, gt=0)
    interval_steps: float = Field(1, gt=0)
    n_startup_trials: int = Field(1, ge=1)
    patience: int = Field(1, ge=1, le=100)
    target: Literal["best", "final"] = "best"
    diverged_after: int = Field(3, ge=1)
    lower: float | None = None
    upper: float | None = None
    min_gain: float | None = Field(None, ge=0)
    surrogate: SurrogateName = "lcpfn"
    audit: float = Field(0.05, ge=0, le=1)
    shadow: bool = False

    def __init__(self, **options: Any) -> None:
        """Validate the options.

        Raises:
            ValueError: If one is missing, unknown or not allowed; names it, its value and what is allowed.
        """
        try:
            super().__init__(**options)
        except ValidationError as error:
            words = [in_words(e, type(self)) for e in error.errors()]
            raise ValueError("; ".join(words)) from None

    # Says to pydantic that this is its own constructor in other words; else it would validate a model by
    # calling it, and what a YAML file has wrong would come back without its place.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="after")
    def _check(self) -> PrunerConfig:
        lower, upper = self.lower, self.upper
        if lower is not None and upper is not None and lower >= upper:
            raise ValueError(f"lower must be below upper, got {lower=}, {upper=}")
        horizon = math.inf if isinstance(self.horizon, str) else self.horizon
        if self.min_steps > max(horizon, 2):  # a smoke test of one step keeps the default of 2
            raise ValueError(f"min_steps must be at most the horizon {horizon:g}, got {self.min_steps:g}")
        if self.surrogate == "mcmc" and find_spec("emcee") is None:
            raise ValueError('surrogate mcmc needs emcee: pip install "lcstop[mcmc]"')
        return self

    @classmethod
    def from_yaml(cls, path: str | Path) -> PrunerConfig:
        """The options in a YAML file; see :func:`load_config`."""
        return read_yaml(path, cls)


def horizon_of(horizon: float | str, *named: Mapping[str, Any]) -> float:
    """The horizon of one trial: the same for all, or what the trial itself says under that name.

    Args:
        horizon: As in :class:`PrunerConfig`.
        named: What the trial holds by name; the first that has the name counts.

    Raises:
        ValueError: If none has it, or what it holds is not a number of at least 1.

    Example:
        >>> horizon_of(50), horizon_of("n_epochs", {"lr": 0.1}, {"n_epochs": 20})
        (50.0, 20.0)
    """
    if not isinstance(horizon, str):
        return float(horizon)
    for values in named:
        if horizon in values:
            value = values[horizon]
            try:
                length = math.nan if isinstance(value, (bool, str)) else float(value)
            except (TypeError, ValueError, OverflowError):
                length = math.nan
            if not 1 <= length < math.inf:
                raise ValueError(
                    f"horizon={horizon!r} names the length of each trial, "
                    f"a number of at least 1, got {value!r}"
                )
            return length
    raise ValueError(f"horizon={horizon!r} names the length of each trial, and this one has no {horizon!r}")


def load_config(path: str | Path) -> PrunerConfig:
    """The options in a YAML file, which both adapters and :class:`lcstop.PrunerCore` take.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If a key or value in it is not allowed; names the file, the line, the key and what is.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "pruner.yaml")
        ...     _ = path.write_text("horizon: 50\\nconfidence: 0.99")
        ...     load_config(path).confidence
        0.99
    """
    return read_yaml(path, PrunerConfig)
