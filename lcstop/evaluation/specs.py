"""Names of surrogates on the command line: ``NAME`` or ``NAME:ARGUMENT``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import lcstop
from lcstop.nn.weights import SHIPPED
from lcstop.surrogates import Surrogate, load_surrogate


def load(spec: str) -> Surrogate:
    """The surrogate named by ``spec``.

    ``mcmc:4000`` is ``mcmc`` with 4,000 samples per chain. ``lcpfn:PATH`` and ``lcpfn-published:PATH`` use
    the weights at that path.

    Raises:
        ValueError: If there is no such surrogate, it takes no argument, or a package or file is missing.

    Example:
        >>> load("tarot")
        Traceback (most recent call last):
        ...
        ValueError: surrogate must be one of ..., got 'tarot'
    """
    name, _, argument = spec.partition(":")
    try:
        if not argument:
            return load_surrogate(name)
        if name == "mcmc":
            from lcstop.surrogates.mcmc import MCMC

            return MCMC(n_samples=int(argument))
        if name in ("lcpfn", "lcpfn-published"):
            from lcstop.surrogates.lcpfn import LCPFN

            return LCPFN(Path(argument), prior="broad" if name == "lcpfn" else "published")
    except ImportError as error:
        raise ValueError(str(error)) from error
    raise ValueError(f"surrogate {name!r} takes no argument, got {spec!r}")


def fingerprint(spec: str) -> str:
    """Everything that the forecasts of a surrogate depend on, as JSON: name, argument, weights, version.

    Raises:
        ValueError: If weights are missing or damaged.
    """
    name, _, argument = spec.partition(":")
    parts = {"spec": spec, "version": lcstop.__version__}
    if name in ("lcpfn", "lcpfn-published"):
        path = Path(argument) if argument else SHIPPED / "lcpfn.safetensors"
        parts["weights"] = hashlib.sha256(path.read_bytes()).hexdigest()
        parts["spec"] = name  # the path of the weights has no effect on forecasts
    return json.dumps(parts, sort_keys=True)
