"""LCPFNPruner for OptunaHub; the code and the weights are those of the package lcstop."""

try:
    from lcstop_optuna import LCPFNPruner
except ImportError as error:
    raise ImportError('pruners/lcpfn needs the package lcstop: pip install "lcstop[optuna]"') from error

__all__ = ["LCPFNPruner"]
