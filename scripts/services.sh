# Sourced by other scripts: installs what is missing, and starts a private Postgres and a private
# Redis on free ports in a temporary folder. Exports OTPOST_TEST_POSTGRES and OTPOST_TEST_REDIS;
# stop_services ends what it started, by pid.

say() { printf '%s\n' "$*" >&2; }

install_missing() {
  missing=()
  command -v redis-server >/dev/null || missing+=(redis-server)
  find_postgres || missing+=(postgresql)
  command -v cc >/dev/null || missing+=(gcc libc6-dev)
  command -v make >/dev/null || missing+=(make)
  # The tests run the examples.
  command -v python3 >/dev/null || missing+=(python3)
  install_packages "${missing[@]}"
}

# The packages of Debian that are named, if any are.
install_packages() {
  [ $# -eq 0 ] && return
  say "installing: $*"
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  if ! command -v apt-get >/dev/null || { [ ${#as_root[@]} -gt 0 ] && ! command -v sudo >/dev/null; }; then
    say "please install: $*"
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Sets PG_BIN to the newest installed server's folder.
find_postgres() {
  PG_BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
  if [ -z "$PG_BIN" ] && command -v initdb >/dev/null; then
    PG_BIN=$(dirname "$(readlink -f "$(command -v initdb)")")
  fi
  [ -n "$PG_BIN" ] && [ -x "$PG_BIN/initdb" ]
}

free_port() {
  local port
  while :; do
    # Below those that the kernel gives to clients, who may be quicker.
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s' "$port"; return; }
  done
}

# Postgres refuses to run as root, so root runs it as the package's own user.
as_postgres() {
  if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi
}

start_services() {
  install_missing
  find_postgres || { say "no Postgres server found"; exit 1; }
  services=$(mktemp -d)
  chmod 755 "$services"
  mkdir "$services/pg"
  [ "$(id -u)" -ne 0 ] || chown postgres "$services/pg"
  as_postgres "$PG_BIN/initdb" -D "$services/pg/data" -U otpost --auth=trust -E UTF8 \
    --no-locale >"$services/initdb.log"
  local port=$(free_port)
  # Tests lose nothing when the machine does: no fsync, for speed.
  as_postgres "$PG_BIN/postgres" -D "$services/pg/data" -p "$port" -k "$services/pg" \
    -c listen_addresses=127.0.0.1 -c max_connections=400 -c fsync=off \
    >"$services/postgres.log" 2>&1 &
  local redis_port=$(free_port)
  redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --databases 4096 \
    --dir "$services" >"$services/redis.log" 2>&1 &
  redis_pid=$!
  export OTPOST_TEST_POSTGRES="postgres://otpost@127.0.0.1:$port"
  export OTPOST_TEST_REDIS="redis://127.0.0.1:$redis_port"
  local tries=0
  until "$PG_BIN/pg_isready" -q -h 127.0.0.1 -p "$port" \
    && (exec 3<>"/dev/tcp/127.0.0.1/$redis_port") 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { say "Postgres or Redis did not start:"; tail "$services"/*.log >&2; exit 1; }
    sleep 0.1
  done
}

stop_services() {
  [ -n "${services:-}" ] || return 0
  # The server writes its own pid down; the job's would be that of a wrapper.
  local pid
  pid=$(head -n 1 "$services/pg/data/postmaster.pid" 2>/dev/null) && kill -INT "$pid" 2>/dev/null
  [ -z "${redis_pid:-}" ] || kill "$redis_pid" 2>/dev/null
  wait
  rm -rf "$services"
}
