"""Each error in a YAML file is one line with its place, and the exit code is 2."""

import json
import re

import pytest

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
    "wrong type": (b"horizon: 50\nconfidence: many\n", r":2: confidence: must be a number, got 'many'"),
    "a number in quotes": (b'horizon: "50"\n', r":1: horizon: .*got '50', which is text; write 50 without"),
    "a small number in quotes": (
        b"horizon: 50\nlower: '1e-5'\n",
        r":2: lower: .*got '1e-5', which is text; write 1e-05 without quotes",
    ),
    "unknown key": (
        b"horizon: 50\nconfidance: 0.9\n",
        r":2: confidance: no such key, got 0.9; did you mean 'confidence'\? allowed: horizon, policy, ",
    ),
    "missing key": (b"confidence: 0.9\n", r":1: horizon: is missing"),
    "out of range": (b"horizon: 50\n\nconfidence: 95\n", r":3: confidence: must be below 1, got 95"),
    "not one of the words": (b"horizon: 50\ntarget: last\n", r":2: target: .*'best' or 'final', got 'last'"),
    "no such surrogate": (b"horizon: 50\nsurrogate: gp\n", r":2: surrogate: .*'lcpfn', .*got 'gp'"),
    "two keys at odds": (b"horizon: 50\nupper: 0\nlower: 1\n", r":3: lower must be below upper, got lower=1"),
    "nothing after the colon": (b"horizon:\n", r":1: horizon: must be a number, got None"),
    "empty": (b"", r" is empty"),
    "only comments": (b"# horizon: 50\n", r" is empty"),
    "a list": (b"- horizon: 50\n", r":1: .*keys and values.*, got a list"),
    "a single value": (b"horizon\n", r":1: .*keys and values.*, got a single value"),
    "tabs": (b"pruner:\n\thorizon: 50\n", r":2: not valid YAML: .*indented by spaces"),
    "duplicate keys": (
        b"horizon: 50\npatience: 2\nhorizon: 60\n",
        r":3: the key 'horizon' is written twice",
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
    "aliases": (b"horizon: &a 50\nlower: *a\n", r":1: horizon: anchors \(&\) and aliases \(\*\) are not"),
    "aliases of aliases": (
        b"a: &a [1, 1]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (i + 1, i + 1, i, i) for i in range(97, 121)),
        r":1: a: anchors",
    ),
    "an anchor written twice": (b"horizon: &a 50\nlower: &a 0\n", r":1: horizon: anchors"),
    "an alias of nothing": (b"horizon: *a\n", r":1: not valid YAML: found undefined alias 'a'"),
    "merged keys": (b"horizon: 50\n<<: {lower: 0}\n", r":2: << is not allowed"),
    "off": (
        b"horizon: 50\nlower: off\n",
        r":2: lower: 'off' means false in YAML 1.1; write false, or 'off' i",
    ),
    "a boolean for a number": (
        b"horizon: 50\npatience: true\n",
        r":2: patience: must be a whole number, got True",
    ),
    "octal": (b"horizon: 050\n", r":1: horizon: '050' is another number in YAML 1.1"),
    "base sixty": (b"horizon: 1:30\n", r":1: horizon: '1:30' is another number in YAML 1.1"),
    "a date": (b"horizon: 2024-01-31\n", r":1: horizon: '2024-01-31' is a date"),
    "a key that is no text": (b"horizon: 50\non: 3\n", r":2: 'on' means true in YAML 1.1"),
    "a number for a key": (b"horizon: 50\n3: 3\n", r":2: a key must be text, got '3'; write it in quotes"),
    "a key of two lines": (b'horizon: 50\n"a\\nb": 3\n', r":2: 'a\\nb': no such key, got 3"),
    "a list for a key": (b"horizon: 50\n? [a]\n: 3\n", r":2: a key must be text, got '\?'"),
    "a tag for a plain value": (b"horizon: !!int 50\n", r":1: horizon: the tag '.*int' is not allowed"),
    "thousands of digits": (
        b"horizon: " + b"9" * 5000,
        r":1: horizon: '9{10,30}\.\.\.9{10,30}' cannot be read as int",
    ),
    "hardly a number": (b"horizon: 0x_\n", r":1: horizon: '0x_' cannot be read as int"),
    "the rules of YAML 1.1": (b"%YAML 1.1\n---\nhorizon: 50\n", r":3: only YAML 1.2 is read; leave out"),
    "a sign that YAML keeps": (b"horizon: 50\nlower: @x\n", r":2: not valid YAML: found character '@'"),
    "nested too deeply": (b"horizon:\n  " + b"[" * 5000, r":2: nested too deeply"),
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
    assert run("config", "check", "bad.yaml") == 2  # within the time limit of a test
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
        ("study: digits", "study: a/b", r":2: study: must consist of letters, .*, got 'a/b'"),
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


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("[1, -2.5, +3, 1_000, .5, 0x10, 0o17]", [1, -2.5, 3, 1000, 0.5, 16, 15]),
        ("[1e-5, 1E5, 1.0e-3, 2e+3]", [1e-5, 1e5, 1e-3, 2e3]),  # text in YAML 1.1, except for the third
        ("[null, ~, true, False, TRUE]", [None, None, True, False, True]),
        (
            "['off', \"on\", 'yes', '010', '1:30', '2024-01-31', '<<', '=']",
            ["off", "on", "yes", "010", "1:30", "2024-01-31", "<<", "="],
        ),
        ("[offline, y, n, 1.2.3, 08:61, a:b]", ["offline", "y", "n", "1.2.3", "08:61", "a:b"]),
        ("{b: '', c: [], d: {}}", {"b": "", "c": [], "d": {}}),
        ("|\n    two\n    lines\n", "two\nlines\n"),
        (f"[{'[1], ' * 1000}]", [[1]] * 1000),  # only the depth is limited
    ],
)
def test_what_values_are_read_as(written, read, tmp_path):
    path = tmp_path / "search.yaml"
    path.write_text(f"{SEARCH}arguments:\n  a: {written}\n", encoding="utf-8-sig")
    found = read_yaml(path, SearchConfig).arguments["a"]
    assert found == read
    assert [type(value) for value in found] == [type(value) for value in read]


def test_load_config(tmp_path):
    path = tmp_path / "pruner.yaml"
    path.write_text("horizon: 50\nkeep: 0.99\ntarget: final\n")
    assert load_config(path) == PrunerConfig(horizon=50, keep=0.99, target="final")
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
        "there is no file missing.yaml",
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
    assert "keep: balanced" in (tmp_path / "b.yaml").read_text()
    assert load_config("b.yaml") == load_config("a.yaml")
    (tmp_path / "search.yaml").write_text(SEARCH)
    assert run("config", "show", "--json", "search.yaml") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["sampler"] == "tpe"
    assert shown["pruner"]["keep"] == "balanced"
