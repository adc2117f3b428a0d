"""A trial with a BI client: Apache Superset reads the published views, and its numbers are SQL's.

    python -m venv SUPERSET
    SUPERSET/bin/pip install apache-superset==6.1.0 psycopg2-binary rich cachetools \
        'flask-caching<2.4' 'cachelib<0.14'
    tests/support/with_postgres.sh python -m benchmarks.bi.superset SUPERSET

Superset has an environment of its own (about 800 MB): its versions do not go with ours. The program
fills a warehouse by hand-made days, on SQLite and, where `CALLQA_TEST_POSTGRES_URL` names a server,
on PostgreSQL; starts Superset in a temporary folder; lets it make a dataset of the view
`published_fact_call` and draw charts by day and by agent behind a date filter; and compares each
number with SQL's. It ends with status 1 where one differs or a column has no type.
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from callqa_assets.warehouse.database import Warehouse
from tests.conftest import SERVER, create_schema
from tests.support.published_days import write_published_days

VIEW = "published_fact_call"
RANGES = (("2025-03-13", "2025-03-15"), ("2025-03-07", "2025-03-14"), ("2025-03-08", "2025-03-13"))
"""Date filters, from midnight to midnight: what begins at the end is outside."""
METRICS = {"calls": "COUNT(*)", "talk_s": "SUM(agent_talk_s)", "alerts": "SUM(alerts_high)"}
_START_TIMEOUT_S = 180


@dataclass(frozen=True)
class Source:
    """A warehouse as Superset and as we see it."""

    name: str
    url: str
    schema: str | None
    warehouse: Warehouse


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Compare the numbers of Superset with those of SQL."
    )
    parser.add_argument("superset", type=Path, help="virtual environment with Superset")
    programs = parser.parse_args().superset.resolve() / "bin"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sources = [_open_sqlite(folder)]
        if server := os.environ.get(SERVER):
            url = stack.enter_context(create_schema(server))
            sources.append(_open_postgres(server, url))
        for source in sources:
            source.warehouse.migrate()
            with source.warehouse.write() as connection:
                write_published_days(connection)
        client = stack.enter_context(run_superset(programs, folder))
        problems = [problem for source in sources for problem in compare(client, source)]
    sys.exit("\n".join(problems) or None)


def _open_sqlite(folder: Path) -> Source:
    url = f"sqlite:///{folder / 'warehouse.db'}"
    return Source("SQLite", url, "main", Warehouse(url))


def _open_postgres(server: str, url: str) -> Source:
    options = sa.make_url(url).query["options"]
    return Source("PostgreSQL", server, str(options).rpartition("=")[2], Warehouse(url))


@contextmanager
def run_superset(programs: Path, folder: Path) -> Iterator[httpx.Client]:
    """A Superset with an administrator, logged in, for as long as the block lasts."""
    password, port = secrets.token_hex(8), _find_port()
    config = folder / "superset_config.py"
    config.write_text(
        f"SECRET_KEY = {secrets.token_hex(16)!r}\n"
        f"SQLALCHEMY_DATABASE_URI = 'sqlite:///{folder / 'superset.db'}'\n"
        "PREVENT_UNSAFE_DB_CONNECTIONS = False\n"  # SQLite is one
        "WTF_CSRF_ENABLED = False\n"
    )
    environment = os.environ | {
        "SUPERSET_CONFIG_PATH": str(config),
        "SUPERSET_HOME": str(folder),
        "FLASK_APP": "superset",
    }
    environment.pop("PYTHONPATH", None)

    def command(*arguments: str) -> list[str]:
        return [str(programs / "superset"), *arguments]

    admin = ["--firstname", "a", "--lastname", "b", "--email", "a@localhost"]
    with (folder / "superset.log").open("w") as log:
        for arguments in (
            ["db", "upgrade"],
            ["fab", "create-admin", "--username", "admin", "--password", password, *admin],
            ["init"],
        ):
            subprocess.run(command(*arguments), env=environment, check=True, stdout=log, stderr=log)
        server = subprocess.Popen(
            command("run", "-p", str(port)), env=environment, stdout=log, stderr=log
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60) as client:
            _wait_until_up(client)
            login = {"username": "admin", "password": password, "provider": "db"}
            token = _ask(client, "/security/login", login)["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
    except RuntimeError:
        print((folder / "superset.log").read_text()[-6_000:], file=sys.stderr)
        raise
    finally:
        server.terminate()
        server.wait()


def _find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_until_up(client: httpx.Client) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            client.get("/security/login")
            return
        except httpx.TransportError:
            time.sleep(1)
    raise TimeoutError("Superset did not start")


def _ask(client: httpx.Client, path: str, content: dict[str, Any]) -> dict[str, Any]:
    response = client.post(path, json=content)
    if response.is_error:
        raise RuntimeError(f"{path}: {response.status_code} {response.text[:500]}")
    return response.json()


def compare(client: httpx.Client, source: Source) -> Iterator[str]:
    """What is wrong with the source's dataset and charts."""
    database = _ask(
        client, "/database/", {"database_name": source.name, "sqlalchemy_uri": source.url}
    )["id"]
    dataset = _ask(
        client, "/dataset/", {"database": database, "table_name": VIEW, "schema": source.schema}
    )["id"]
    columns = client.get(f"/dataset/{dataset}").json()["result"]["columns"]
    types = {column["column_name"]: column["type"] for column in columns}
    for name, kind in types.items():
        if not kind or kind == "UNKNOWN":
            yield f"{source.name}: column {name} has no type"
    times = sorted(column["column_name"] for column in columns if column["is_dttm"])
    print(f"{source.name}: {len(types)} columns, times: {', '.join(times)}")
    for begin, end in RANGES:
        for title, axis in (("day", _DAY_AXIS), ("agent", "agent_key")):
            drawn = _draw(client, dataset, axis, begin, end)
            wanted = _query(source.warehouse, title, begin, end)
            print(f"{source.name} by {title}, {begin} to {end}: {drawn}")
            if drawn != wanted:
                yield f"{source.name} by {title}, {begin} to {end}: {drawn}, SQL has {wanted}"


_DAY_AXIS = {
    "timeGrain": "P1D",
    "columnType": "BASE_AXIS",
    "sqlExpression": "call_day",
    "label": "call_day",
    "expressionType": "SQL",
}


def _draw(
    client: httpx.Client, dataset: int, axis: Any, begin: str, end: str
) -> list[tuple[Any, ...]]:
    """The rows of a chart, as the browser would draw it."""
    name = axis["label"] if isinstance(axis, dict) else axis
    query = {
        "columns": [axis],
        "metrics": [
            {"expressionType": "SQL", "sqlExpression": expression, "label": label}
            for label, expression in METRICS.items()
        ],
        "filters": [{"col": "call_day", "op": "TEMPORAL_RANGE", "val": f"{begin} : {end}"}],
        "row_limit": 100,
    }
    content = {
        "datasource": {"id": dataset, "type": "table"},
        "queries": [query],
        "result_format": "json",
        "result_type": "full",
    }
    rows = _ask(client, "/chart/data", content)["result"][0]["data"]
    return sorted((_as_day(row[name]), *(row[label] for label in METRICS)) for row in rows)


def _as_day(value: int) -> int:
    """Superset writes times as milliseconds since 1970; as a `date_key`. Keys stay."""
    if value < 1_000_000_000:
        return value
    return int(time.strftime("%Y%m%d", time.gmtime(value / 1000)))


def _query(warehouse: Warehouse, title: str, begin: str, end: str) -> list[tuple[Any, ...]]:
    """The same by SQL, through `date_key`, which no filter on times can get wrong."""
    key = {"day": "date_key", "agent": "agent_key"}[title]
    query = sa.text(
        f"SELECT {key}, {', '.join(METRICS.values())} FROM {VIEW} "  # noqa: S608 - of constants
        "WHERE date_key >= :begin AND date_key < :end GROUP BY 1 ORDER BY 1"
    )
    bounds = {"begin": int(begin.replace("-", "")), "end": int(end.replace("-", ""))}
    with warehouse.read() as connection:
        return [tuple(row) for row in connection.execute(query, bounds)]


if __name__ == "__main__":
    main()
