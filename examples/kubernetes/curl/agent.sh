#!/bin/sh
# An agent with nothing but curl: it exchanges the projected token, and calls an API with what it gets. Tokens go by file and standard
# input, so that no list of processes shows them.
set -eu

answer=$(curl -sS --retry 3 "$ISSUER/token" \
  -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
  -d subject_token_type=urn:ietf:params:oauth:token-type:jwt \
  -d "resource=$RESOURCE" -d scope=read:calendar \
  --data-urlencode subject_token@/var/run/secrets/counterseal/token)
token=$(printf %s "$answer" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
[ -n "$token" ] || { echo "no token: $answer" >&2; exit 1; }

printf 'Authorization: Bearer %s\n' "$token" | curl -sS --fail-with-body -w '%{http_code}\n' -H @- "$API"
