"""PrunerConfig: every option of the stopping decision, validated where it is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, TypedDict

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
from typing_extensions import Required, Unpack

from lcstop.config.choices import Policy, Preset, SurrogateName
from lcstop.config.error_messages import in_words
from lcstop.config.yaml_file import read_yaml
from lcstop.curves.curve import Target


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


class PrunerOptions(TypedDict, total=False):
    """The keywords of both adapters, for type checkers and editors: the fields of :class:`PrunerConfig`.

    ``horizon`` is left out, because each adapter takes it by position, too. Defaults and descriptions are
    those of :class:`PrunerConfig`.

    Example:
        >>> careful: PrunerOptions = {"preset": "safe", "confidence": 0.99}
        >>> PrunerConfig(horizon=50, **careful).preset
        'safe'
    """

    policy: Policy
    preset: Preset
    use_params: bool
    confidence: float
    min_steps: float
    interval_steps: float
    n_startup_trials: int
    patience: int
    target: Target
    diverged_after: int
    lower: float | None
    upper: float | None
    min_gain: float | None
    surrogate: SurrogateName
    audit: float
    shadow: bool


class _AllOptions(PrunerOptions):
    horizon: Required[float | str]


class PrunerConfig(BaseModel):
    """Options of :class:`lcstop.PrunerCore`. Both adapters take each of them as a keyword.

    The descriptions of the fields are the one text on each option. The page of options, the JSON schemas and
    ``configs/optuna.yaml`` are written from them.

    Example:
        >>> PrunerConfig(horizon=50).confidence
        0.95
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    horizon: Horizon = Field(
        description="Last step that a trial reaches if nothing stops it, in the steps that are reported "
        "(epochs, rounds, ...). In Optuna it is right for steps counted from 0 and from 1. If trials are "
        "planned to be of different lengths: the name of the hyperparameter that holds the length of each "
        "(in Optuna also a user attribute, in Ray a key of `config`). Trials are then compared at the same "
        "share of their lengths."
    )
    policy: Policy = Field(
        "study",
        description="What a trial is judged by. `study`: the other trials of its study; it is stopped when "
        "it is too unlikely to end in the best tenth of the study's configurations. `published`: its own "
        "curve, as in the LC-PFN paper; it is stopped when the probability that it beats the best so far is "
        "at most 1 - `confidence`.",
    )
    preset: Preset = Field(
        "balanced",
        description="How early and how boldly `policy: study` stops trials. `safe` loses fewest good trials "
        "and is for a fixed number of trials. `bold` stops most.",
    )
    use_params: bool = Field(
        True,
        description="Whether `policy: study` also compares the trials' hyperparameters, if it knows them. "
        "Of the two probabilities, with and without them, the higher one counts.",
    )
    confidence: float = Field(
        0.95,
        gt=0,
        lt=1,
        description="How sure a stop must be; nearer to 1 is more careful. `policy: published` stops a trial "
        "when it beats the best so far with probability at most 1 - `confidence`. `policy: study` multiplies "
        "the probabilities of its preset by (1 - `confidence`) / 0.05.",
    )
    min_steps: float = Field(
        2,
        gt=0,
        description="First step at which a trial may be stopped, counted from 1. A trial is never stopped "
        "before its second finite report, unless `min_steps` is 1. May be a fraction, for a time attribute "
        "that counts from 0 to 1.",
    )
    interval_steps: float = Field(
        1,
        gt=0,
        description="Steps between judgements: a trial is judged at most once in every interval of this "
        "length, at its first report there. `policy: study` skips most intervals, and more of them as a "
        "trial gets longer. Raise it if a step takes only milliseconds. May be a fraction.",
    )
    n_startup_trials: int = Field(
        1,
        ge=1,
        description="Trials that must have finished before any trial is stopped by a forecast. For "
        "`policy: study` it is enough if they have come as far as the judged trial.",
    )
    patience: int = Field(
        1,
        ge=1,
        le=100,
        description="Judgements in a row that must all say stop. Each judges the curve as it was then "
        "against the best so far of now.",
    )
    target: Target = Field(
        "best",
        description="The value of a trial that counts. `best`: the best value up to the horizon. `final`: "
        "the value at the horizon; choose it if your objective returns the value of the last step.",
    )
    diverged_after: int = Field(
        3,
        ge=1,
        description="A trial is stopped when its last reports, this many in a row, are NaN or infinite.",
    )
    lower: float | None = Field(
        None,
        description="Least possible value of the metric, such as 0 for an accuracy; null (None) if there is "
        "none. A trial that reports less has made a mistake: it is not stopped and never the best so far.",
    )
    upper: float | None = Field(
        None,
        description="Greatest possible value of the metric, such as 1 for an accuracy; null (None) if there "
        "is none. A trial that reports more is treated like one below `lower`.",
    )
    min_gain: float | None = Field(
        None,
        ge=0,
        description="Gain, in units of the metric, that is not worth waiting for; null (None) switches this "
        "off. A trial has converged when it gains more than this until its horizon with probability at most "
        "1 - `confidence`. In Optuna `lcstop_optuna.converged(trial)` is then true; Ray ends the trial. It "
        "counts as finished.",
    )
    surrogate: SurrogateName = Field(
        "lcpfn",
        description="What forecasts the rest of a curve. `policy: published` decides by it; `policy: study` "
        "only says by it where a stopped trial would have ended. The others are for comparisons: "
        "`lcpfn-published` assumes the prior of the paper, `mcmc` takes seconds a decision and needs "
        "`lcstop[mcmc]`.",
    )
    audit: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of the trials that would be stopped which go on all the same, from the eleventh "
        "stop of a study on. They show how many stopped trials would have won. Once that is surely more than "
        "1 - `confidence`, `confidence` moves nearer to 1. Each audited trial costs a whole run; 0 is none.",
    )
    shadow: bool = Field(
        False,
        description="Whether everything is decided, logged and put on record, but no trial is stopped.",
    )

    def __init__(self, **options: Unpack[_AllOptions]) -> None:
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
