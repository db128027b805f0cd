"""The documentation: its code runs, its names exist, its tables match the frameworks."""

import inspect
import json
import re
import runpy
from pathlib import Path

import optuna
import pytest
from ray.tune.schedulers import ASHAScheduler, HyperBandScheduler, MedianStoppingRule
from ruamel.yaml import YAML
from typer.testing import CliRunner

from lcstop import PrunerConfig
from lcstop.commands.app import app
from lcstop.config.keep import DEFAULT_KEEP, KEEP
from lcstop_optuna import LCPFNPruner
from lcstop_ray import LCPFNScheduler

ROOT = Path(__file__).parents[2]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
TEXTS = {**PAGES, **{name: (ROOT / f"{name}.md").read_text("utf-8") for name in ("README", "CONTRIBUTING")}}
RULES = {
    "MedianPruner": optuna.pruners.MedianPruner,
    "SuccessiveHalvingPruner": optuna.pruners.SuccessiveHalvingPruner,
    "HyperbandPruner": optuna.pruners.HyperbandPruner,
    "PercentilePruner": optuna.pruners.PercentilePruner,
    "WilcoxonPruner": optuna.pruners.WilcoxonPruner,
    "PatientPruner": optuna.pruners.PatientPruner,
    "ThresholdPruner": optuna.pruners.ThresholdPruner,
    "ASHAScheduler": ASHAScheduler,
    "HyperBandScheduler": HyperBandScheduler,
    "MedianStoppingRule": MedianStoppingRule,
}


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language, including those inside tabs."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


PYTHON = [
    pytest.param(code, id=f"{page}-{number}")
    for page, text in PAGES.items()
    for number, code in enumerate(blocks(text, "python"))
    if "__main__" not in code and not code.startswith("# ")
]


@pytest.fixture(autouse=True)
def quiet():
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(verbosity)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the study and the files that the commands of the pages name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    storage = optuna.storages.RDBStorage("sqlite:///study.db")
    study = optuna.create_study(storage=storage, study_name="tuning")
    for number in range(18):
        reports = {step: 1 / (step + number) for step in range(1, 5)}
        study.add_trial(optuna.trial.create_trial(value=reports[4], intermediate_values=reports))
    storage.remove_session()
    storage.engine.dispose()
    return tmp_path


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")  # PatientPruner
@pytest.mark.parametrize("code", PYTHON)
def test_python_runs_as_written_and_is_not_warned_of(code, folder, warnings):
    script = folder / "page.py"
    script.write_text(code, encoding="utf-8")
    runpy.run_path(str(script))
    meant = "a decision took", "a trial goes on because"
    assert not [message for message in warnings() if not message.startswith(meant)]


def test_code_for_ray_is_that_of_the_readme_which_is_run():
    (code,) = [code for code in blocks(PAGES["first-ray-search"], "python") if "__main__" in code]
    (readme,) = [code for code in blocks(TEXTS["README"], "python") if "__main__" in code]
    assert code == readme


def test_what_the_page_on_metrics_shows_is_what_its_code_prints(tmp_path, capsys, caplog):
    (code,) = blocks(PAGES["metrics"], "python")
    (shown,) = blocks(PAGES["metrics"], "text")
    script = tmp_path / "metrics.py"
    script.write_text(code, encoding="utf-8")
    runpy.run_path(str(script))
    warned = [f"{record.levelname}:{record.name}:{record.getMessage()}" for record in caplog.records]
    assert [*warned, capsys.readouterr().out.strip()] == shown.strip().splitlines()


@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if "```console" in text])
def test_commands_run_as_written(page, folder):
    for code in blocks(PAGES[page], "python") + blocks(PAGES[page], "yaml"):
        if code.startswith("# "):
            (folder / code.split()[1]).write_text(code, encoding="utf-8")
        elif "storage=" in code:  # makes the study that the commands read
            (folder / "search.py").write_text(code, encoding="utf-8")
            runpy.run_path(str(folder / "search.py"))
    for line in "".join(blocks(PAGES[page], "console")).splitlines():
        words = line.split()
        assert words[0] == "$"
        if words[1] == "lcstop":
            result = CliRunner().invoke(app, words[2:], catch_exceptions=False)
            assert result.exit_code == 0, result.output
        else:
            assert words[1:3] == ["pip", "install"]


def test_files_in_yaml_are_fine(folder):
    for text in PAGES.values():
        for number, code in enumerate(blocks(text, "yaml")):
            path = folder / f"{number}.yaml"
            path.write_text(code, encoding="utf-8")
            assert CliRunner().invoke(app, ["config", "check", str(path)]).exit_code == 0


@pytest.mark.parametrize("page", TEXTS)
def test_commands_and_their_options_exist(page):
    lines = re.findall(r"(?:`|^ *|^\$ )lcstop ([a-z-]+)((?: (?!#)[^`\n#]+)?)", TEXTS[page], re.MULTILINE)
    for command, rest in lines:
        group = ["config", rest.split()[0]] if command == "config" and rest.split() else [command]
        shown = CliRunner().invoke(app, [*group, "--help"], env={"COLUMNS": "300", "TERM": "dumb"})
        assert shown.exit_code == 0, group
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in shown.output, (command, option)


def test_extras_targets_and_sessions_exist():
    metadata = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    for page, text in TEXTS.items():
        for extras in re.findall(r"lcstop\[([\w,]+)\]", text):
            for extra in extras.split(","):
                assert re.search(rf"^{extra} = \[", metadata, re.MULTILINE), (page, extra)
        for target in re.findall(r"(?:`|^ *)make ([a-z][a-z-]*)", text, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), (page, target)
        for session in re.findall(r"nox -s ([a-z]+)", text):
            assert f"def {session}(" in sessions, (page, session)


def test_scripts_and_files_that_pages_name_exist():
    for page, text in TEXTS.items():
        for name in re.findall(r"`(?:python )?((?:configs|docs|benchmarks|lcstop|packaging)/[\w/.-]+)", text):
            assert (ROOT / name.rstrip(".")).exists(), (page, name)


@pytest.mark.parametrize("name", RULES)
def test_tables_of_other_rules_name_all_their_options_and_defaults(name):
    table = re.search(rf"^\| `{name}` \|.*\n\|---.*\n((?:\|.*\n)+)", PAGES["migration"], re.MULTILINE)[1]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    parameters = inspect.signature(RULES[name]).parameters
    assert [(row[0].strip("`"), row[1]) for row in rows] == [
        (parameter.name, "required" if parameter.default is parameter.empty else str(parameter.default))
        for parameter in parameters.values()
    ]
    for row in rows:
        for option, default in re.findall(r"`(\w+)(?:=(\w+))?`", row[2]):
            assert option in inspect.signature(LCPFNScheduler).parameters
            if default:
                assert str(PrunerConfig.model_fields[option].default) == default


def test_the_table_of_keep_is_true():
    rows = re.findall(r"^\| `(\w+)`(, the default)? \| ([\d.]+) \|", PAGES["choosing"], re.MULTILINE)
    assert {name: float(probability) for name, _, probability in rows} == KEEP
    assert [name for name, default, _ in rows if default] == [DEFAULT_KEEP]


def test_no_page_says_other_figures_than_the_file_of_figures():
    figures = runpy.run_path(str(ROOT / "docs" / "figures.py"))
    known = json.loads(figures["FIGURES"].read_text(encoding="utf-8"))
    with_figures = [path for path in figures["PAGES"] if "<!-- figures: " in path.read_text(encoding="utf-8")]
    assert ROOT / "README.md" in with_figures
    for path in with_figures:
        text = path.read_text(encoding="utf-8")
        assert text == figures["written"](text, known), f"{path}: run python docs/figures.py"


def test_tables_of_the_benchmark_come_from_the_file_of_figures():
    figures = runpy.run_path(str(ROOT / "docs" / "figures.py"))
    for path in figures["PAGES"]:
        outside = figures["_BLOCK"].sub("", path.read_text(encoding="utf-8"))
        found = re.search(r"^\|.*(?:best kept|times sooner|lost at the end)", outside, re.MULTILINE)
        assert not found, path
    named = set(re.findall(r"<!-- figures: (\w+)", "".join(TEXTS.values())))
    assert named == {*figures["TABLES"], "promise"}


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    named = re.findall(r": (\w[\w-]*)\.md$", navigation, re.MULTILINE)
    assert sorted(named) == sorted(PAGES)


def test_the_pages_load_nothing_from_elsewhere():
    settings = YAML(typ="safe", pure=True).load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["theme"]["font"] is False
    for page, text in PAGES.items():
        assert not re.search(r"!\[[^\]]*\]\(https?:|<(?:script|img|iframe|link)[^>]*https?:", text), page


def test_options_in_the_pages_are_options():
    known = {*inspect.signature(LCPFNPruner).parameters, *inspect.signature(LCPFNScheduler).parameters}
    for page in ("choosing", "metrics", "troubleshooting", "how-it-works", "index"):
        for name in re.findall(r"`(\w+)=[\w\".]+`", PAGES[page]):
            assert name in known | {"n_jobs", "step"}, (page, name)
