#!/usr/bin/env bash
# Builds the image of all roles, and pushes it. Prints every command before it runs.
set -euo pipefail

usage() {
    cat <<'TEXT'
deploy/build.sh --image NAME:TAG [--push] [--cloud-build --project PROJECT] [--dry-run]

  --image NAME:TAG   the image, such as REGION-docker.pkg.dev/PROJECT/REPOSITORY/sluice:2026-11-21
  --push             push it after building it here
  --cloud-build      build it with Google Cloud Build instead, which also pushes it
  --project PROJECT  where Cloud Build runs
  --dry-run          print the commands, run none
TEXT
}

fail() {
    printf 'build.sh: %s\n' "$1" >&2
    usage >&2
    exit 64
}

run() {
    printf '+'
    printf ' %q' "$@"
    printf '\n'
    [[ -n $dry_run ]] || "$@"
}

image='' project='' push='' cloud_build='' dry_run=''
while (($#)); do
    case $1 in
    --image | --project)
        (($# > 1)) || fail "$1 needs a value"
        name=${1#--}
        printf -v "$name" '%s' "$2"
        shift 2
        ;;
    --push) push=yes && shift ;;
    --cloud-build) cloud_build=yes && shift ;;
    --dry-run) dry_run=yes && shift ;;
    --help | -h) usage && exit 0 ;;
    *) fail "unknown argument $1" ;;
    esac
done
[[ -n $image ]] || fail '--image is missing'

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
if [[ -n $cloud_build ]]; then
    [[ -n $project ]] || fail '--cloud-build needs --project'
    run gcloud builds submit --project "$project" --config deploy/cloudbuild.yaml --substitutions "_IMAGE=$image" .
else
    run env DOCKER_BUILDKIT=1 docker build --file deploy/Dockerfile --tag "$image" .
    [[ -z $push ]] || run docker push "$image"
fi
