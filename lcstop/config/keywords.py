"""Constructors that take the pruner's options as keywords."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from lcstop.config.error_messages import suggest
from lcstop.config.pruner import PrunerConfig

Init = TypeVar("Init", bound=Callable[..., None])


def options_as_text(config: PrunerConfig) -> str:
    """The horizon and the options that differ from their defaults, as keywords.

    Example:
        >>> options_as_text(PrunerConfig(horizon=50, min_steps=3, upper=1))
        'horizon=50, min_steps=3, upper=1'
    """
    fields = PrunerConfig.model_fields
    given = {
        name: value
        for name, value in config.model_dump().items()
        if name == "horizon" or value != fields[name].default
    }
    texts = (f"{value:g}" if isinstance(value, float) else repr(value) for value in given.values())
    return ", ".join(f"{name}={text}" for name, text in zip(given, texts, strict=True))


def takes_options(init: Init) -> Init:
    """Replace ``**options`` in the signature of ``init`` by every option with its type and default.

    ``help()`` and notebooks show this signature, and calls with unknown keywords raise. Type checkers use
    ``Unpack[PrunerOptions]`` instead.

    Args:
        init: An ``__init__`` that takes the options of :class:`lcstop.PrunerConfig` as ``**options``. Options
            that are parameters of its own, such as the horizon, keep their position and default.

    Raises:
        TypeError: If the constructor is called with an unknown keyword.

    Example:
        >>> class Pruner:
        ...     @takes_options
        ...     def __init__(self, horizon: float, **options: object) -> None: ...
        >>> signature = inspect.signature(Pruner)
        >>> [str(signature.parameters[name]) for name in ("horizon", "confidence", "shadow")]
        ['horizon: float', 'confidence: float = 0.95', 'shadow: bool = False']
        >>> Pruner(50, confidence=0.99, patiense=2)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        TypeError: Pruner has no option 'patiense'; did you mean 'patience'? allowed: horizon, ...
    """
    signature = inspect.signature(init, eval_str=True)
    *own, _ = signature.parameters.values()
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.annotation
        )
        for name, field in PrunerConfig.model_fields.items()
        if name not in signature.parameters
    ]
    signature = signature.replace(parameters=[*own, *options])
    _, *names = signature.parameters  # without self

    @functools.wraps(init)
    def checked(self: object, *args: Any, **keywords: Any) -> None:
        for name in keywords:
            if name not in names:
                raise TypeError(f"{type(self).__name__} has no option {name!r}{suggest(name, names)}")
        init(self, *args, **keywords)

    checked.__signature__ = signature  # type: ignore[attr-defined]
    return cast("Init", checked)
