"""PrunerConfig: the options of the stopping decision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from typing_extensions import Unpack

from lcstop.config.checks import check_options, has_replaced
from lcstop.config.choices import Policy, Preset, SurrogateName
from lcstop.config.error_messages import describe_error
from lcstop.config.horizon import Horizon
from lcstop.config.keep import (
    DEFAULT_CONFIDENCE,
    DEFAULT_KEEP,
    KEEP,
    Keep,
    keep_probability,
    warn_of_replaced,
)
from lcstop.config.pruner_options import AllOptions
from lcstop.config.yaml_file import read_yaml
from lcstop.curves.curve import Target

RECORDED = {"recorded": True}
"""Validation context in which options are read from a record: nothing is warned of."""


_NAMES = ", ".join(f"`{name}` ({share:g})" for name, share in KEEP.items())


class PrunerConfig(BaseModel):
    """Options of :class:`lcstop.PrunerCore`. Both adapters take them as keywords.

    The options are documented in the descriptions of the fields. ``make generate`` writes the page of
    options, the JSON schemas and ``configs/optuna.yaml`` from them.

    Example:
        >>> PrunerConfig(horizon=50).keep
        'balanced'
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
        description="How a trial is judged. `study`: by the other trials of its study; it is stopped when "
        "its chance of becoming the best falls below a threshold. `published`: by its own curve, as in the "
        "LC-PFN paper; it is stopped when it beats the best so far with probability at most "
        "1 - `confidence`.",
    )
    keep: Keep = Field(
        DEFAULT_KEEP,
        description="Probability that the best of all trials that are started is not stopped: a number, or "
        f"{_NAMES}. Each stop of `policy: study` spends the probability that the trial would have become the "
        "best, all together at most 1 - `keep`. `safe` loses the fewest good trials. `bold` stops the most, "
        "for a search whose time is fixed and whose number of trials is not. null (None) only with "
        "`policy: published` or `preset`.",
    )
    n_trials: int | None = Field(
        None,
        ge=1,
        description="Number of trials that the study will have, for `keep`, those it holds already included; "
        "null (None) if unknown. Twice the trials so far are then assumed, and at least 30, as in a study "
        "that has more trials than it was told. Ray Tune's `num_samples` and the `n_trials` of `lcstop run` "
        "are used without it.",
    )
    use_params: bool = Field(
        True,
        description="Whether `policy: study` also compares the trials' hyperparameters, if there are any. "
        "With `preset` the higher of the probabilities with and without them counts.",
    )
    confidence: float = Field(
        DEFAULT_CONFIDENCE,
        gt=0,
        lt=1,
        description="Required certainty of a stop by `policy: published`, and of an end by `min_gain`. "
        "Values nearer to 1 end fewer trials. `policy: published` stops a trial when it beats the best so "
        "far with probability at most 1 - `confidence`. `policy: study` has `keep` instead.",
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
        "`policy: study` decides with `lcpfn`, and shows this one in the reason of a stop. All but `lcpfn` "
        "are for comparisons: `lcpfn-published` assumes the prior of the paper, `mcmc` takes seconds per "
        "decision and needs `lcstop[mcmc]`.",
    )
    audit: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of stops that are suppressed to check them, from the eleventh stop of a study on; "
        "0 switches the audit off. These audited trials run to their end and show how many stopped trials "
        "would have beaten the best so far. If that share is significantly above 1 - `keep` (`policy: "
        "published`: 1 - `confidence`), fewer trials are stopped from then on. Each audited trial costs a "
        "full run.",
    )
    shadow: bool = Field(
        False,
        description="Whether to decide, log and record everything but stop no trial.",
    )
    pause: bool = Field(
        False,
        description="Whether trials wait instead of being stopped, and go on later if they look best. It "
        "finds good trials sooner. Trials must be able to go on from a checkpoint. Once there is no new "
        "trial, `keep` decides which of the waiting trials are stopped. Only with `policy: study`, and "
        "without `audit`, `shadow` and `preset`.",
    )
    preset: Preset | None = Field(
        None,
        description="Until lcstop 0.3: the thresholds of `policy: study` before there was `keep`, with a "
        "warning; null (None) for `keep`. Write `keep` with the same name instead.",
    )

    def __init__(self, **options: Unpack[AllOptions]) -> None:
        """Validate the options.

        Raises:
            ValueError: If an option is missing, unknown or not allowed. The message contains its name, its
                value and the allowed values.
        """
        try:
            super().__init__(**options)
        except ValidationError as error:
            raise _one_line(error) from None

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
    def _check(self, info: ValidationInfo) -> PrunerConfig:
        check_options(self)
        if has_replaced(self):
            self.__dict__["keep"] = None
            if info.context != RECORDED:
                is_used = self.policy == "study"
                warn_of_replaced(self.preset, self.confidence, is_used=is_used)
        elif self.policy != "study":
            self.__dict__["keep"] = None
        elif self.keep is None:
            self.__dict__["keep"] = DEFAULT_KEEP
        return self

    def __setstate__(self, state: dict[Any, Any]) -> None:
        # Schedulers that Ray has pickled may come from an earlier version, which had not every option.
        super().__setstate__(state)
        self.__dict__.setdefault("keep", None)  # a preset decides
        if self.__dict__["keep"] is not None:
            self.__dict__["preset"] = None  # the first version with keep had both
        for name, field in type(self).model_fields.items():
            self.__dict__.setdefault(name, field.default)

    @property
    def keep_probability(self) -> float | None:
        """The probability that :attr:`keep` stands for; None where ``keep`` does not decide."""
        return None if self.keep is None else keep_probability(self.keep)

    @classmethod
    def from_yaml(cls, path: str | Path) -> PrunerConfig:
        """Read the options from a YAML file; see :func:`load_config`."""
        return read_yaml(path, cls)

    @classmethod
    def from_record(cls, options: Mapping[str, Any]) -> PrunerConfig:
        """The options on record of a study, of this version or another one. Nothing is warned of.

        Options that this version does not have are left out.

        Raises:
            ValueError: If an option is missing or not allowed.

        Example:
            >>> PrunerConfig.from_record({"horizon": 50, "preset": "safe", "brave": True}).preset
            'safe'
        """
        known = {name: value for name, value in options.items() if name in cls.model_fields}
        if known.get("keep") is not None:
            known.pop("preset", None)  # the first version with keep recorded both
        try:
            return cls.model_validate(known, context=RECORDED)
        except ValidationError as error:
            raise _one_line(error) from None


def _one_line(error: ValidationError) -> ValueError:
    return ValueError("; ".join(describe_error(e, PrunerConfig) for e in error.errors()))


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
        ...     _ = path.write_text("horizon: 50\\nkeep: 0.9")
        ...     load_config(path).keep
        0.9
    """
    return read_yaml(path, PrunerConfig)
