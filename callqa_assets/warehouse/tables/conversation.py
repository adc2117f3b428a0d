"""Tables of conversations: metrics of calls, channels and quarters, by the times of the words."""

from __future__ import annotations

import sqlalchemy as sa

from callqa_assets.warehouse.tables.columns import (
    channel_column,
    day_column,
    end_s_column,
    metadata,
    recording_id_column,
    role_column,
    start_s_column,
)

call_metrics = sa.Table(
    "call_metrics",
    metadata,
    recording_id_column(primary_key=True),
    day_column(index=True),
    sa.Column(
        "time_basis",
        sa.String(32),
        nullable=False,
        comment="What the times are of: `words`.",
    ),
    sa.Column(
        "conversation_start_s",
        sa.Double,
        comment="First word of anybody, s from the start of the recording, e.g. `0.6`; NULL:"
        " nobody spoke.",
    ),
    sa.Column(
        "conversation_end_s",
        sa.Double,
        comment="Last word of anybody, s from the start of the recording; NULL: nobody spoke.",
    ),
    sa.Column(
        "conversation_s",
        sa.Double,
        nullable=False,
        comment="From the first word to the last, s; 0: nobody spoke. All shares refer to it.",
    ),
    sa.Column(
        "lead_silence_s",
        sa.Double,
        comment="Time before the first word, s; NULL: nobody spoke.",
    ),
    sa.Column(
        "tail_silence_s",
        sa.Double,
        comment="Time after the last word, s; NULL: nobody spoke.",
    ),
    sa.Column(
        "unheard_s",
        sa.Double,
        nullable=False,
        comment="Length of the segments of which no word was recognised, over all channels, "
        "s: they count as silence.",
    ),
    sa.Column(
        "silence_s",
        sa.Double,
        comment="Time inside the conversation in which nobody speaks, without holds, s; "
        "NULL: nobody spoke.",
    ),
    sa.Column(
        "music_s",
        sa.Double,
        comment="Part of `silence_s` with music or tones, s; NULL: nobody spoke.",
    ),
    sa.Column(
        "hold_s",
        sa.Double,
        comment="Time on hold in which nobody speaks, as the metadata say (`holds`), s; "
        "NULL: they say nothing.",
    ),
    sa.Column(
        "silence_over_3s_s",
        sa.Double,
        comment="Sum of the silences longer than 3 s (Amazon Connect calls it non-talk "
        "time), s; NULL: nobody spoke.",
    ),
    sa.Column(
        "silence_over_5s_s",
        sa.Double,
        comment="Sum of the silences longer than 5 s (Google CX Insights), s; NULL: nobody spoke.",
    ),
    sa.Column(
        "silences_over_3s",
        sa.Integer,
        comment="Number of silences longer than 3 s; NULL: nobody spoke.",
    ),
    sa.Column(
        "longest_silence_s",
        sa.Double,
        comment="The longest silence, s; NULL: nobody spoke.",
    ),
    sa.Column(
        "overlap_s",
        sa.Double,
        comment="Time in which agent and customer both speak, s; NULL: not one speaker a "
        "channel (a mono recording, or one sound on both channels).",
    ),
    sa.Column(
        "overlap_share",
        sa.Double,
        comment="`overlap_s / conversation_s`, 0 to 1; NULL as `overlap_s`, or nobody spoke.",
    ),
    sa.Column(
        "talk_balance",
        sa.Double,
        comment="The agent's share of both speakers' talk, 0 to 1; NULL as `overlap_s`, or "
        "nobody spoke.",
    ),
    sa.Column(
        "turns",
        sa.Integer,
        nullable=False,
        comment="Number of turns of all channels, without backchannels.",
    ),
    sa.Column(
        "response_delays",
        sa.Integer,
        comment="How often the agent's turn follows the customer's; NULL: not one speaker a "
        "channel (a mono recording, or one sound on both channels).",
    ),
    sa.Column(
        "response_delay_median_s",
        sa.Double,
        comment="Median time from the end of the customer's turn to the agent's next, s; "
        "negative: they overlap. NULL as `response_delays`, or it never follows.",
    ),
    sa.Column(
        "response_delay_p90_s",
        sa.Double,
        comment="90th percentile of the same, s; NULL likewise.",
    ),
    sa.Column(
        "final_emotion",
        sa.String(12),
        comment="Emotion with the most seconds in the last 20 s of the customer's speech (of"
        " a mono recording: of all speech); NULL: fewer than 3 s of them are "
        "labelled.",
    ),
    sa.Column(
        "final_negative_share",
        sa.Double,
        comment="Share of angry, disgusted, fearful and sad speech in them, 0 to 1; NULL as "
        "`final_emotion`.",
    ),
    sa.Column(
        "tone_text_conflicts",
        sa.Integer,
        nullable=False,
        comment="Number of rows in `tone_text_conflicts`.",
    ),
    comment="Metrics of whole calls: one row for each recording. How they are defined is in "
    "docs/conversation.md.",
)

call_channel_metrics = sa.Table(
    "call_channel_metrics",
    metadata,
    recording_id_column(primary_key=True),
    channel_column(primary_key=True),
    day_column(index=True),
    role_column(),
    sa.Column(
        "talk_s",
        sa.Double,
        nullable=False,
        comment="Time in which the channel speaks, s.",
    ),
    sa.Column(
        "talk_share",
        sa.Double,
        comment="`talk_s / conversation_s`, 0 to 1: where the speakers overlap, their shares"
        " sum to more; NULL: nobody spoke.",
    ),
    sa.Column(
        "turns",
        sa.Integer,
        nullable=False,
        comment="Number of turns, without backchannels.",
    ),
    sa.Column(
        "chars",
        sa.Integer,
        nullable=False,
        comment="Han characters and other words of the turns that count for the speaking "
        "rate: those of 5 or more.",
    ),
    sa.Column(
        "chars_per_min_median",
        sa.Double,
        comment="Median speaking rate of these turns, Han characters and other words of "
        "`text_raw` a minute of speech without pauses; NULL: there are none.",
    ),
    sa.Column(
        "chars_per_min_p90",
        sa.Double,
        comment="90th percentile of the same; NULL: there are none.",
    ),
    sa.Column(
        "overlaps_over_300ms",
        sa.Integer,
        comment="How often the channel began to speak while the other spoke, for 0.3 s or "
        "more together; NULL: not one speaker a channel (a mono recording, or one "
        "sound on both channels).",
    ),
    sa.Column(
        "interruptions",
        sa.Integer,
        comment="How often it interrupted the other: a turn of 4 or more characters or words"
        " that begins inside a turn of the other, and both speak for 0.5 s or the "
        "other stops within 1 s; NULL: not one speaker a channel (a mono recording, "
        "or one sound on both channels).",
    ),
    sa.Column(
        "interruptions_yielded",
        sa.Integer,
        comment="Those after which the other stopped within 1 s; NULL: not one speaker a "
        "channel (a mono recording, or one sound on both channels).",
    ),
    sa.Column(
        "interruptions_per_10min",
        sa.Double,
        comment="Interruptions for 10 minutes of the other's talk; NULL: not one speaker a "
        "channel (a mono recording, or one sound on both channels). NULL, too, where"
        " the other never speaks.",
    ),
    sa.Column(
        "backchannels",
        sa.Integer,
        comment="Number of short turns (`嗯`, `okay`) inside a turn of the other, which end "
        "no turn; NULL: not one speaker a channel (a mono recording, or one sound on"
        " both channels).",
    ),
    sa.Column(
        "level_median_dbfs",
        sa.Double,
        comment="Median level of the segments, dB relative to full scale; NULL: no segment.",
    ),
    sa.Column(
        "level_rise_db",
        sa.Double,
        comment="95th percentile of the level minus its median, dB: how much louder the "
        "speaker becomes than usual; NULL: fewer than 3 segments.",
    ),
    sa.Column(
        "labelled_s",
        sa.Double,
        nullable=False,
        comment="Speech with an emotion other than `unknown`, s.",
    ),
    sa.Column(
        "negative_s",
        sa.Double,
        nullable=False,
        comment="Angry, disgusted, fearful and sad speech, s.",
    ),
    sa.Column(
        "negative_share",
        sa.Double,
        comment="`negative_s / labelled_s`, 0 to 1; NULL: fewer than 3 s are labelled.",
    ),
    sa.Column(
        "trend",
        sa.Double,
        comment="The last quarter's `negative_share` minus the first's, -1 to 1; NULL: one "
        "of them is NULL.",
    ),
    comment="Metrics of each channel of a call: one row for each, also where nobody speaks on it.",
)

call_quarters = sa.Table(
    "call_quarters",
    metadata,
    recording_id_column(primary_key=True),
    channel_column(primary_key=True),
    sa.Column(
        "quarter",
        sa.Integer,
        primary_key=True,
        comment="1 to 4: quarters of the conversation, with the same borders on every channel.",
    ),
    day_column(index=True),
    role_column(),
    sa.Column(
        "start_s",
        sa.Double,
        nullable=False,
        comment="Start of the quarter, s from the start of the recording.",
    ),
    sa.Column(
        "end_s",
        sa.Double,
        nullable=False,
        comment="End of the quarter, s from the start of the recording.",
    ),
    sa.Column(
        "labelled_s",
        sa.Double,
        nullable=False,
        comment="Speech of the channel in it with an emotion other than `unknown`, s.",
    ),
    sa.Column(
        "negative_s",
        sa.Double,
        nullable=False,
        comment="Angry, disgusted, fearful and sad speech in it, s.",
    ),
    sa.Column(
        "negative_share",
        sa.Double,
        comment="`negative_s / labelled_s`, 0 to 1; NULL: fewer than 3 s are labelled.",
    ),
    comment="Emotions by quarter of the conversation: four rows for each channel of a call "
    "in which "
    "somebody speaks.",
)

tone_text_conflicts = sa.Table(
    "tone_text_conflicts",
    metadata,
    recording_id_column(primary_key=True),
    channel_column(primary_key=True),
    sa.Column(
        "conflict_no",
        sa.Integer,
        primary_key=True,
        comment="Number of the conflict on its channel, from 0.",
    ),
    day_column(index=True),
    role_column(),
    start_s_column("stretch"),
    end_s_column("stretch"),
    sa.Column(
        "phrase", sa.Text, nullable=False, comment="The polite phrase that is said, e.g. `谢谢`."
    ),
    sa.Column(
        "posterior",
        sa.Double,
        nullable=False,
        comment="Mean posterior of `angry` over the stretch, from 0.6.",
    ),
    comment="Stretches that sound angry while the words are polite: sarcasm, or a wrong emotion.",
)
