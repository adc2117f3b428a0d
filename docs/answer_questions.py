"""Write the demo's answers under the queries of questions.md.

    callqa demo --home FOLDER && python docs/answer_questions.py FOLDER

asks each query of the page about 15 March 2025, the demo's fullest day, in place of the 14th, and
rewrites what stands between a question's two markers. The models' decimals differ a little from
processor to processor, so that a few answers may, too.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa

PAGE = Path(__file__).parent / "questions.md"
PRINTED_DAY, DEMO_DAY = "20250314", "20250315"
MAX_ROWS = 5
_QUESTION = re.compile(
    r"(?P<begin>```sql\n(?P<query>(?:(?!```).)*?);\n```\n)"
    r"(?:\n<!-- demo -->\n.*?<!-- end of demo -->\n)?",
    re.DOTALL,
)


def render_answer(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """A Markdown table of the first rows."""
    if not rows:
        return "The demo: no rows.\n"
    cells = [columns, ["---"] * len(columns), *(map(_show, row) for row in rows[:MAX_ROWS])]
    table = "".join(f"| {' | '.join(row)} |\n" for row in cells)
    left_out = len(rows) - MAX_ROWS
    return f"The demo:\n\n{table}" + (f"\nand {left_out} more.\n" if left_out > 0 else "")


def _show(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "\\|")


def answer(page: str, connection: sa.Connection) -> str:
    """The page with the answers of this warehouse."""

    def fill(match: re.Match[str]) -> str:
        found = connection.execute(sa.text(match["query"].replace(PRINTED_DAY, DEMO_DAY)))
        shown = render_answer(list(found.keys()), [tuple(row) for row in found])
        return f"{match['begin']}\n<!-- demo -->\n{shown}<!-- end of demo -->\n"

    return _QUESTION.sub(fill, page)


def main() -> None:
    engine = sa.create_engine(f"sqlite:///{Path(sys.argv[1]) / 'callqa.db'}")
    with engine.connect() as connection:
        PAGE.write_text(answer(PAGE.read_text("utf-8"), connection), "utf-8")


if __name__ == "__main__":
    main()
