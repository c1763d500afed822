#!/usr/bin/env bash
# On an Azure virtual machine with a managed identity: calls an API with a token of its own; no secret is stored.
# Usage: COUNTERSEAL=https://sts.example.com AUDIENCE=api://counterseal RESOURCE=https://calendar.example/mcp ./call-api.sh
# Needs curl and jq. README.md has the rest. Tokens go from one to the other by standard input, so that no list of processes shows them.
set -euo pipefail
metadata=${METADATA:-http://169.254.169.254/metadata}
machine_type=urn:counterseal:params:token-type:azure-attested-document

ask_metadata() { curl -sSf --noproxy '*' -G -H Metadata:true "$metadata/$1" "${@:2}"; }

# 1. A nonce: what the machine shows is made for this exchange, and good for it once.
nonce=$(curl -sSf "$COUNTERSEAL/challenge" -d "subject_token_type=$machine_type" | jq -r .nonce)

# 2. Azure says which machine this is, and which identity it has.
document=$(ask_metadata attested/document -d api-version=2021-02-01 -d "nonce=$nonce")
identity=$(ask_metadata identity/oauth2/token -d api-version=2018-02-01 --data-urlencode "resource=$AUDIENCE")
evidence=$(jq -rs '{document: .[0].signature, managedIdentityToken: .[1].access_token} | @json | @base64' \
  <<<"$document$identity" | tr '+/' '-_' | tr -d '=\n')

# 3. Both together are exchanged for a token (RFC 8693).
answer=$(curl -sS --retry 3 "$COUNTERSEAL/token" \
  -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
  -d "subject_token_type=$machine_type" -d "resource=$RESOURCE" \
  --data-urlencode subject_token@- <<<"$evidence")
token=$(jq -r '.access_token // empty' <<<"$answer")
[ -n "$token" ] || { echo "no token: $answer" >&2; exit 1; }

# 4. The API.
curl -sSf "$RESOURCE" -H @- <<<"Authorization: Bearer $token"
