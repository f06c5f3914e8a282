#!/bin/sh
# What a container does: its first argument is its role, the others go on to the program.
set -eu

role=${1:-help}
[ $# -eq 0 ] || shift

case $role in
webserver) exec python -m platform_assets.webserver -h 0.0.0.0 -p 3000 -w /srv/sluice/workspace.yaml "$@" ;;
daemon) exec dagster-daemon run -w /srv/sluice/workspace.yaml "$@" ;;
code-server) exec dagster code-server start -h 0.0.0.0 -p 4000 -m platform_assets.definitions "$@" ;;
api) exec python -m api "$@" ;;
tags-task) exec python -m platform_assets.tags.task "$@" ;;
tags-service) exec python -m platform_assets.tags.service --host 0.0.0.0 --port "${PORT:-8080}" "$@" ;;
run) exec "$@" ;;
help)
    echo "roles: webserver daemon code-server api tags-task tags-service; any other program: run PROGRAM [ARGUMENT...]"
    ;;
*)
    echo "there is no role '$role'; 'help' lists them" >&2
    exit 64
    ;;
esac
