"""Released files: the wheel, the sdist, the package for OptunaHub, the citation."""

import json
import re
import runpy
import sys
import tarfile
import zipfile
from pathlib import Path

import optuna
import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from ruamel.yaml import YAML

import lcstop
from lcstop import PrunerConfig
from lcstop_optuna import LCPFNPruner

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The built wheel as an open zip file."""
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")))
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"lcstop", "lcstop_optuna", "lcstop_ray", f"lcstop-{lcstop.__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if "test" in Path(name).name]


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    folders = {"lcstop": "lcstop", "lcstop_optuna": "integrations/lcstop_optuna"}
    folders["lcstop_ray"] = "integrations/lcstop_ray"
    expected = {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
        for package, folder in folders.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    built = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert built == expected
    assert {f"lcstop/weights/{name}.safetensors" for name in ("lcpfn", "study")} < built
    assert {"lcstop/py.typed", "lcstop_optuna/py.typed", "lcstop_ray/py.typed"} < built


def test_the_wheel_is_small_and_says_what_it_needs(wheel):
    assert sum(entry.compress_size for entry in wheel.infolist()) < 10e6
    (metadata,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
    lines = wheel.read(metadata).decode().split("\n\n")[0].splitlines()
    assert "Requires-Python: >=3.10" in lines
    alone = [line for line in lines if line.startswith("Requires-Dist:") and "extra ==" not in line]
    names = {re.match(r"Requires-Dist: ([\w-]+)", line)[1] for line in alone}
    assert names == {
        "numpy",
        "pydantic",
        "ruamel-yaml",
        "rich",
        "safetensors",
        "scipy",
        "typer",
        "typing-extensions",
    }


def test_the_sdist_holds_what_the_tests_read(tmp_path):
    (path,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path))
    with tarfile.open(path) as opened:
        names = {name.split("/", 1)[1] for name in opened.getnames()}
    assert {"README.md", "Makefile", "constraints.txt", "tests/surrogates/reference.json"} < names
    assert {"configs/optuna.yaml", "docs/benchmark.md", "packaging/hub/README.md"} < names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".venv", "runs/"))]


@pytest.fixture
def registry(tmp_path):
    write = runpy.run_path(str(ROOT / "packaging" / "make_optunahub.py"))["write"]
    assert write(tmp_path) == tmp_path / "package" / "pruners" / "lcpfn"
    return tmp_path / "package"


def test_optunahub_gets_the_files_that_its_registry_asks_for(registry):
    folder = registry / "pruners" / "lcpfn"
    assert {path.name for path in folder.iterdir()} == {"__init__.py", "LICENSE", "README.md", "example.py"}
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    front, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)[1:]
    fields = YAML(typ="safe", pure=True).load(front)
    assert set(fields) == {"author", "title", "description", "tags", "optuna_versions", "license"}
    assert "pruner" in fields["tags"]
    assert fields["optuna_versions"] == [optuna.__version__]
    assert [line for line in body.splitlines() if line.startswith("## ")] == [
        f"## {name}" for name in ("Abstract", "Class or Function Names", "Installation", "Example", "Others")
    ]
    for name, field in PrunerConfig.model_fields.items():
        assert (f"{name}={field.default!r}" if name != "horizon" else "horizon, *") in body
    assert (folder / "example.py").read_text(encoding="utf-8") in body


def test_optunahub_loads_the_pruner(registry, monkeypatch):
    # As in optunahub.load_local_module. optunahub itself would install GitPython and PyGithub.
    from importlib.util import module_from_spec, spec_from_file_location

    file = registry / "pruners" / "lcpfn" / "__init__.py"
    spec = spec_from_file_location("optunahub_registry.package.pruners.lcpfn", file)
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    assert module.__all__ == ["LCPFNPruner"]
    assert module.LCPFNPruner is LCPFNPruner


def test_the_citation_names_this_version():
    citation = YAML(typ="safe", pure=True).load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == lcstop.__version__
    assert citation["authors"] == [{"name": "The lcstop authors"}]
    (paper,) = citation["references"]
    assert json.dumps(paper["identifiers"]).count("2310.20447") == 1


def test_the_recipe_for_conda_needs_what_the_wheel_needs(wheel):
    recipe = YAML(typ="safe", pure=True).load((ROOT / "packaging/conda/recipe.yaml").read_text("utf-8"))
    assert recipe["context"]["version"] == lcstop.__version__
    (metadata,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
    lines = wheel.read(metadata).decode().split("\n\n")[0].splitlines()
    on_conda = {
        "ray": "ray-tune",
        "ruamel-yaml": "ruamel.yaml",
        "matplotlib": "matplotlib-base",
        "torch": "pytorch",
        "typing-extensions": "typing_extensions",
    }
    needed, optional = set(), set()
    for line in lines:
        if found := re.match(r"Requires-Dist: ([\w-]+)(?:\[\w+\])?(>=[\d.]+)(?:; extra == '(\w+)')?$", line):
            name, least, extra = found.groups()
            if extra in (None, "all", "train"):
                (optional if extra else needed).add(f"{on_conda.get(name, name)} {least}")
    requirements = recipe["requirements"]
    assert set(requirements["run"]) == needed | {"python >=${{ python_min }}"}
    assert set(requirements["run_constraints"]) == optional
    assert "Requires-Python: >=3.10" in lines
    assert YAML(typ="safe").load((ROOT / "packaging/conda/variants.yaml").read_text("utf-8")) == {
        "python_min": ["3.10"]
    }
    (entry,) = recipe["build"]["python"]["entry_points"]
    (script,) = [name for name in wheel.namelist() if name.endswith("/entry_points.txt")]
    assert entry in wheel.read(script).decode().splitlines()


def test_each_python_of_the_metadata_has_a_session():
    """A session may name a newer Python, which has not been run yet."""
    metadata = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = re.findall(r"Python :: (3\.\d+)", metadata)
    sessions = re.search(r"^PYTHONS = (.*)$", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert named
    assert YAML(typ="safe", pure=True).load(sessions[1])[: len(named)] == named


def test_the_readme_of_an_index_has_no_picture_and_no_link_that_leads_nowhere(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
    head, readme = wheel.read(metadata).decode().split("\n\n", 1)
    assert "Description-Content-Type: text/markdown" in head.splitlines()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](docs/" in text
    assert "![" not in readme
    assert set(re.findall(r"\]\((.*?)\)", readme)) == set(re.findall(r"\]\((https?:.*?)\)", text))
    assert readme.count("```") == text.count("```")
    words = re.findall(r"(?<!!)\[([^\]]+)\]\((?!https?:)", text)
    assert words
    assert all(word in readme for word in words)


def test_the_metadata_are_complete(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
    lines = wheel.read(metadata).decode().split("\n\n")[0].splitlines()
    assert "Author: The lcstop authors" in lines
    assert "License-Expression: MIT" in lines
    assert any(line.startswith("Keywords: ") for line in lines)
    assert not [line for line in lines if line.startswith("Project-URL:")]  # there is no public address yet
