"""Install the built wheel into new environments, run the README's first examples, and print a table.

    python packaging/try_wheel.py dist/lcstop-*.whl [extra ...]

Extras are tried in the order given. Default: none, optuna, ray, all and train, where `none` is the wheel
without extras. If an extra needs torch, the pinned version of torch is installed first, so that no other
package chooses its build. Otherwise torch must not be installed.
"""

import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
CURVE = "epoch,val_acc\n1,0.3\n2,0.5\n3,0.6\n"
WITH_TORCH = ("train", "demo")
EVALUATE = ["evaluate", "--on", "prior:10", "--curves", "1", "--against", "last_value", "--json"]
PREDICT = ["predict", "curve.csv", "--horizon", "50", "--direction", "maximize", "--upper", "1", "--json"]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command; its output. If the command fails, this script ends."""
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def seconds(*command: str | Path, cwd: Path) -> float:
    """Time that a command takes."""
    start = time.perf_counter()
    run(*command, cwd=cwd)
    return time.perf_counter() - start


def size(folder: Path) -> float:
    """Size of a folder, in megabytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def snippet(engine: str) -> str:
    """The README's example for an engine."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    return next(block for block in blocks if f"from lcstop_{engine} import" in block)


def try_extra(wheel: Path, extra: str, torch: str, folder: Path) -> dict[str, str]:
    """Try the wheel with one extra in a new environment below ``folder``; a row of the table."""
    environment = folder / extra
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet"]
    spec = str(wheel) if extra == "none" else f"{wheel}[{extra}]"
    spent = seconds(*pip, torch, cwd=folder) if extra in WITH_TORCH else 0.0
    row = {"extra": extra, "install, s": f"{spent + seconds(*pip, spec, cwd=folder):.0f}"}
    row["packages"] = str(len(run(python, "-m", "pip", "list", "--format=freeze", cwd=folder).split()))
    packages = next(environment.glob("lib/*/site-packages"))
    row["site-packages, MB"] = f"{size(packages):.0f}"
    row["of it torch, MB"] = f"{size(packages / 'torch'):.0f}"
    if (packages / "torch").exists() != (extra in WITH_TORCH):
        sys.exit(f"the extra {extra} {'brings no' if extra in WITH_TORCH else 'brings'} torch")
    engine = extra in ("optuna", "ray")
    decides = {
        "optuna": "from lcstop_optuna import LCPFNPruner",
        "ray": "from lcstop_ray import LCPFNScheduler",
    }
    code = "import time; t = time.perf_counter(); "
    code += f"{decides.get(extra, 'from lcstop import PrunerCore')}; print(time.perf_counter() - t)"
    run(python, "-c", code, cwd=folder)  # the first import writes byte code
    row["import, s"] = f"{float(run(python, '-c', code, cwd=folder)):.2f}"
    (folder / "curve.csv").write_text(CURVE, encoding="utf-8")
    run(environment / "bin" / "lcstop", "--version", cwd=folder)
    schema = run(environment / "bin" / "lcstop", "config", "schema", cwd=folder)
    if schema != (ROOT / "configs" / "schema" / "pruner.json").read_text(encoding="utf-8"):
        sys.exit("the installed schema is not that of configs/schema")
    if not engine:
        words = EVALUATE if extra in WITH_TORCH else PREDICT
        spent = seconds(environment / "bin" / "lcstop", *words, cwd=folder)
        row["tried, s"] = f"{spent:.1f} (`lcstop {words[0]}`)"
        return row
    if extra == "optuna":
        run(*pip, "scikit-learn", cwd=folder)  # for the README's example
    script = folder / f"{extra}_snippet.py"
    script.write_text(snippet(extra), encoding="utf-8")
    row["tried, s"] = f"{seconds(python, script, cwd=folder):.1f}"
    return row


def main(wheel: Path, extras: list[str]) -> None:
    """Try every extra in turn."""
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    torch = next(line for line in constraints.splitlines() if line.startswith("torch=="))
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, Python {version}, {torch}\n")
    for number, extra in enumerate(extras):
        with tempfile.TemporaryDirectory() as folder:
            row = try_extra(wheel, extra, torch, Path(folder))
        if not number:
            print("| " + " | ".join(row) + " |")
            print("|" + "---|" * len(row))
        print("| " + " | ".join(row.values()) + " |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:] or ["none", "optuna", "ray", "all", "train"])
