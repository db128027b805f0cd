"""Surrogates as the command line names them: ``NAME`` or ``NAME:ARGUMENT``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import lcstop
from lcstop.nn.weights import SHIPPED
from lcstop.surrogates import Surrogate, load_surrogate


def load(spec: str) -> Surrogate:
    """The surrogate that ``spec`` names.

    ``mcmc:4000`` takes 4,000 samples a chain, ``lcpfn:PATH`` and ``lcpfn-published:PATH`` other weights than
    the shipped ones.

    Raises:
        ValueError: If there is no such surrogate, it takes no argument, or what it needs is missing.

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
    """What a surrogate's forecasts depend on, apart from its code: name, argument, weights and version.

    Raises:
        ValueError: If weights are missing or damaged.
    """
    name, _, argument = spec.partition(":")
    parts = {"spec": spec, "version": lcstop.__version__}
    if name in ("lcpfn", "lcpfn-published"):
        path = Path(argument) if argument else SHIPPED / "lcpfn.safetensors"
        parts["weights"] = hashlib.sha256(path.read_bytes()).hexdigest()
        parts["spec"] = name  # the same weights elsewhere are the same surrogate
    return json.dumps(parts, sort_keys=True)
