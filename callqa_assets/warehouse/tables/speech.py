"""Tables of what the models hear: segments, transcripts, emotions, and doubts about them."""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.warehouse.tables.columns import (
    Json,
    channel_column,
    day_column,
    end_s_column,
    metadata,
    recording_id_column,
    role_column,
    segment_no_column,
    start_s_column,
)

segments = sa.Table(
    "segments",
    metadata,
    recording_id_column(primary_key=True),
    channel_column(primary_key=True),
    segment_no_column(),
    day_column(index=True),
    role_column(),
    start_s_column("segment"),
    end_s_column("segment", " Segments of a channel do not overlap; none is longer than 30 s."),
    sa.Column(
        "level_dbfs",
        sa.Double,
        nullable=False,
        comment="RMS level, dB relative to a full-scale square wave, e.g. `-26.02`; -100 for "
        "digital silence.",
    ),
    sa.Column(
        "kind",
        sa.String(10),
        nullable=False,
        comment="What is heard: `speech`; `music` and `tone` (on hold, ring-back, beeps); "
        "`crosstalk` (the other channel's speech, leaked into this one). Only `speech` has rows in "
        "`transcripts` and `emotion_scores`.",
    ),
    sa.CheckConstraint("end_s > start_s AND start_s >= 0", name="order"),
    sa.CheckConstraint("kind IN ('speech', 'music', 'tone', 'crosstalk')", name="kind"),
    comment="Stretches of sound: one row for each segment of a channel.",
)

stage_notes = sa.Table(
    "stage_notes",
    metadata,
    recording_id_column(primary_key=True),
    sa.Column(
        "stage",
        sa.String(16),
        primary_key=True,
        comment="The stage that noticed it, e.g. `transcripts`.",
    ),
    sa.Column(
        "note_no",
        sa.Integer,
        primary_key=True,
        comment="Number of the note among those of the stage on the recording, from 0.",
    ),
    day_column(index=True),
    sa.Column(
        "note",
        sa.String(32),
        nullable=False,
        comment="What kind of note, e.g. `doubtful_language`, `dual_mono`, `crosstalk`.",
    ),
    sa.Column(
        "channel",
        sa.Integer,
        comment="Audio channel of the recording, from 0; NULL: the recording as a whole.",
    ),
    sa.Column(
        "start_s",
        sa.Double,
        comment="Start of the stretch meant, s from the start of the recording; NULL: all of it.",
    ),
    sa.Column(
        "end_s",
        sa.Double,
        comment="End of that stretch, s from the start of the recording; NULL: all of it.",
    ),
    sa.Column(
        "detail",
        sa.Text,
        nullable=False,
        comment="In words, without anything that was said, e.g. `both channels carry the same "
        "sound`.",
    ),
    comment="What a stage left out, guessed or doubts: one row for each note. `callqa run` prints "
    "their counts.",
)

transcripts = sa.Table(
    "transcripts",
    metadata,
    recording_id_column(primary_key=True),
    channel_column(primary_key=True),
    segment_no_column(),
    day_column(index=True),
    role_column(),
    start_s_column("segment"),
    end_s_column("segment"),
    sa.Column(
        "language",
        sa.String(16),
        nullable=False,
        comment="ISO 639 code, e.g. `zh`: as the metadata says, else detected "
        "from all of the call; a part that is surely in another language has its own.",
    ),
    sa.Column(
        "text_raw",
        sa.Text,
        nullable=False,
        comment="Text as decoded, e.g. `我要退一百五十八块五`.",
    ),
    sa.Column(
        "text",
        sa.Text,
        nullable=False,
        comment="Text with punctuation, and for Chinese and Cantonese with simplified characters "
        "and numbers in digits, e.g. `我要退158.5元。`; empty where no speech was recognised.",
    ),
    sa.Column(
        "alignment",
        Json,
        nullable=False,
        comment="List of `[raw_start, raw_end, text_start, text_end]`, in characters, ascending: "
        "the stretches in which `text_raw` and `text` differ, e.g. "
        "`[[3, 10, 3, 9], [10, 10, 9, 10]]`. Between them the two are equal.",
    ),
    sa.Column(
        "words",
        Json,
        nullable=False,
        comment="List of words with their times, s, e.g. "
        '`[{"word": "退费", "start_s": 2.9, "end_s": 3.4}]`.',
    ),
    sa.Column(
        "confidence",
        sa.Double,
        nullable=False,
        comment="exp(mean log-probability of the tokens), 0 to 1, e.g. `0.71`; 0 where nothing "
        "was decoded.",
    ),
    sa.Column(
        "doubtful_hotwords",
        Json,
        nullable=False,
        comment="List of hotwords in `text_raw` that the audio does not support, e.g. "
        '`["开户流程"]`: decoded without hotwords, more than half of the word is gone, or it '
        "lies over silence.",
    ),
    sa.Column(
        "text_without_hotwords",
        sa.Text,
        comment="The segment's text when decoded without hotwords, e.g. `请问怎么办`; NULL: no "
        "hotword is doubtful.",
    ),
    comment="Text: one row for each segment, with the key and the times of `segments`, also where "
    "nothing was recognised.",
)

emotion_scores = sa.Table(
    "emotion_scores",
    metadata,
    recording_id_column(primary_key=True),
    channel_column(primary_key=True),
    segment_no_column(),
    day_column(index=True),
    role_column(),
    start_s_column("segment"),
    end_s_column("segment"),
    *(
        sa.Column(
            emotion,
            sa.Double,
            nullable=False,
            comment=f"Posterior of `{emotion}`, 0 to 1; the nine sum to 1.",
        )
        for emotion in EMOTIONS
    ),
    sa.Column(
        "emotion",
        sa.String(12),
        nullable=False,
        comment="The emotion with the highest posterior, e.g. `angry`; `unknown` where that "
        "posterior is below the floor (0.35 in `compact`): the model abstains.",
    ),
    sa.Column(
        "confidence",
        sa.Double,
        nullable=False,
        comment="The highest posterior, e.g. `0.80`, also where `emotion` is `unknown`.",
    ),
    sa.Column(
        "embedding_path",
        sa.Text,
        comment="The recording's embeddings, relative to the home, e.g. "
        "`lake/embeddings/3f/3f….9c….npy`: an npy array [segments, features] whose rows are the "
        "recording's segments by `channel`, `segment_no`; NULL: the model profile keeps none.",
    ),
    comment="Emotions of whole segments: one row for each segment, with the key and the times of "
    "`segments`.",
)

emotion_spans = sa.Table(
    "emotion_spans",
    metadata,
    recording_id_column(primary_key=True),
    channel_column(primary_key=True),
    sa.Column(
        "span_no",
        sa.Integer,
        primary_key=True,
        comment="Number of the span on its channel, from 0.",
    ),
    day_column(index=True),
    role_column(),
    start_s_column("span"),
    end_s_column("span", " Spans lie inside segments and fill them."),
    sa.Column(
        "emotion",
        sa.String(12),
        nullable=False,
        comment="Emotion of the span, e.g. `angry`; `unknown`: the model abstains.",
    ),
    sa.Column(
        "confidence",
        sa.Double,
        nullable=False,
        comment="Mean posterior of the emotion over the span, e.g. `0.80`; where it is `unknown`, "
        "of the best emotion.",
    ),
    comment="The course of emotions inside a call: one row for each span of one emotion on a "
    "channel. Smoothed and with hysteresis, so that a span lasts at least 1 s where its segment "
    "does.",
)
