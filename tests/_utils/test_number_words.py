"""Numbers as people read them: two that differ never look alike."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcstop._utils.number_words import distinct, percents

PROBABILITIES = st.floats(0, 1).map(lambda p: round(p, 6))


@given(PROBABILITIES, PROBABILITIES)
def test_two_probabilities_look_alike_only_if_they_are_equal(p, q):
    words = percents(p, q)
    assert (words[0] == words[1]) == (p == q)
    assert all(re.fullmatch(r"(under )?[\d.]+ %", word) for word in words)


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=4))
def test_values_that_differ_do_not_look_alike(values):
    assert len(set(distinct(values))) == len(set(values))


@pytest.mark.parametrize(("values", "words"), [([0.0, 1.0], ["0", "1"]), ([123456.0], ["123456"])])
def test_round_values_are_short(values, words):
    assert distinct(values) == words
