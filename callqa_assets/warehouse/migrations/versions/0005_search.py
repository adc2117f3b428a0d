"""Full text search"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from callqa_assets.warehouse.search import rebuild

revision = "0005"
down_revision = "0004"


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
        # For readers in SQL: which entries hold these characters one after the other.
        op.execute(
            """
            CREATE FUNCTION callqa_search(words text) RETURNS SETOF transcript_search
            LANGUAGE sql STABLE AS $$
                SELECT found.* FROM transcript_search found
                WHERE grams @@ (
                    SELECT CAST(string_agg(
                        '''' || substr(lower(words), n, 2) || '''' ||
                        CASE WHEN length(words) = 1 THEN ':*' ELSE '' END, ' & '
                    ) AS tsquery)
                    FROM generate_series(1, greatest(1, length(words) - 1)) AS pairs(n)
                )
                AND strpos(search_text, lower(words)) > 0
            $$
            """
        )
    rebuild(connection)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE transcript_fts")
    else:
        op.execute("DROP FUNCTION callqa_search")
    op.drop_table("search_index")
    op.drop_table("transcript_search")
