#!/usr/bin/env bash
# The whole thing on one machine: builds trustspan, starts a real Phoenix and trustspan in front of it,
# runs an instrumented app, and prints its answers sorted by trust. Ctrl-C stops everything.
#
#   bash deploy/up.sh [--once]       --once: stop after the report
#
# PHOENIX_PORT (6006), PHOENIX_GRPC_PORT (4327), TRUSTSPAN_PORT (4317), METRICS_PORT (8888) and
# MODEL_PORT (8089) move things elsewhere. With OPENAI_API_KEY set, the app asks the real model.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
. deploy/packages.sh

phoenix_port=${PHOENIX_PORT:-6006}
phoenix_grpc_port=${PHOENIX_GRPC_PORT:-4327}
trustspan_port=${TRUSTSPAN_PORT:-4317}
metrics_port=${METRICS_PORT:-8888}
model_port=${MODEL_PORT:-8089}
state=$root/.state/demo
project=trustspan-demo
children=()

stop_all() {
    trap - EXIT INT TERM
    for pid in "${children[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${children[@]}"; do wait "$pid" 2>/dev/null || true; done
}
trap stop_all EXIT
trap 'echo; echo stopping; exit 130' INT
trap 'exit 143' TERM

fail() { # MESSAGE [LOG]
    echo "$1" >&2
    [ -n "${2:-}" ] && { echo "last lines of $2:" >&2; tail -n 15 "$2" >&2; }
    exit 1
}

in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

check_port() { # PORT WHO VARIABLE
    in_use "$1" && fail "port $1 ($2) is in use; stop what uses it, or set $3 to another port"
    return 0
}

wait_until() { # SECONDS LOG WHAT COMMAND…
    local end=$((SECONDS + $1)) log=$2 what=$3
    shift 3
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "$what did not come up" "$log"
        kill -0 "${children[-1]}" 2>/dev/null || fail "$what stopped" "$log"
        sleep 0.1
    done
}

check_port "$phoenix_port" Phoenix PHOENIX_PORT
check_port "$phoenix_grpc_port" "Phoenix, OTLP" PHOENIX_GRPC_PORT
check_port "$trustspan_port" "trustspan, OTLP" TRUSTSPAN_PORT
check_port "$metrics_port" "trustspan, metrics" METRICS_PORT
[ -n "${OPENAI_API_KEY:-}" ] || check_port "$model_port" "stand-in model" MODEL_PORT

# shellcheck disable=SC2086
install_packages $BUILD_PACKAGES
mkdir -p "$state"
[ -f build/release/build.ninja ] ||
    cmake -C .cmake/release.cmake -B build/release -G Ninja . > "$state/build.log" 2>&1 ||
    fail "cmake failed" "$state/build.log"
echo "building trustspan"
ninja -C build/release trustspan > "$state/build.log" 2>&1 || fail "the build failed" "$state/build.log"
make_venv .venv/phoenix deploy/demo/phoenix.txt
make_venv .venv/demo deploy/demo/requirements.txt

echo "starting Phoenix"
echo x > "$state/none.wasm" # Phoenix would try to download one
env PHOENIX_WORKING_DIR="$state/phoenix" PHOENIX_HOST=127.0.0.1 PHOENIX_PORT="$phoenix_port" \
    PHOENIX_GRPC_PORT="$phoenix_grpc_port" PHOENIX_TELEMETRY_ENABLED=false \
    PHOENIX_ALLOW_EXTERNAL_RESOURCES=false PHOENIX_DISABLE_AGENT_ASSISTANT=true \
    PHOENIX_ENABLE_MCP_SERVER=false PHOENIX_WASM_BINARY_PATH="$state/none.wasm" \
    .venv/phoenix/bin/phoenix serve > "$state/phoenix.log" 2>&1 &
children+=($!)
wait_until 120 "$state/phoenix.log" Phoenix curl -fs "http://127.0.0.1:$phoenix_port/readyz"

echo "starting trustspan"
env PHOENIX_COLLECTOR_ENDPOINT="http://127.0.0.1:$phoenix_port" PHOENIX_GRPC_PORT="$phoenix_grpc_port" \
    TRUSTSPAN_GRPC_ENDPOINT="localhost:$trustspan_port" \
    TRUSTSPAN_METRICS_ENDPOINT="localhost:$metrics_port" TRUSTSPAN_STATE_DIR="$state/trustspan" \
    build/release/trustspan run > "$state/trustspan.log" 2>&1 &
children+=($!)
wait_until 20 "$state/trustspan.log" trustspan curl -fs "http://localhost:$metrics_port/metrics"

if [ -z "${OPENAI_API_KEY:-}" ]; then
    echo "starting the stand-in model (no OPENAI_API_KEY is set)"
    export OPENAI_API_KEY=none OPENAI_BASE_URL="http://127.0.0.1:$model_port/v1"
    python3 tests/standin/llm.py "$model_port" > "$state/model.log" 2>&1 &
    children+=($!)
    wait_until 20 "$state/model.log" "the stand-in model" curl -fs "$OPENAI_BASE_URL/models"
fi

echo "running the app"
before=$(.venv/demo/bin/python deploy/demo/report.py --count "http://127.0.0.1:$phoenix_port" "$project")
env OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:$trustspan_port" DEMO_PROJECT="$project" \
    .venv/demo/bin/python deploy/demo/app.py > "$state/app.log" 2>&1 || fail "the app failed" "$state/app.log"
.venv/demo/bin/python deploy/demo/report.py "http://127.0.0.1:$phoenix_port" "$project" $((before + 13))

cat <<TEXT

Look at the spans:   http://localhost:$phoenix_port   (project $project, column Trustworthiness)
Send your own:       OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:$trustspan_port   (OTLP over gRPC)
Counters:            http://localhost:$metrics_port/metrics
Logs:                $state/*.log
TEXT
[ "${1:-}" = --once ] && exit 0
echo "Ctrl-C stops all of it."
wait "${children[1]}"
