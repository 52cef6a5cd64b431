#!/bin/sh
# A program for `turboci runner`: publishes what the stage's args name. Needs no library: the request comes as JSON on
# stdin, the answer goes as JSON to stdout, messages go to stderr, and an exit status other than 0 is a failure.
#
#   turboci runner --type publish --exec examples/runners/exec-runner.sh
set -eu

request=$(cat)
package=$(printf '%s' "$request" | sed -n 's/.*"package":"\([^"]*\)".*/\1/p')

if [ -z "$package" ]; then
  # A failure with the state FINAL is a verdict: another attempt would fail as well.
  echo '{"stageState": "STAGE_STATE_FINAL", "failure": {"message": "args.package is missing", "reason": "BAD_ARGS"}}'
  exit 0
fi

echo "publishing $package (attempt $TURBOCI_ATTEMPT_IDX)" >&2
echo "::progress 50 uploading" >&2
sleep 0.2

printf '{"checkUpdates": [{"checkId": "%s", "state": "CHECK_STATE_FINAL", "resultData": {"package": "%s"}}]}\n' \
  "$TURBOCI_STAGE_ID" "$package"
