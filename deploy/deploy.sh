#!/usr/bin/env bash
# Creates or replaces the Cloud Run job of the tags pipeline. Prints every command before it runs.
set -euo pipefail

usage() {
    cat <<'TEXT'
deploy/deploy.sh --project PROJECT --region REGION --image NAME:TAG --service-account EMAIL --objects-url gs://BUCKET
                 [--job NAME] [--caller MEMBER] [--dry-run]

  --service-account EMAIL  what the tasks run as: it reads and writes the objects
  --objects-url URL        the object store, the same as the platform's SLUICE_OBJECTS_URL
  --job NAME               the job's name (sluice-tags)
  --caller MEMBER          who starts executions, such as serviceAccount:EMAIL: gets the rights for that
  --dry-run                print the job's definition and the commands, run none
TEXT
}

fail() {
    printf 'deploy.sh: %s\n' "$1" >&2
    usage >&2
    exit 64
}

run() {
    printf '+'
    printf ' %q' "$@"
    printf '\n'
    [[ -n $dry_run ]] || "$@"
}

project='' region='' image='' service_account='' objects_url='' job=sluice-tags caller='' dry_run=''
while (($#)); do
    case $1 in
    --project | --region | --image | --service-account | --objects-url | --job | --caller)
        (($# > 1)) || fail "$1 needs a value"
        name=${1#--}
        printf -v "${name//-/_}" '%s' "$2"
        shift 2
        ;;
    --dry-run) dry_run=yes && shift ;;
    --help | -h) usage && exit 0 ;;
    *) fail "unknown argument $1" ;;
    esac
done
for name in project region image service_account objects_url; do
    [[ -n ${!name} ]] || fail "--${name//_/-} is missing"
done

here=$(dirname -- "${BASH_SOURCE[0]}")
definition=$(<"$here/cloud_run_job.yaml")
definition=${definition//'${JOB}'/"$job"}
definition=${definition//'${IMAGE}'/"$image"}
definition=${definition//'${SERVICE_ACCOUNT}'/"$service_account"}
definition=${definition//'${OBJECTS_URL}'/"$objects_url"}
file=$(mktemp -t cloud_run_job.XXXXXX)
trap 'rm -f -- "$file"' EXIT
printf '%s\n' "$definition" | tee "$file"

run gcloud run jobs replace "$file" --project "$project" --region "$region"
if [[ -n $caller ]]; then
    # Starting with overrides needs run.jobs.runWithOverrides, which roles/run.invoker does not have.
    run gcloud run jobs add-iam-policy-binding "$job" --project "$project" --region "$region" \
        --member "$caller" --role roles/run.developer
    run gcloud iam service-accounts add-iam-policy-binding "$service_account" --project "$project" \
        --member "$caller" --role roles/iam.serviceAccountUser
fi
printf 'Settings of the platform: SLUICE_TAGS_RUNNER=cloud_run_job SLUICE_CLOUD_RUN_PROJECT=%s SLUICE_CLOUD_RUN_REGION=%s SLUICE_CLOUD_RUN_JOB=%s\n' \
    "$project" "$region" "$job"
