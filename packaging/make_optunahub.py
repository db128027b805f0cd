"""Write the package in the layout of OptunaHub's registry.

    python packaging/make_optunahub.py [FOLDER]     # default: dist/optunahub

The registry accepts no binary files, so its module imports the class from the installed lcstop. The README of
the package is generated from the code.
"""

import inspect
import sys
from pathlib import Path

import optuna

from lcstop_optuna import LCPFNPruner

HERE = Path(__file__).parent


def signature() -> str:
    """The constructor of the pruner in one line, without annotations."""
    parameters = inspect.signature(LCPFNPruner).parameters.values()
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return LCPFNPruner.__name__ + str(inspect.Signature(plain))


def write(registry: Path) -> Path:
    """Write the package below the root of a registry; return its folder."""
    folder = registry / "package" / "pruners" / "lcpfn"
    folder.mkdir(parents=True, exist_ok=True)
    templates = HERE / "hub"
    for name in ("__init__.py", "example.py"):
        (folder / name).write_text((templates / name).read_text(encoding="utf-8"), encoding="utf-8")
    readme = (templates / "README.md").read_text(encoding="utf-8")
    filled = {
        "{optuna_version}": optuna.__version__,
        "{signature}": signature(),
        "{example}": (templates / "example.py").read_text(encoding="utf-8"),
    }
    for field, text in filled.items():
        readme = readme.replace(field, text)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    licence = (HERE.parent / "LICENSE").read_text(encoding="utf-8")
    (folder / "LICENSE").write_text(licence, encoding="utf-8")
    return folder


if __name__ == "__main__":
    print(write(Path(*sys.argv[1:2] or ["dist/optunahub"])))
