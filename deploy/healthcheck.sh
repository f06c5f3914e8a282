#!/bin/sh
# Whether the role of this container does its work. Process 1 is tini; the role is the argument after the entry point.
set -eu

role=${1:-$(tr '\0' '\n' </proc/1/cmdline | sed -n '/entrypoint\.sh$/{n;p;}')}

answers() {
    python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=8)' "$1"
}

case $role in
webserver) answers http://127.0.0.1:3000/server_info ;;
daemon) exec dagster-daemon liveness-check ;;
code-server) exec dagster api grpc-health-check -p 4000 ;;
api) answers http://127.0.0.1:8000/api/v2/batch/health ;;
tags-service) answers "http://127.0.0.1:${PORT:-8080}/healthz" ;;
*) ;; # a task is as healthy as its exit code
esac
