"""SearchConfig: the content of a search file, for both engines."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lcstop.config.error_messages import suggest
from lcstop.config.horizon import horizon_of
from lcstop.config.parameter import Parameter
from lcstop.config.pruner import RECORDED, PrunerConfig
from lcstop.curves.curve import Curve, Direction

Objective = Callable[..., Iterator[float]]
"""Takes hyperparameters as keywords and yields the metric after every step."""


class ObjectiveError(RuntimeError):
    """The user's objective has failed. The cause is the exception that it raised."""


@dataclass(frozen=True)
class SearchResult:
    """The result of a search.

    Attributes:
        study: Name of the search.
        storage: URL or folder of the results.
        metric: Name of the metric.
        n_trials: Number of trials that have ended, in this run and before, without failed trials.
        n_stopped: Number of those that were stopped.
        n_failed: Number of trials in which the objective failed in this run.
        steps: Steps of all trials that have ended.
        steps_unpruned: Steps of the same trials if none had been stopped.
        seconds: Wall time of this run.
        best: Best value of a trial; None if no trial has finished.
        best_trial: Number of the best trial, in Ray its id.
        best_params: Hyperparameters of the best trial.
    """

    study: str
    storage: str
    metric: str
    n_trials: int
    n_stopped: int
    n_failed: int
    steps: int
    steps_unpruned: int
    seconds: float
    best: float | None
    best_trial: int | str | None
    best_params: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """All attributes, for JSON."""
        return asdict(self)


class SearchConfig(BaseModel):
    """A search for hyperparameters, as ``lcstop run`` reads it from a file.

    Example:
        >>> SearchConfig(
        ...     objective="lcstop.demo.digits:objective",
        ...     study="digits",
        ...     storage="sqlite:///digits.db",
        ...     direction="maximize",
        ...     n_trials=60,
        ...     space={"depth": Parameter(type="int", low=1, high=3)},
        ...     pruner=PrunerConfig(horizon=40),
        ... ).sampler
        'tpe'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    objective: str = Field(
        description="`module:function` of a generator that takes the hyperparameters as keywords and yields "
        "the metric after every step. At most `pruner.horizon` values are read."
    )
    study: str = Field(description="Name of the search: letters, digits, dots, - and _.")
    storage: str = Field(
        min_length=1,
        description="Where results are stored, to resume the search: an SQL database URL such as "
        "`sqlite:///runs/digits.db` for Optuna, a folder for Ray.",
    )
    direction: Direction = Field(description="Whether a higher or a lower metric is better.")
    n_trials: int = Field(
        ge=1,
        description="Number of trials at the end of the search, earlier runs of the same command included.",
    )
    space: dict[str, Parameter] = Field(min_length=1, description="Range of each hyperparameter, by name.")
    pruner: PrunerConfig = Field(description="Options of the stopping decision.")
    engine: Literal["optuna", "ray"] = Field("optuna", description="The framework that runs the search.")
    metric: str = Field("value", min_length=1, description="Name of the value that the objective yields.")
    sampler: Literal["tpe", "random"] = Field(
        "tpe", description="`tpe` learns from earlier trials; `random` does not."
    )
    seed: int | None = Field(
        None, ge=0, lt=2**32, description="Seed of the sampler. Without one, no two searches are the same."
    )
    arguments: dict[str, Any] = Field(
        {}, description="Further keyword arguments of the objective, the same for every trial."
    )
    resources: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {},
        description="Resources of a trial in Ray's cluster, such as `{cpu: 2, gpu: 0.5}`. Default: one CPU.",
    )

    @field_validator("objective")
    @classmethod
    def _check_objective(cls, value: str) -> str:
        if not re.fullmatch(r"\w+(\.\w+)*:\w+", value):
            raise ValueError(f"must be module:function, such as lcstop.demo.digits:objective, got {value!r}")
        return value

    @field_validator("study")
    @classmethod
    def _check_study(cls, value: str) -> str:
        if not re.fullmatch(r"\w[\w.-]*", value):  # with Ray it is the name of a folder
            raise ValueError(f"must consist of letters, digits, dots, - and _, got {value!r}")
        return value

    @model_validator(mode="after")
    def _check(self) -> SearchConfig:
        if self.resources and self.engine != "ray":
            raise ValueError(f"resources is for engine: ray, got engine {self.engine}")
        if self.pruner.pause:
            raise ValueError("pruner must have pause: false, since an objective has no checkpoints here")
        twice = sorted(set(self.space) & set(self.arguments))
        if twice:
            raise ValueError(f"arguments must not be in the space as well, got {', '.join(twice)}")
        horizon = self.pruner.horizon
        if isinstance(horizon, str) and horizon not in self.space:
            raise ValueError(
                f"pruner has a horizon that is neither a number nor in the space, got {horizon!r}"
                + suggest(horizon, self.space)
            )
        return self

    def n_steps(self, params: Mapping[str, Any]) -> int:
        """Number of steps of a full trial with these hyperparameters."""
        return math.ceil(horizon_of(self.pruner.horizon, params))

    def load_objective(self) -> Objective:
        """Import the objective.

        Raises:
            ObjectiveError: If the import of its module fails.
            ValueError: If there is no such module or function, or the function does not take the
                hyperparameters.
        """
        module_name, _, name = self.objective.partition(":")
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            missing = error.name or module_name
            if not f"{module_name}.".startswith(f"{missing}."):
                raise ObjectiveError(f"{module_name} needs the module {missing!r}: {error}") from error
            raise ValueError(
                f"objective: there is no module {missing!r} in the current directory or among the installed "
                "packages"
            ) from error
        except Exception as error:
            raise ObjectiveError(f"{module_name} cannot be imported: {error!r}") from error
        objective: Objective | None = getattr(module, name, None)
        if not callable(objective):
            functions = [key for key, value in vars(module).items() if inspect.isfunction(value)]
            raise ValueError(f"objective: {module_name} has no function {name!r}{suggest(name, functions)}")
        try:
            inspect.signature(objective).bind(**dict.fromkeys([*self.space, *self.arguments]))
        except TypeError as error:
            raise ValueError(f"objective: {self.objective} does not take the space: {error}") from error
        return objective

    def curve(self, objective: Objective, params: Mapping[str, Any]) -> Iterator[float]:
        """The metric after every step of one trial. The iterator trains a step for each value.

        Args:
            objective: The objective that :meth:`load_objective` returns.
            params: Hyperparameters of the trial.

        Raises:
            TypeError: If the objective does not yield numbers.
        """
        values = objective(**self.arguments, **params)
        if not isinstance(values, Iterator):
            raise TypeError(
                f"{self.objective} must yield the metric after every step, got {type(values).__name__}"
            )
        return map(float, islice(values, self.n_steps(params)))

    def value(self, values: list[float]) -> float:
        """The value of a trial: the best or the last of ``values``, as ``pruner.target`` says.

        NaN if there is no finite value.
        """
        if self.pruner.target == "final":
            return values[-1] if values else math.nan
        best = Curve(range(1, len(values) + 1), values, max(len(values), 1)).best(self.direction)
        return math.nan if best is None else best

    def changes(self, stored: Mapping[str, Any], ignore: str | None = None) -> list[str]:
        """The differences to the configuration with which a search was started, one entry per key.

        Args:
            stored: The configuration with which the search was started, as JSON.
            ignore: A key whose value may differ.

        Example:
            >>> config = SearchConfig(
            ...     objective="m:f", study="s", storage="s", direction="maximize", n_trials=5,
            ...     space={"depth": Parameter(type="int", low=1, high=3)}, pruner=PrunerConfig(horizon=40),
            ... )
            >>> config.changes({**config.model_dump(mode="json"), "n_trials": 3})
            ['n_trials was 3, is 5']
        """
        # Adds the defaults of options that the version which stored the configuration did not have.
        with contextlib.suppress(ValidationError, ValueError, KeyError, TypeError):
            pruner = {**stored["pruner"]}
            for name, former in _FORMER_DEFAULTS.items():
                if pruner.get(name) == former and getattr(self.pruner, name) != former:
                    del pruner[name]
            stored = {**stored, "pruner": PrunerConfig.from_record(pruner).model_dump()}
            stored = SearchConfig.model_validate(stored, context=RECORDED).model_dump(mode="json")
        old, new = _flat(stored), _flat(self.model_dump(mode="json"))
        return [
            f"{key} was {old.get(key)!r}, is {new.get(key)!r}"
            for key in dict.fromkeys([*old, *new])
            if key != ignore and old.get(key) != new.get(key)
        ]


_FORMER_DEFAULTS = {"preset": "balanced", "audit": 0.05}
"""Options of the pruner whose default has changed. Files that do not name them have not changed."""


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with keys joined by dots. Empty mappings are left out."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
