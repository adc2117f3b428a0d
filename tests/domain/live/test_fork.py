"""FreeSWITCH's forks are understood however they are cut, and no data breaks them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callqa_assets.domain.live.events import Audio, Ended, Started
from callqa_assets.domain.live.fork import ForkStream
from callqa_assets.domain.live.live_config import LiveError, load_live_config


def sound_of(events) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, Audio))


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=20), st.integers(1, 3))
def test_the_sound_does_not_depend_on_how_it_is_cut(data, cuts, channels):
    stream = ForkStream(channels)
    pieces, start = [], 0
    for cut in [*sorted(min(cut, len(data)) for cut in cuts), len(data)]:
        pieces.append(data[start:cut])
        start = cut
    events = [event for piece in pieces for event in stream.receive_bytes(piece)]
    whole = len(data) - len(data) % (2 * channels)
    assert sound_of(events) == data[:whole]
    assert all(len(e.pcm) % (2 * channels) == 0 for e in events if isinstance(e, Audio))


@given(st.lists(st.one_of(st.binary(max_size=50), st.text(max_size=50)), max_size=20))
def test_any_frames_in_any_order_start_once(frames):
    stream = ForkStream(2)
    events = [
        event
        for frame in frames
        for event in (
            stream.receive_bytes(frame) if isinstance(frame, bytes) else stream.receive_text(frame)
        )
    ]
    assert sum(isinstance(event, Started) for event in events) == bool(frames)
    assert not frames or isinstance(events[0], Started)


def test_the_first_text_has_the_facts_and_the_next_ends_the_call():
    stream = ForkStream(1)
    (started,) = stream.receive_text('{"call_id": "C-1", "agent_id": 1001}')
    assert started == Started({"call_id": "C-1", "agent_id": 1001})
    assert list(stream.receive_bytes(b"abc")) == [Audio(b"ab")]
    assert list(stream.receive_text("bye")) == [Ended()]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("vip customer", {"metadata": "vip customer"}),
        ("", {}),
        ("[1]", {"metadata": "[1]"}),
        ("[" * 100_000, {"metadata": "[" * 200}),
    ],
)
def test_metadata_that_is_no_object_is_kept_as_text(text, facts):
    assert list(ForkStream(1).receive_text(text)) == [Started(facts)]


def test_a_live_file_says_what_is_wrong_with_it():
    config = load_live_config("sources: [{name: fs, channel_roles: [customer, agent]}]", source="l")
    assert config.find("fs").rate_hz == 8000
    assert config.find("other") is None
    with pytest.raises(LiveError, match="also called 'fs'"):
        load_live_config("sources: [{name: fs}, {name: fs}]", source="l")
    for text in ("sources: [{name: ../x}]", "sources: [{name: a, rate_hz: 44100}]", "sorces: []"):
        with pytest.raises(LiveError):
            load_live_config(text, source="l")
