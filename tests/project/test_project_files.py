"""Files around the package: workflows, Makefile, hooks and research notes agree with each other."""

import itertools
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
NOXFILE = (ROOT / "noxfile.py").read_text(encoding="utf-8")
NOTES = sorted(set((ROOT / "research").glob("*.md")) - {ROOT / "research" / "README.md"})
PAGES = [
    path
    for folder in (".", ".github", "docs", "examples", "packaging/hub", "research")
    for path in sorted((ROOT / folder).glob("*.md"))
]
LEFT_TO_ACTIONS = {"python -m pip install nox"}
"""Commands of a workflow that are no target of their own."""


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def sessions() -> set[str]:
    """Names of nox, with and without a version."""
    pythons = yaml.safe_load(re.search(r"^PYTHONS = (.*)$", NOXFILE, re.MULTILINE)[1])
    named = re.findall(r"^@nox\.session\(python=(.*)\)\ndef (\w+)\(", NOXFILE, re.MULTILINE)
    versions = {f"{name}-{python}" for on, name in named if on == "PYTHONS" for python in pythons}
    return {name for _, name in named} | versions


def commands(job: dict[str, Any]) -> list[str]:
    """What the steps run, for each combination of the matrix."""
    matrix = job.get("strategy", {}).get("matrix", {})
    found = []
    for values in itertools.product(*matrix.values()):
        for step in job["steps"]:
            line = step.get("run", "")
            for name, value in zip(matrix, values, strict=True):
                line = line.replace(f"${{{{ matrix.{name} }}}}", str(value))
            found.append(line.replace('"', ""))
    return [line for line in found if line]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_job_calls_one_target_that_exists(path):
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "group" in workflow["concurrency"]
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        lines = [line for line in commands(job) if line not in LEFT_TO_ACTIONS]
        assert lines, name
        for line in lines:
            target = re.fullmatch(r"make (\S+)|nox --error-on-missing-interpreters -s (\S+)", line)
            assert target, (name, line)
            assert target[1] in targets() if target[1] else target[2] in sessions(), (name, line)


def test_every_action_is_pinned_to_a_commit():
    for path in WORKFLOWS:
        for uses in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8")):
            assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v[\d.]+", uses), uses


def test_make_help_lists_every_target():
    described = set(re.findall(r"^([a-z][a-z-]*):.*## \S", MAKEFILE, re.MULTILINE))
    assert described == targets()
    assert described == set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split())
    if make := shutil.which("make"):
        shown = subprocess.run(  # noqa: S603
            [make, "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert {line.split()[0] for line in shown.stdout.splitlines()} == described


def test_test_files_that_targets_name_exist():
    for name in re.findall(r"tests/[\w/]+\.py", MAKEFILE + NOXFILE):
        assert (ROOT / name).exists(), name


def test_forms_hooks_and_settings_parse():
    for path in (ROOT / ".github").rglob("*.yml"):
        assert load(path), path
    (install,) = load(ROOT / ".readthedocs.yaml")["build"]["jobs"]["install"]
    extras = re.findall(r"\.\[(\w+)\]", install)
    metadata = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(re.search(rf"^{extra} = \[", metadata, re.MULTILINE) for extra in extras)
    (local,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    pins = {pin for hook in local["hooks"] for pin in hook["additional_dependencies"]}
    (ruff,) = re.findall(r"^ruff==[\d.]+", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert ruff in pins
    assert len(pins) == 2


def test_each_note_has_a_row_a_date_and_a_verdict():
    index = (ROOT / "research" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(.*)\]\((.*)\) \| .+ \| .+ \| (.*) \|$", index, re.MULTILINE)
    assert sorted(name for _, name, _ in rows) == [path.name for path in NOTES]
    for question, name, date in rows:
        text = (ROOT / "research" / name).read_text(encoding="utf-8")
        assert text.startswith(f"# {question}\n\nDate: {date}\n"), name
        assert "**Verdict.**" in text, name
        assert len(text.splitlines()) <= 100, name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_and_notes_that_pages_name_exist(path):
    text = path.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s#]+)", text):
        assert re.match(r"https?:", link) or (path.parent / link).exists(), link
    for name in re.findall(r"`(research/[\w/.-]*)`", text):
        assert (ROOT / name).exists(), name
