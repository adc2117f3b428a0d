"""Full text search"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from callqa_assets.warehouse.search import rebuild

revision = "0005"
down_revision = "0004"

# `domain.text.bigrams.normalise` in SQL, for a reader's words: width, case, punctuation, blanks
# beside wide characters. Punctuation is named by ranges: classes depend on the locale.
_NORMALISE = r"""
CREATE FUNCTION callqa_search_text(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT btrim(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        lower(normalize(words, NFKC)),
        '[\u0001-\u002d\u002f\u003a-\u0060\u007b-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf'
        '\u00d7\u00f7\u0300-\u036f\u2000-\u206f\u20a0-\u20ff\u2190-\u245f\u2500-\u2bff'
        '\u3000-\u3004\u3008-\u3020\u3030\ufe00-\ufe6f\uff00-\uff0f]', ' ', 'g'),
        '(?<![0-9])\.|\.(?![0-9])', ' ', 'g'),
        '(?<=[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]) +'
        '| +(?=[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff])', '', 'g'),
        ' {2,}', ' ', 'g'))
$$
"""

# For readers in SQL: the entries that hold these words. Pairs over a blank are no tokens, which
# `strpos` makes good; one character begins a pair.
_SEARCH = """
CREATE FUNCTION callqa_search(words text) RETURNS SETOF transcript_search
LANGUAGE sql STABLE AS $$
    SELECT found.* FROM transcript_search found
    WHERE grams @@ (
        SELECT CAST(coalesce(
            string_agg(quote_literal(pair), ' & ')
                FILTER (WHERE length(pair) = 2 AND strpos(pair, ' ') = 0),
            quote_literal(left(callqa_search_text(words), 1)) || chr(58) || '*'
        ) AS tsquery)
        FROM (
            SELECT substr(callqa_search_text(words), n, 2) AS pair
            FROM generate_series(1, length(callqa_search_text(words))) AS places(n)
        ) AS pairs
    )
    AND callqa_search_text(words) <> ''
    AND strpos(search_text, callqa_search_text(words)) > 0
$$
"""


def upgrade() -> None:
    op.create_table(
        "transcript_search",
        sa.Column("search_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recording_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("segment_no", sa.Integer(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=True),
        sa.Column(
            "grams",
            sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql"),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_transcript_search_recording_id"),
        ),
        sa.PrimaryKeyConstraint("search_id", name=op.f("pk_transcript_search")),
    )
    op.create_index(
        op.f("ix_transcript_search_recording_id"), "transcript_search", ["recording_id"]
    )
    op.create_table(
        "search_index",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_search_index")),
    )
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE transcript_fts USING fts5(grams, columnsize=0, "
            "tokenize=\"unicode61 remove_diacritics 0 tokenchars '.'\")"
        )
    else:
        op.create_index(
            "ix_transcript_search_grams", "transcript_search", ["grams"], postgresql_using="gin"
        )
        op.execute(_NORMALISE)
        op.execute(_SEARCH)
    rebuild(connection)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE transcript_fts")
    else:
        op.execute("DROP FUNCTION callqa_search(text)")
        op.execute("DROP FUNCTION callqa_search_text(text)")
    op.drop_table("search_index")
    op.drop_table("transcript_search")
