"""YAML files: what is wrong in one is one line with its place, and exit code 2."""

import json
import re

import pytest
import yaml

from lcstop import PrunerConfig, load_config
from lcstop.commands.app import main
from lcstop.config.search_config import SearchConfig
from lcstop.config.yaml_file import read_yaml

SEARCH = """\
objective: module:function
study: digits
storage: sqlite:///digits.db
direction: maximize
n_trials: 6
space:
  depth: {type: int, low: 1, high: 3}
pruner:
  horizon: 50
"""

BROKEN = {
    "wrong type": (b"horizon: 50\nconfidence: many\n", r":2: confidence: .*valid number, got 'many'"),
    "a number in quotes": (b'horizon: "50"\n', r":1: horizon: .*got '50', which is text; write 50 without"),
    "no dot before the exponent": (
        b"horizon: 50\nlower: 1e-5\n",
        r":2: lower: .*got '1e-5', which is text; write 1.0e-05 without quotes",
    ),
    "unknown key": (
        b"horizon: 50\nconfidance: 0.9\n",
        r":2: confidance: no such key, got 0.9; did you mean 'confidence'\? allowed: horizon, policy, ",
    ),
    "missing key": (b"confidence: 0.9\n", r":1: horizon: is missing"),
    "out of range": (b"horizon: 50\n\nconfidence: 95\n", r":3: confidence: .*less than 1, got 95"),
    "not one of the words": (b"horizon: 50\ntarget: last\n", r":2: target: .*'best' or 'final', got 'last'"),
    "no such surrogate": (b"horizon: 50\nsurrogate: gp\n", r":2: surrogate: .*'lcpfn', .*got 'gp'"),
    "two keys at odds": (b"horizon: 50\nupper: 0\nlower: 1\n", r":3: lower must be below upper, got lower=1"),
    "nothing after the colon": (b"horizon:\n", r":1: horizon: .*valid number, got None"),
    "empty": (b"", r" is empty"),
    "only comments": (b"# horizon: 50\n", r" is empty"),
    "a list": (b"- horizon: 50\n", r":1: .*keys and values.*, got a list"),
    "a single value": (b"horizon\n", r":1: .*keys and values.*, got a single value"),
    "tabs": (b"pruner:\n\thorizon: 50\n", r":2: not valid YAML: .*indented by spaces"),
    "duplicate keys": (
        b"horizon: 50\npatience: 2\nhorizon: 60\n",
        r":3: horizon: the key is written twice, first in line 1",
    ),
    "a tag that builds an object": (
        b"horizon: !!python/object/apply:os.system ['touch built']\n",
        r":1: horizon: the tag '.*python.*' is not allowed",
    ),
    "10 MB": (b"horizon: 50\n" + b"# " + b"x" * 10_000_000, r" is too large .*more than 100 kB"),
    "not UTF-8": (b"horizon: 50\n# \xe9t\xe9\n", r":2: not valid YAML: the text is not UTF-8 \(byte 0xe9\)"),
    "a control character": (b"horizon: 5\x000\n", r":1: not valid YAML: the character '\\x00'"),
    "not closed": (b"horizon: [50\n", r":2: not valid YAML: "),
    "two documents": (b"horizon: 50\n---\nhorizon: 60\n", r":2: not valid YAML: "),
    "aliases": (b"horizon: &a 50\nlower: *a\n", r":2: not valid YAML: aliases"),
    "merged keys": (b"horizon: 50\n<<: {lower: 0}\n", r":2: << is not allowed"),
    "off": (b"horizon: 50\nlower: off\n", r":2: lower: 'off' is false to YAML; write false, or 'off' in q"),
    "a boolean for a number": (b"horizon: 50\npatience: true\n", r":2: patience: .*integer, got True"),
    "octal": (b"horizon: 050\n", r":1: horizon: '050' is 40 to YAML; write 40"),
    "base sixty": (b"horizon: 1:30\n", r":1: horizon: '1:30' is 90 to YAML"),
    "a date": (b"horizon: 2024-01-31\n", r":1: horizon: '2024-01-31' is a date"),
    "a key that is no text": (b"horizon: 50\non: 3\n", r":2: a key must be text, got 'on'"),
    "not a number for !!int": (b"horizon: !!int many\n", r":1: horizon: 'many' cannot be read as int"),
    "nested too deeply": (b"horizon: " + b"[" * 5000, r" is nested too deeply"),
    "not finite": (b"horizon: .inf\n", r":1: horizon: .*finite number, got inf"),
}


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


@pytest.mark.parametrize(("content", "line"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_one_clear_line_and_exit_code_2(content, line, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_bytes(content)
    assert run("config", "check", "bad.yaml") == 2  # and soon: every test has its time limit
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"lcstop: bad\.yaml{line}.*\n", err), err
    assert len(err) < 400
    assert not (tmp_path / "built").exists()


def test_every_mistake_is_told_at_once_in_the_order_of_the_lines(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("patience: 0\nhorizon: 50\nconfidance: 0.9\n")
    with pytest.raises(ValueError, match=r"bad\.yaml") as raised:
        load_config(path)
    assert [line.split(": ")[0][-6:] for line in str(raised.value).splitlines()] == ["yaml:1", "yaml:3"]
    path.write_text("".join(f"key{i}: 1\n" for i in range(50)))
    with pytest.raises(ValueError, match=r"bad\.yaml: 41 more mistakes$") as raised:
        load_config(path)
    assert len(str(raised.value).splitlines()) == 11


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("horizon: 50", "horizen: 50", r":9: pruner.horizen: .*did you mean 'horizon'\?"),
        ("horizon: 50", "horizon: 50\n  patience: 0", r":10: pruner.patience: .*, got 0"),
        ("horizon: 50", "horizon: dept", r":8: pruner has a horizon .* got 'dept'; did you mean 'depth'\?"),
        ("low: 1, high", "low: 5, high", r":7: space.depth: low must be below high, got low=5, high=3"),
        ("low: 1", "log: true, low: 0", r":7: space.depth: low must be above 0 for log: true"),
        ("low: 1", "low: 1.5", r":7: space.depth: .*whole numbers, got low=1.5"),
        ("low: 1, ", "", r":7: space.depth: type int has low and high"),
        (
            "low: 1",
            "lo: 1",
            r":7: space.depth.lo: no such key, got 1; did you mean 'low'\? allowed: type, low",
        ),
        ("type: int", "type: integer", r":7: space.depth.type: .*'float', 'int' or 'choice'"),
        ("type: int, low: 1, high: 3", "type: choice, choices: []", r":7: space.depth.choices: .*at least 1"),
        (
            "type: int",
            "type: choice, choices: [1]",
            r":7: space.depth: a choice has choices, and neither low",
        ),
        ("maximize", "max", r":4: direction: .*'maximize' or 'minimize', got 'max'"),
        (
            "module:function",
            "module.function",
            r":1: objective: must be module:function, .*, got 'module.function'",
        ),
        ("study: digits", "study: a/b", r":2: study: must be of letters, .*, got 'a/b'"),
        ("n_trials: 6", "resources: {gpu: 1}", r":5: resources is for engine: ray"),
        (
            "n_trials: 6",
            "arguments: {depth: 1}",
            r":5: arguments must not be in the space as well, got depth",
        ),
    ],
)
def test_mistakes_in_a_search_are_named_with_their_path(old, new, line, tmp_path):
    path = tmp_path / "search.yaml"
    assert old in SEARCH
    path.write_text(SEARCH.replace(old, new) + ("n_trials: 6\n" if "n_trials" in old else ""))
    with pytest.raises(ValueError, match=f"search.yaml{line}"):
        read_yaml(path, SearchConfig)


def test_a_file_is_read_as_safe_load_reads_it(tmp_path):
    path = tmp_path / "search.yaml"
    text = SEARCH + "arguments: {a: [1, -2.5, null, true, 1_000, 'off', 1.0e-3, {b: ''}], c: ~, d: .5}\n"
    path.write_text(text, encoding="utf-8-sig")
    assert read_yaml(path, SearchConfig).arguments == yaml.safe_load(text)["arguments"]


def test_load_config(tmp_path):
    path = tmp_path / "pruner.yaml"
    path.write_text("horizon: 50\nconfidence: 0.99\ntarget: final\n")
    assert load_config(path) == PrunerConfig(horizon=50, confidence=0.99, target="final")
    assert load_config(path) == PrunerConfig.from_yaml(str(path))
    with pytest.raises(FileNotFoundError, match=r"missing\.yaml"):
        load_config(tmp_path / "missing.yaml")


def test_check_goes_through_all_files(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text("horizon: 50\n")
    (tmp_path / "bad.yaml").write_text("horizon: 0\n")
    (tmp_path / "search.yaml").write_text(SEARCH.replace("objective", "objectiv"))
    assert run("config", "check", "missing.yaml", "bad.yaml", "search.yaml", "good.yaml") == 2
    out, err = capsys.readouterr()
    assert out == "good.yaml: fine (pruner)\n"
    assert [line.split(":")[1].strip() for line in err.splitlines()] == [
        "[Errno 2] No such file or directory",
        "bad.yaml",
        "search.yaml",
        "search.yaml",
    ]
    assert run("config", "check", "--as", "pruner", "search.yaml") == 2


def test_show_fills_in_defaults_and_can_be_read_again(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("horizon: 50\nlower: 1.0e-5\n")
    assert run("config", "show", "a.yaml") == 0
    (tmp_path / "b.yaml").write_text(capsys.readouterr().out)
    assert "confidence: 0.95" in (tmp_path / "b.yaml").read_text()
    assert load_config("b.yaml") == load_config("a.yaml")
    (tmp_path / "search.yaml").write_text(SEARCH)
    assert run("config", "show", "--json", "search.yaml") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["sampler"] == "tpe"
    assert shown["pruner"]["confidence"] == 0.95
