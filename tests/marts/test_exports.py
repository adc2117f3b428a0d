"""Exports hold the published rows, whole and unchanged, whatever program opens them."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from callqa_assets.cli import app
from callqa_assets.marts.export_files import CsvFile, ParquetFile, SheetLimits, XlsxFile
from callqa_assets.marts.exports import ExportError, export_days, find_tables
from callqa_assets.warehouse import tables
from resources.storage.atomic import write_folder_atomically
from tests.support.published_days import DAY, DAY_BEFORE, SAID, WEEK_BEFORE, write_published_days

NOW = datetime(2025, 3, 15, 7, tzinfo=UTC)
ALL = ("csv", "xlsx", "parquet")

TRICKY = sa.Table(
    "tricky",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True, comment="Number of the row."),
    sa.Column("text", sa.Text),
    sa.Column("value", sa.Double),
    sa.Column("flag", sa.Boolean),
    sa.Column("local", sa.DateTime),
    sa.Column("utc", tables.UtcDateTime),
)
LOCAL = datetime(2025, 3, 14, 9, 30, 15)
TEXTS = (
    "=1+1",
    "+86 138",
    "-5",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "＝1＋1",
    "13800138000",
    "0012",
    "2025031412345678901",
    "1E5",
    "https://a.cn",
    'say "hi", 你好\n再见',
    "_x0041_",
    "",
    None,
)
ROWS = [
    (number, text, -1.5, number % 2 == 0, LOCAL, LOCAL.replace(tzinfo=UTC))
    for number, text in enumerate(TEXTS)
]


@pytest.fixture
def published(warehouse):
    with warehouse.write() as connection:
        write_published_days(connection)
    return warehouse


def write(kind, folder: Path, rows=ROWS, **options) -> Path:
    file = kind(folder, TRICKY, **options)
    for row in rows:
        file.write([row])
    file.close()
    return file.path


def export(warehouse, folder: Path, *names: str, first=DAY, last=DAY, formats=ALL):
    return export_days(
        warehouse, first, last, folder, tables=find_tables(names), formats=formats, now=NOW
    )


def to_csv(path: Path, folder: Path, sheet: int = 1) -> list[list[str]]:
    """A sheet of a workbook as LibreOffice shows it."""
    if not shutil.which("soffice"):
        pytest.skip("no LibreOffice: install libreoffice-calc")
    filter_options = f"44,34,76,1,,0,false,true,false,false,false,{sheet}"
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation=file://{folder}/profile",
            "--headless",
            "--convert-to",
            f"csv:Text - txt - csv (StarCalc):{filter_options}",
            "--outdir",
            str(folder / "shown"),
            str(path),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (shown,) = (folder / "shown").iterdir()
    with shown.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_a_text_that_a_spreadsheet_would_compute_is_escaped_in_csv_and_nothing_else(tmp_path):
    path = write(CsvFile, tmp_path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == [column.name for column in TRICKY.columns]
    assert [row[1] for row in rows] == [
        *(f"'{text}" for text in TEXTS[:7] if text),
        *(text or "" for text in TEXTS[7:]),
    ]
    assert rows[1][2:] == ["-1.5", "false", "2025-03-14 09:30:15", "2025-03-14 09:30:15"]


def test_csv_keeps_null_and_empty_text_apart(tmp_path):
    lines = write(CsvFile, tmp_path).read_text("utf-8-sig").splitlines()
    assert lines[-2].startswith('14,"",')
    assert lines[-1].startswith("15,,")


def test_parquet_is_read_back_as_it_was_by_polars(tmp_path):
    read = pl.read_parquet(write(ParquetFile, tmp_path))
    assert read.rows() == ROWS
    assert read.schema["local"] == pl.Datetime("us")
    assert read.schema["utc"] == pl.Datetime("us", "UTC")


def test_a_table_without_rows_has_its_columns_in_every_format(tmp_path):
    assert pl.read_parquet(write(ParquetFile, tmp_path, rows=[])).columns == TRICKY.c.keys()
    assert write(CsvFile, tmp_path, rows=[]).read_text("utf-8-sig").count("\n") == 1
    assert zipfile.is_zipfile(write(XlsxFile, tmp_path, rows=[]))


@pytest.mark.integration
def test_excel_files_show_text_as_it_is_in_libreoffice(tmp_path):
    rows = to_csv(write(XlsxFile, tmp_path), tmp_path)
    shown = ["" if text is None else text.replace("\r", "\n") for text in TEXTS]
    assert [row[1].replace("\r", "\n") for row in rows[1:]] == shown
    assert rows[1][2:] == ["-1.5", "TRUE", "2025-03-14 09:30:15", "2025-03-14 09:30:15"]


@pytest.mark.integration
def test_what_does_not_fit_on_a_sheet_goes_on_on_the_next(tmp_path):
    path = write(XlsxFile, tmp_path, limits=SheetLimits(rows=11))
    assert [row[0] for row in to_csv(path, tmp_path, sheet=2)] == [
        "number",
        *map(str, range(10, len(ROWS))),
    ]


def test_a_text_that_is_too_long_for_a_cell_is_cut_and_counted(tmp_path):
    file = XlsxFile(tmp_path, TRICKY)
    file.write([(0, "长" * 32_767, *ROWS[0][2:]), (1, "长" * 32_768, *ROWS[0][2:])])
    file.close()
    assert file.cut_cells == 1


@pytest.mark.both_engines
def test_a_day_is_exported_with_exactly_its_rows_in_every_format(published, tmp_path):
    written = export(published, tmp_path / "out", "fact_call", "fact_segment", "dim_agent")
    assert {table.table: table.rows for table in written.tables} == {
        "fact_call": 4,
        "fact_segment": 5,
        "dim_agent": 3,
    }
    calls = pl.read_parquet(tmp_path / "out" / "fact_call.parquet")
    assert calls["call_key"].to_list() == [4, 5, 6, 7]
    assert calls["started_utc"][0] == datetime(2025, 3, 14, 1, 15, tzinfo=UTC)
    assert calls["agent_talk_s"].to_list() == [40.0, 40.0, 40.0, None]
    with (tmp_path / "out" / "fact_segment.csv").open(encoding="utf-8-sig", newline="") as file:
        assert "'" + SAID in {row["text"] for row in csv.DictReader(file)}


@pytest.mark.both_engines
def test_every_published_table_can_be_exported(published, tmp_path):
    written = export(published, tmp_path / "out", formats=("parquet",))
    assert [table.table for table in written.tables] == [t.name for t in tables.PUBLISHED_TABLES]


def test_the_manifest_has_rows_hashes_and_the_state_of_each_day(published, tmp_path):
    export(published, tmp_path / "out", "fact_call", first=WEEK_BEFORE, last=DAY)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert manifest["tables"]["fact_call"]["rows"] == 7
    files = manifest["tables"]["fact_call"]["files"]
    assert [file["name"] for file in files] == [f"fact_call.{name}" for name in ALL]
    for file in files:
        content = (tmp_path / "out" / file["name"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert file["bytes"] == len(content)
    assert [day["day"] for day in manifest["days"]] == [WEEK_BEFORE, DAY_BEFORE, DAY]
    assert manifest["days"][-1]["published_at"] == "2025-03-15T06:00:00+00:00"
    assert manifest["days_not_published"][0] == "2025-03-08"
    assert len(manifest["days_not_published"]) == 5
    assert manifest["schema_version"] == 1


def test_a_day_that_is_not_published_is_refused_and_what_was_there_stays(published, tmp_path):
    export(published, tmp_path / "out", "fact_call")
    with pytest.raises(ExportError, match="not published"):
        export(published, tmp_path / "out", "fact_call", first="2025-03-20", last="2025-03-21")
    assert (tmp_path / "out" / "manifest.json").exists()
    assert [path.name for path in tmp_path.glob("out*")] == ["out"]


def test_tables_with_unmasked_text_are_refused():
    with pytest.raises(ExportError, match="transcripts: no published table"):
        find_tables(["transcripts"])


def test_a_folder_that_is_replaced_has_nothing_of_the_old_one(published, tmp_path):
    export(published, tmp_path / "out", "fact_call")
    export(published, tmp_path / "out", "dim_agent", formats=("csv",))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "dim_agent.csv",
        "manifest.json",
    ]


def test_a_folder_that_a_killed_process_moved_aside_comes_back(tmp_path):
    (tmp_path / "out.old.part").mkdir()
    (tmp_path / "out.old.part" / "kept").touch()
    (tmp_path / "out.new.part").mkdir()
    with pytest.raises(ZeroDivisionError), write_folder_atomically(tmp_path / "out"):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "kept").exists()


def test_the_command_writes_below_the_home_and_says_what(published, home):
    ran = CliRunner().invoke(
        app, ["export", "--day", DAY, "--table", "fact_call", "--format", "csv"]
    )
    assert ran.exit_code == 0, ran.output
    assert (home.exports / DAY / "fact_call.csv").exists()
    assert "fact_call" in ran.output
    assert CliRunner().invoke(app, ["export", "--from", DAY]).exit_code == 2
