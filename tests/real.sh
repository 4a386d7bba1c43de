#!/usr/bin/env bash
# The tests that need real servers, on a native stack of their own: free ports, a folder that is gone afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
metrla=.venv/bin/metrla

status=0
reason=$("$metrla" stack fetch 2>&1) || status=$?
if [[ $status == 2 ]]; then
    echo "skipped the tests on real servers: ${reason#metrla: }"
    exit 0
elif [[ $status != 0 ]]; then
    echo "$reason" >&2
    exit "$status"
fi

run=$(mktemp -d)
end() {
    status=$?
    "$metrla" stack down --run "$run" > /dev/null
    if [[ $status == 0 ]]; then rm -rf "$run"; else echo "the servers' logs are in $run/logs" >&2; fi
}
trap end EXIT
"$metrla" stack up --run "$run" --free-ports
set -a
source "$run/addresses.env"
METRLA_TEST_KAFKA_BOOTSTRAP_SERVERS=$METRLA_KAFKA_BOOTSTRAP_SERVERS
METRLA_TEST_WEBHDFS_URL=$METRLA_ARCHIVE_URL
METRLA_TEST_HBASE_URL=$METRLA_STORE_URL
METRLA_TEST_STACK_RUN=$run
set +a
# The tests choose their servers by the variables above alone.
unset METRLA_KAFKA_BOOTSTRAP_SERVERS METRLA_ARCHIVE_URL METRLA_STORE_URL
.venv/bin/pytest -m real "$@"
