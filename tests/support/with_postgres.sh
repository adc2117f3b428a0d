#!/usr/bin/env bash
# Runs a command with CALLQA_TEST_POSTGRES_URL naming a PostgreSQL: with_postgres.sh make test
#
# The server that the variable names already, else a throw-away cluster in a temporary folder,
# reachable through a socket there and removed at the end. Needs PostgreSQL's server programs
# (Debian: apt-get install postgresql); the server never runs as root.
set -euo pipefail

if [ -n "${CALLQA_TEST_POSTGRES_URL:-}" ]; then
  exec "$@"
fi

programs=$(
  { command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb | sort --version-sort; } 2>/dev/null |
    tail -1 | xargs --no-run-if-empty dirname
)
if [ -z "$programs" ]; then
  echo "no PostgreSQL server programs: install them, or set CALLQA_TEST_POSTGRES_URL" >&2
  exit 1
fi

folder=$(mktemp --directory)
as_owner=()
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as_owner=(runuser -u postgres --)
fi

in_folder() {
  (cd "$folder" && "${as_owner[@]}" "$programs/$1" "${@:2}")
}

stop() {
  in_folder pg_ctl stop --pgdata=data --mode=immediate --silent || true
  rm -rf "$folder"
}
trap stop EXIT

in_folder initdb --pgdata=data --username=callqa --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
  --no-sync >"$folder.log" 2>&1 || { cat "$folder.log" >&2; exit 1; }
rm "$folder.log"
# Nothing here outlives the tests, so nothing waits for the disk.
in_folder pg_ctl start --pgdata=data --log=log --wait --silent --options="\
-c listen_addresses= -c unix_socket_directories='$folder' -c fsync=off \
-c synchronous_commit=off -c full_page_writes=off" || { cat "$folder/log" >&2; exit 1; }

export CALLQA_TEST_POSTGRES_URL="postgresql+psycopg2://callqa@/postgres?host=$folder"
"$@"
