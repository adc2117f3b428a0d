"""The full text search over transcripts: its index, written with them, and its questions.

On SQLite the index is the FTS5 table `transcript_fts`, whose `rowid` is `search_id`, and which
stores its tokens: to delete an entry FTS5 must know them exactly. On PostgreSQL it is a `tsvector`
with a GIN index. The tokens are `domain.text.bigrams`'s on both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite

from callqa_assets.domain.errors import CallqaError
from callqa_assets.domain.text import bigrams
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.tables import (
    emotion_scores,
    recordings,
    search_index,
    transcript_search,
    transcripts,
)

_EPOCH = date(2020, 1, 1).toordinal()
_PER_DAY = 10_000_000
_CHUNK = 20_000

_fts = sa.table("transcript_fts", sa.column("rowid", sa.BigInteger), sa.column("grams", sa.Text))


class SearchError(CallqaError):
    """A question that cannot be answered; the message names the cure."""


@dataclass(frozen=True)
class SearchFilter:
    """Which segments to search; None: all."""

    first_day: str | None = None
    last_day: str | None = None
    role: str | None = None
    queue: str | None = None
    agent: str | None = None
    emotion: str | None = None


@dataclass(frozen=True)
class FoundSegment:
    """A segment that holds the query."""

    recording_id: str
    day: str
    channel: int
    segment_no: int


@dataclass(frozen=True)
class FoundCall:
    """A call with the segments that hold the query, in the order in which they were said."""

    recording_id: str
    hits: int
    segments: Sequence[FoundSegment]


@dataclass(frozen=True)
class Found:
    calls: Sequence[FoundCall]
    """Those with the most hits first, then the newest; at most the limit."""
    total_calls: int
    total_segments: int


def index_transcripts(
    connection: sa.Connection,
    days: Mapping[str, str],
    texts: Mapping[str, Iterable[tuple[int, int, str]]],
) -> None:
    """Make these the only entries of the recordings.

    Args:
        days: day by recording.
        texts: (channel, segment_no, text) of each segment, by recording.
    """
    _delete(connection, list(texts))
    by_day: defaultdict[str, list[tuple[str, int, int, str]]] = defaultdict(list)
    for recording_id, segments in texts.items():
        for channel, segment_no, text in segments:
            if normalised := bigrams.normalise(text):
                by_day[days[recording_id]].append((recording_id, channel, segment_no, normalised))
    for day in sorted(by_day):
        _insert(connection, day, by_day[day])
    if by_day and _read_version(connection) is None:
        _write_version(connection)


def move_entries(connection: sa.Connection, recording_id: str, day: str) -> None:
    """Give a recording's entries numbers of its new day."""
    query = sa.select(transcripts.c.channel, transcripts.c.segment_no, transcripts.c.text).where(
        transcripts.c.recording_id == recording_id
    )
    rows = [tuple(row) for row in connection.execute(query)]
    index_transcripts(connection, {recording_id: day}, {recording_id: rows})


def rebuild(connection: sa.Connection) -> int:
    """Build the index again from the transcripts; returns its number of entries."""
    if connection.dialect.name == "sqlite":
        connection.execute(sa.delete(_fts))
    connection.execute(sa.delete(transcript_search))
    connection.execute(sa.delete(search_index))
    entries = 0
    days = sa.select(transcripts.c.day).distinct().order_by(transcripts.c.day)
    for day in connection.execute(days).scalars().all():
        query = (
            sa.select(
                transcripts.c.recording_id,
                transcripts.c.channel,
                transcripts.c.segment_no,
                transcripts.c.text,
            )
            .where(transcripts.c.day == day, transcripts.c.text != "")
            .order_by(transcripts.c.recording_id, transcripts.c.channel, transcripts.c.segment_no)
        )
        rows = [
            (recording_id, channel, segment_no, normalised)
            for recording_id, channel, segment_no, text in connection.execute(query)
            if (normalised := bigrams.normalise(text))
        ]
        for start in range(0, len(rows), _CHUNK):
            _insert(connection, day, rows[start : start + _CHUNK])
        entries += len(rows)
    if entries:
        _write_version(connection)
    return entries


def find(connection: sa.Connection, text: str, chosen: SearchFilter, *, limit: int) -> Found:
    """The calls that say `text`.

    Raises SearchError where the text has no letter or digit, or the index is of another version.
    """
    normalised = bigrams.normalise(text)
    if not normalised:
        raise SearchError(f"{text!r} has no letter or digit to search for")
    _require_version(connection)
    hits = _matching(connection, normalised, chosen)
    by_call = (
        sa.select(
            hits.c.recording_id,
            sa.func.count().label("hits"),
            sa.func.max(hits.c.search_id).label("newest"),
        )
        .group_by(hits.c.recording_id)
        .subquery()
    )
    total_calls, total_segments = connection.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(by_call.c.hits), 0))
    ).one()
    best = connection.execute(
        sa.select(by_call.c.recording_id, by_call.c.hits)
        .order_by(by_call.c.hits.desc(), by_call.c.newest.desc())
        .limit(limit)
    ).all()
    segments: defaultdict[str, list[FoundSegment]] = defaultdict(list)
    for ids in chunks([row.recording_id for row in best]):
        found = sa.select(hits).where(hits.c.recording_id.in_(ids))
        for row in connection.execute(found.order_by(hits.c.search_id)):
            segments[row.recording_id].append(
                FoundSegment(row.recording_id, row.day, row.channel, row.segment_no)
            )
    return Found(
        [FoundCall(row.recording_id, row.hits, segments[row.recording_id]) for row in best],
        total_calls,
        int(total_segments),
    )


def find_ids(connection: sa.Connection, normalised: str, *, newest: int | None = None) -> list[int]:
    """Numbers of the entries that hold a normalised text; the newest, newest first, or all."""
    if connection.dialect.name == "sqlite":  # the index alone has them
        query = _match_fts(normalised, SearchFilter())
        number = _fts.c.rowid
    else:
        hits = _matching(connection, normalised, SearchFilter())
        number = hits.c.search_id
        query = sa.select(number)
    if newest is not None:
        query = query.order_by(number.desc()).limit(newest)
    return list(connection.execute(query).scalars())


def find_newest_day(connection: sa.Connection) -> str | None:
    """The day of the newest entry; None where there is none."""
    newest = sa.select(sa.func.max(transcript_search.c.search_id)).scalar_subquery()
    query = sa.select(transcript_search.c.day).where(transcript_search.c.search_id == newest)
    return connection.execute(query).scalar_one_or_none()


def find_index_fault(connection: sa.Connection) -> str | None:
    """What is wrong with the index as a whole; None where it is sound."""
    cure = "run `callqa search rebuild`"
    stored = _read_version(connection)
    if stored not in (None, bigrams.VERSION):
        return f"the index has tokens of version {stored}, not {bigrams.VERSION}: {cure}"
    if connection.dialect.name == "sqlite":
        try:
            connection.execute(
                sa.text("INSERT INTO transcript_fts(transcript_fts) VALUES ('integrity-check')")
            )
        except exc.OperationalError:  # locked or out of reach: nothing is known about the index
            raise
        except exc.DatabaseError:
            return f"FTS5 finds its index damaged: {cure}"
    entries = sa.select(sa.func.count()).select_from(transcript_search)
    indexed = (
        sa.select(sa.func.count()).select_from(_fts)
        if connection.dialect.name == "sqlite"
        else entries.where(transcript_search.c.grams.is_not(None))
    )
    if connection.execute(entries).scalar_one() != connection.execute(indexed).scalar_one():
        return f"entries and index differ in number: {cure}"
    return None


def find_misindexed(connection: sa.Connection, *chosen: sa.ColumnElement[bool]) -> list[str]:
    """Recordings of the chosen transcripts with an entry missing, left over or not of its text."""
    is_sqlite = connection.dialect.name == "sqlite"
    entry = transcript_search.c
    same = (
        entry[name] == transcripts.c[name] for name in ("recording_id", "channel", "segment_no")
    )
    joined = transcripts.outerjoin(transcript_search, sa.and_(*same))
    if is_sqlite:
        joined = joined.outerjoin(_fts, _fts.c.rowid == entry.search_id)
    indexed = _fts.c.grams if is_sqlite else sa.func.tsvector_to_array(entry.grams)
    query = (
        sa.select(
            transcripts.c.recording_id,
            transcripts.c.text,
            transcripts.c.day,
            entry.search_id,
            entry.search_text,
            indexed.label("tokens"),
        )
        .select_from(joined)
        .where(*chosen)
    )
    wrong: list[str] = []
    for row in connection.execute(query):
        normalised = bigrams.normalise(row.text)
        tokens = bigrams.tokenise(normalised)
        if row.search_id is None:
            is_exact = not normalised
        else:
            same_tokens = (
                row.tokens == " ".join(tokens)
                if is_sqlite
                else row.search_text == normalised and set(row.tokens) == set(tokens)
            )
            is_exact = same_tokens and row.search_id // _PER_DAY == _first_of(row.day) // _PER_DAY
        if not is_exact:
            wrong.append(row.recording_id)
    return wrong


def _matching(connection: sa.Connection, normalised: str, chosen: SearchFilter) -> sa.Subquery:
    """The entries that hold the text and that the filter chooses."""
    entry = transcript_search.c
    columns = (entry.search_id, entry.recording_id, entry.day, entry.channel, entry.segment_no)
    found = sa.select(*columns)
    if connection.dialect.name == "sqlite":
        found = found.where(entry.search_id.in_(_match_fts(normalised, chosen)))
    else:
        query = bigrams.tokenise_query(normalised)
        *whole, last = query.tokens
        terms = [f"'{token}'" for token in whole] + [f"'{last}'{':*' if query.is_prefix else ''}"]
        found = found.where(
            entry.grams.op("@@")(sa.cast(" & ".join(terms), postgresql.TSQUERY)),
            *_between(entry.search_id, chosen),
        )
        if len(query.tokens) > 1 or query.is_prefix:
            found = found.where(entry.search_text.contains(normalised))
    calls = {"queue": chosen.queue, "agent_id": chosen.agent}
    if any(value is not None for value in calls.values()):
        found = found.join(recordings, recordings.c.recording_id == entry.recording_id).where(
            *(recordings.c[name] == value for name, value in calls.items() if value is not None)
        )
    for table, column, value in (
        (transcripts, transcripts.c.role, chosen.role),
        (emotion_scores, emotion_scores.c.emotion, chosen.emotion),
    ):
        if value is not None:
            found = found.join(
                table,
                sa.and_(
                    *(
                        table.c[name] == entry[name]
                        for name in ("recording_id", "channel", "segment_no")
                    )
                ),
            ).where(column == value)
    return found.subquery()


def _match_fts(normalised: str, chosen: SearchFilter) -> sa.Select[int]:
    """Numbers of the entries of SQLite's index that hold the text."""
    query = bigrams.tokenise_query(normalised)
    phrase = f'"{" ".join(query.tokens)}"{" *" if query.is_prefix else ""}'
    return sa.select(_fts.c.rowid).where(
        sa.literal_column("transcript_fts").op("MATCH")(phrase), *_between(_fts.c.rowid, chosen)
    )


def _between(number: sa.ColumnElement[int], chosen: SearchFilter) -> list[sa.ColumnElement[bool]]:
    """The filter's days as a range of numbers."""
    conditions: list[sa.ColumnElement[bool]] = []
    if chosen.first_day is not None:
        conditions.append(number >= _first_of(chosen.first_day))
    if chosen.last_day is not None:
        conditions.append(number < _first_of(chosen.last_day) + _PER_DAY)
    return conditions


def _first_of(day: str) -> int:
    return (date.fromisoformat(day).toordinal() - _EPOCH) * _PER_DAY


def _require_version(connection: sa.Connection) -> None:
    if _read_version(connection) not in (None, bigrams.VERSION):
        raise SearchError(
            "the search index was made by another version: run `callqa search rebuild`"
        )


def _read_version(connection: sa.Connection) -> int | None:
    """None: nothing is indexed yet."""
    return connection.execute(sa.select(search_index.c.version)).scalar_one_or_none()


def _write_version(connection: sa.Connection) -> None:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = insert(search_index).values(version=bigrams.VERSION)
    connection.execute(row.on_conflict_do_nothing())  # two first runs at once


def _delete(connection: sa.Connection, recording_ids: Sequence[str]) -> None:
    for ids in chunks(recording_ids):
        of_these = transcript_search.c.recording_id.in_(ids)
        if connection.dialect.name == "sqlite":
            numbers = sa.select(transcript_search.c.search_id).where(of_these)
            connection.execute(sa.delete(_fts).where(_fts.c.rowid.in_(numbers)))
        connection.execute(sa.delete(transcript_search).where(of_these))


def _insert(connection: sa.Connection, day: str, rows: Sequence[tuple[str, int, int, str]]) -> None:
    """Entries of one day, with the numbers that follow its last; at its end, those left free."""
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:  # two runs must not give one number twice
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"search:{day}"}
        )
    first = _first_of(day)
    highest = sa.select(sa.func.max(transcript_search.c.search_id)).where(
        transcript_search.c.search_id.between(first, first + _PER_DAY - 1)
    )
    following = connection.execute(highest).scalar_one()
    number = first if following is None else following + 1
    numbers: Iterable[int] = range(number, number + len(rows))
    if number + len(rows) > first + _PER_DAY:  # a day transcribed again and again
        numbers = _find_free(connection, first)
    entries: list[dict[str, Any]] = []
    grams: list[dict[str, Any]] = []
    for number, (recording_id, channel, segment_no, normalised) in zip(numbers, rows, strict=False):
        tokens = bigrams.tokenise(normalised)
        entry = {
            "search_id": number,
            "recording_id": recording_id,
            "day": day,
            "channel": channel,
            "segment_no": segment_no,
        }
        if is_sqlite:
            grams.append({"rowid": number, "grams": " ".join(tokens)})
        else:
            entry |= {"search_text": normalised, "tokens": sorted(set(tokens))}
        entries.append(entry)
    if is_sqlite:
        connection.execute(sa.insert(transcript_search), entries)
        connection.execute(sa.insert(_fts), grams)
    else:
        tokens_of = sa.bindparam("tokens", type_=postgresql.ARRAY(sa.Text))
        statement = sa.insert(transcript_search).values(
            {
                **{name: sa.bindparam(name) for name in entries[0] if name != "tokens"},
                "grams": sa.func.array_to_tsvector(tokens_of),
            }
        )
        connection.execute(statement, entries)


def _find_free(connection: sa.Connection, first: int) -> Iterator[int]:
    """Numbers of a day that no entry has, ascending."""
    entry = transcript_search.c.search_id
    of_day = sa.select(entry).where(entry.between(first, first + _PER_DAY - 1))
    used = set(connection.execute(of_day).scalars())
    return (number for number in range(first, first + _PER_DAY) if number not in used)
