from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callqa_assets.domain.audio.packing import PackingConfig, pack_segments
from callqa_assets.domain.speech import SAMPLE_RATE_HZ, Span

RATE = SAMPLE_RATE_HZ


@st.composite
def channels(draw) -> tuple[list[Span], int]:
    spans, clock = [], 0.0
    for gap_s, length_s in draw(
        st.lists(st.tuples(st.floats(0, 3), st.floats(0.05, 29)), max_size=8)
    ):
        spans.append(Span(clock + gap_s, clock + gap_s + length_s))
        clock = spans[-1].end_s
    return spans, round((clock + draw(st.floats(0, 2))) * RATE) + 1


@given(channels())
def test_each_segment_is_packed_once_in_order_with_all_its_audio(channel):
    spans, samples = channel
    pieces = [
        piece for pack in pack_segments(spans, samples, PackingConfig()) for piece in pack.segments
    ]
    assert [piece.segment_no for piece in pieces] == list(range(len(spans)))
    for piece, span in zip(pieces, spans, strict=True):
        assert piece.start <= round(span.start_s * RATE) < round(span.end_s * RATE) <= piece.stop
    assert all(piece.start >= 0 and piece.stop <= samples for piece in pieces)
    assert all(a.stop <= b.start for a, b in pairwise(pieces))


@given(channels())
def test_packs_stay_within_their_limits(channel):
    spans, samples = channel
    config = PackingConfig()
    for pack in pack_segments(spans, samples, config):
        limit_s = config.max_s if len(pack.segments) > 1 else config.window_s
        assert pack.samples <= limit_s * RATE


def test_margins_stop_at_the_edge_of_the_recording_and_half_way_to_the_neighbour():
    spans = [Span(0.1, 1.0), Span(1.2, 2.0), Span(5.0, 6.0)]
    (pack,) = pack_segments(spans, 10 * RATE, PackingConfig(margin_s=0.25))
    bounds = [(piece.start / RATE, piece.stop / RATE) for piece in pack.segments]
    assert bounds == [(0, 1.1), (1.1, 2.25), (4.75, 6.25)]


def test_a_pack_holds_the_audio_of_its_pieces_end_to_end():
    waveform = np.arange(10 * RATE, dtype=np.float32)
    (pack,) = pack_segments([Span(1, 2), Span(5, 6)], 10 * RATE, PackingConfig(margin_s=0))
    assert np.array_equal(
        pack.cut(waveform),
        np.concatenate([waveform[RATE : 2 * RATE], waveform[5 * RATE : 6 * RATE]]),
    )


def test_words_return_to_the_segment_that_holds_their_midpoint():
    (pack,) = pack_segments([Span(1, 2), Span(5, 6)], 10 * RATE, PackingConfig(margin_s=0))
    assert pack.place(0.25, 0.5) == (0, 1.25, 1.5)
    assert pack.place(1.5, 2.0) == (1, 5.5, 6.0)
    assert pack.place(0.5, 1.2) == (0, 1.5, 2.0)
    assert pack.place(0.9, 1.3) == (1, 5.0, 5.3)
    assert pack.place(2.1, 9.0) == (1, 6.0, 6.0)


@pytest.mark.parametrize(
    "spans",
    [
        [Span(0, 2), Span(1, 3)],
        [Span(2, 3), Span(0, 1)],
        [Span(9, 11)],
        [Span(3, 3)],
        [Span(-1, 1)],
    ],
)
def test_segments_that_cannot_be_are_refused(spans):
    with pytest.raises(ValueError, match="segment"):
        pack_segments(spans, 10 * RATE, PackingConfig())


def test_segments_too_long_for_the_model_are_refused():
    with pytest.raises(ValueError, match="exceeds 30 s"):
        pack_segments([Span(0, 31)], 40 * RATE, PackingConfig())


@pytest.mark.parametrize(("more", "packs"), [(0, 1), (1, 2)])
def test_a_pack_of_twelve_seconds_is_full(more: int, packs: int):
    """Margins of a quarter second included."""
    spans = [Span(1, 6.5), Span(8, 13.5 + more / RATE)]
    found = pack_segments(spans, 20 * RATE, PackingConfig())
    assert len(found) == packs
    assert sum(pack.samples for pack in found) == 12 * RATE + more
    assert [pack.segments[0].offset for pack in found] == [0] * packs


def test_a_segment_may_be_as_long_as_the_window_and_margins_share_what_is_left_of_it():
    (pack,) = pack_segments([Span(1, 31)], 40 * RATE, PackingConfig())
    assert (pack.segments[0].start, pack.segments[0].stop) == (RATE, 31 * RATE)
    with pytest.raises(ValueError, match="exceeds 30 s"):
        pack_segments([Span(1, 31 + 1 / RATE)], 40 * RATE, PackingConfig())
    (pack,) = pack_segments([Span(1, 30.8)], 40 * RATE, PackingConfig())
    assert (pack.segments[0].start, pack.segments[0].stop) == (0.9 * RATE, 30.9 * RATE)


def test_segments_may_touch_each_other_and_both_ends_of_the_channel():
    (pack,) = pack_segments([Span(0, 2), Span(2, 4)], 4 * RATE, PackingConfig())
    bounds = [(piece.start, piece.stop, piece.offset) for piece in pack.segments]
    assert bounds == [(0, 2 * RATE, 0), (2 * RATE, 4 * RATE, 2 * RATE)]


def test_a_stretch_whose_midpoint_begins_a_segment_belongs_to_it():
    (pack,) = pack_segments([Span(1, 2), Span(5, 6)], 10 * RATE, PackingConfig(margin_s=0))
    assert pack.place(0.5, 1.5) == (1, 5.0, 5.5)
    assert pack.place(-0.5, 0.1) == (0, 1.0, 1.1)


def test_a_channel_without_segments_has_no_packs():
    assert pack_segments([], 10 * RATE, PackingConfig()) == []
