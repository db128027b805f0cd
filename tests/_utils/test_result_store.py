"""ResultStore: what a kill and other runs leave in the file."""

import pytest

from lcstop._utils.result_store import ResultStore


def store_at(path):
    return ResultStore(path, "squares", lambda x: x * x, lambda y: y**0.5)


def test_results_are_found_again_with_what_was_written_before(tmp_path):
    path = tmp_path / "new" / "results.jsonl"
    store_at(path).add("a", [1.0, 2.0], task="first")
    store_at(path).add("b", [])
    found = store_at(path)
    assert (found["a"], found["b"], "c" in found) == ([1.0, 2.0], [], False)
    assert path.read_text().splitlines()[0] == '{"key": "a", "task": "first", "squares": [1.0, 4.0]}'


def test_a_line_torn_by_a_kill_is_cut_off(tmp_path):
    path = tmp_path / "results.jsonl"
    store_at(path).add("a", [3.0])
    whole = path.read_text()
    path.write_text(whole + '{"key": "b", "squ')
    store = store_at(path)
    assert ("a" in store, "b" in store) == (True, False)
    assert path.read_text() == whole
    store.add("b", [4.0])
    assert store_at(path)["b"] == [4.0]


@pytest.mark.parametrize(
    "line", ["nonsense", '{"key": "b"}', '{"squares": []}', '{"key": "b", "squares": ["c"]}']
)
def test_a_damaged_line_that_is_not_torn_is_named(tmp_path, line):
    path = tmp_path / "results.jsonl"
    path.write_text('{"key": "a", "squares": []}\n' + line + "\n")
    with pytest.raises(ValueError, match=r"line 2 of .*results\.jsonl is damaged"):
        store_at(path)
