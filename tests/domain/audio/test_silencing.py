"""Some seconds become silence, and no other sample changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callqa_assets.domain.audio.silencing import silence, widen_spans
from callqa_assets.domain.speech import Span

RATE_HZ = 100


def test_spans_grow_at_both_ends_and_become_one_where_they_touch():
    spans = [Span(2.0, 3.0), Span(0.05, 0.5), Span(3.2, 4.0), Span(2.5, 2.6)]
    found = widen_spans(spans, 0.1)
    assert [pytest.approx((span.start_s, span.end_s)) for span in found] == [
        (0.0, 0.6),
        (1.9, 4.1),
    ]
    assert widen_spans([], 0.1) == []


@given(
    st.lists(st.integers(1, 70), min_size=1, max_size=6),
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1)), max_size=3),
)
def test_whatever_the_blocks_the_spans_are_silent_and_the_rest_is_as_before(lengths, places):
    sound = np.ones((2, sum(lengths)), np.float32)
    cuts = np.cumsum(lengths)[:-1]
    spans = [Span(start_s, start_s + length_s) for start_s, length_s in places]
    blocks = silence(np.split(sound, cuts, axis=1), RATE_HZ, {1: spans})
    found = np.concatenate(list(blocks), axis=1)
    expected = sound.copy()
    for span in spans:
        expected[1, int(np.floor(span.start_s * RATE_HZ)) : int(np.ceil(span.end_s * RATE_HZ))] = 0
    assert np.array_equal(found, expected)
    assert sound.all()
