"""PrunerConfig: the options of the stopping decision."""

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
    ValidationInfo,
    WithJsonSchema,
    WrapValidator,
    field_validator,
    model_validator,
)
from typing_extensions import Required, Unpack

from lcstop.config.choices import Policy, Preset, SurrogateName
from lcstop.config.error_messages import describe_error
from lcstop.config.yaml_file import read_yaml
from lcstop.curves.curve import Target


def _number_or_name(value: Any, as_number: Any) -> Any:
    """Return a name unchanged and validate anything else, numbers in quotes included, as a number."""
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            if value.strip():
                return value
    return as_number(value)


Horizon = Annotated[
    float | str,
    # Not pydantic's union: its error messages have two lines and contain the names of its members.
    GetPydanticSchema(lambda _, make: make(Annotated[float, Field(ge=1), WrapValidator(_number_or_name)])),
    PlainSerializer(lambda value: value, return_type=float | str),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 1}, {"type": "string", "minLength": 1}]}),
]


class PrunerOptions(TypedDict, total=False):
    """The keywords of both adapters, for type checkers and editors.

    Defaults and descriptions are those of :class:`PrunerConfig`. ``horizon`` is missing, because the adapters
    also take it by position.

    Example:
        >>> options: PrunerOptions = {"preset": "safe", "confidence": 0.99}
        >>> PrunerConfig(horizon=50, **options).preset
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
    keep: float | None
    n_trials: int | None


class _AllOptions(PrunerOptions):
    horizon: Required[float | str]


class PrunerConfig(BaseModel):
    """Options of :class:`lcstop.PrunerCore`. Both adapters take them as keywords.

    The options are documented in the descriptions of the fields. ``make generate`` writes the page of
    options, the JSON schemas and ``configs/optuna.yaml`` from them.

    Example:
        >>> PrunerConfig(horizon=50).confidence
        0.95
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    horizon: Horizon = Field(
        description="Last step of a full trial, in the steps that are reported (epochs, rounds, ...). In "
        "Optuna the number of steps, whether they are counted from 0 or from 1. If trials have different "
        "lengths: the name of the hyperparameter that holds the length (in Optuna also a user attribute, in "
        "Ray a key of `config`). Trials are then compared at the same share of their lengths."
    )
    policy: Policy = Field(
        "study",
        description="How a trial is judged. `study`: by the other trials of its study; it is stopped when it "
        "is too unlikely to end in the best tenth of the study's configurations. `published`: by its own "
        "curve, as in the LC-PFN paper; it is stopped when it beats the best so far with probability at most "
        "1 - `confidence`.",
    )
    preset: Preset = Field(
        "balanced",
        description="How early and how readily `policy: study` stops trials. `safe` loses the fewest good "
        "trials; choose it for a fixed number of trials. `bold` stops the most trials.",
    )
    use_params: bool = Field(
        True,
        description="Whether `policy: study` also compares the trials' hyperparameters, if there are any. "
        "The probability is then the higher one of those with and without hyperparameters.",
    )
    confidence: float = Field(
        0.95,
        gt=0,
        lt=1,
        description="Required certainty of a stop. Values nearer to 1 stop fewer trials. `policy: published` "
        "stops a trial when it beats the best so far with probability at most 1 - `confidence`. `policy: "
        "study` multiplies the odds of its preset's thresholds by (1 - `confidence`) / 0.05.",
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
        description="Steps between judgements. A trial is judged at most once in every interval of this "
        "length. `policy: study` skips most intervals, and skips more as a trial gets longer. May be a "
        "fraction.",
    )
    n_startup_trials: int = Field(
        1,
        ge=1,
        description="Number of trials that must have finished before a forecast may stop a trial. For "
        "`policy: study` it is enough if they have reached the step of the judged trial.",
    )
    patience: int = Field(
        1,
        ge=1,
        le=100,
        description="Number of consecutive judgements that must say stop. They are counted on the trial's "
        "record, each as it was made.",
    )
    target: Target = Field(
        "best",
        description="The value of a trial. `best`: its best value up to the horizon. `final`: its value at "
        "the horizon; choose it if your objective returns the value of the last step.",
    )
    diverged_after: int = Field(
        3,
        ge=1,
        description="Number of consecutive last reports that must be NaN or infinite to stop a trial as "
        "diverged. Gaps up to twice as long as earlier ones, of this or another trial, are no divergence.",
    )
    lower: float | None = Field(
        None,
        description="Lowest possible value of the metric, such as 0 for an accuracy; null (None) if there is "
        "none. A trial that reports a lower value is not stopped, and is never the best so far.",
    )
    upper: float | None = Field(
        None,
        description="Highest possible value of the metric, such as 1 for an accuracy; null (None) if there "
        "is none. A trial that reports a higher value is treated like one below `lower`.",
    )
    min_gain: float | None = Field(
        None,
        ge=0,
        description="Gain, in units of the metric, below which a trial has converged; null (None) switches "
        "this off. A trial has converged when it gains more than this before its horizon with probability at "
        "most 1 - `confidence`. In Optuna `converged(trial)` is then true; in Ray the trial is "
        "ended. It counts as finished.",
    )
    surrogate: SurrogateName = Field(
        "lcpfn",
        description="Method that forecasts the rest of a curve. `policy: published` decides by the forecast. "
        "`policy: study` only shows it in the reason of a stop. All but `lcpfn` are for comparisons: "
        "`lcpfn-published` assumes the prior of the paper, `mcmc` takes seconds per decision and needs "
        "`lcstop[mcmc]`.",
    )
    audit: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of stops that are suppressed to check them, from the eleventh stop of a study on. "
        "These audited trials run to their end and show how many stopped trials would have won. If that "
        "share is significantly above 1 - `confidence`, `confidence` is raised. Each audited trial costs a "
        "full run; 0 switches the audit off.",
    )
    shadow: bool = Field(
        False,
        description="Whether to decide, log and record everything but stop no trial.",
    )
    keep: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Probability with which the best of all trials that are started is not stopped; null "
        "(None) switches this off. `policy: study` then stops a trial when it will hardly become the best, "
        "instead of by `preset` and `confidence`. Each stop spends its probability of becoming the best, "
        "together at most 1 - `keep`. For a search with a fixed number of trials; name it in `n_trials`.",
    )
    n_trials: int | None = Field(
        None,
        ge=1,
        description="Number of trials that the study will have, for `keep`; null (None) if unknown. Twice "
        "the trials so far are then assumed.",
    )

    def __init__(self, **options: Unpack[_AllOptions]) -> None:
        """Validate the options.

        Raises:
            ValueError: If an option is missing, unknown or not allowed. The message contains its name, its
                value and the allowed values.
        """
        try:
            super().__init__(**options)
        except ValidationError as error:
            messages = [describe_error(e, type(self)) for e in error.errors()]
            raise ValueError("; ".join(messages)) from None

    # Without this mark, pydantic would call this constructor to validate a YAML file, and the errors would
    # lose their line numbers.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_booleans(cls, value: Any, info: ValidationInfo) -> Any:
        # Outside YAML files pydantic reads True as 1, such as LCPFNPruner(True) as a horizon of one step.
        is_number = not isinstance(cls.model_fields[info.field_name or ""].default, (bool, str))
        if is_number and info.mode == "python" and type(value).__name__ in ("bool", "bool_"):
            raise ValueError(f"must be a number, got {value}")
        return value

    @model_validator(mode="after")
    def _check(self) -> PrunerConfig:
        lower, upper = self.lower, self.upper
        if lower is not None and upper is not None and lower >= upper:
            raise ValueError(f"lower must be below upper, got {lower=}, {upper=}")
        horizon = math.inf if isinstance(self.horizon, str) else self.horizon
        if self.min_steps > max(horizon, 2):  # horizon=1 is allowed with the default min_steps of 2
            raise ValueError(f"min_steps must be at most the horizon {horizon:g}, got {self.min_steps:g}")
        if self.keep is not None and self.policy != "study":
            raise ValueError(
                f"keep is an option of policy study, got keep={self.keep:g}, policy={self.policy}"
            )
        if self.keep is not None and self.preset != "balanced":
            raise ValueError(f"keep replaces preset, got keep={self.keep:g}, preset={self.preset}")
        if self.keep is not None and self.min_gain is None and self.confidence != 0.95:
            raise ValueError(
                f"keep replaces confidence, got keep={self.keep:g}, confidence={self.confidence:g}"
            )
        if self.keep is None and self.n_trials is not None:
            raise ValueError(f"n_trials is used with keep only, got n_trials={self.n_trials}, keep=None")
        if self.surrogate == "mcmc" and find_spec("emcee") is None:
            raise ValueError('surrogate mcmc needs emcee: pip install "lcstop[mcmc]"')
        return self

    @classmethod
    def from_yaml(cls, path: str | Path) -> PrunerConfig:
        """Read the options from a YAML file; see :func:`load_config`."""
        return read_yaml(path, cls)


def horizon_of(horizon: float | str, *named: Mapping[str, Any]) -> float:
    """The horizon of one trial: ``horizon`` itself, or the trial's value with that name.

    Args:
        horizon: As in :class:`PrunerConfig`.
        named: The trial's values by name. The first mapping that has the name is used.

    Raises:
        ValueError: If no mapping has the name, or the value is not a number of at least 1.

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
                    f"horizon={horizon!r}: the length of a trial must be a number of at least 1, "
                    f"got {value!r}"
                )
            return length
    raise ValueError(f"horizon={horizon!r}: the trial has no {horizon!r}, which must hold its length")


def load_config(path: str | Path) -> PrunerConfig:
    """Read options for both adapters and :class:`lcstop.PrunerCore` from a YAML file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If a key or value in the file is not allowed. The message contains the file, the line, the
            key and the allowed values.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "pruner.yaml")
        ...     _ = path.write_text("horizon: 50\\nconfidence: 0.99")
        ...     load_config(path).confidence
        0.99
    """
    return read_yaml(path, PrunerConfig)
