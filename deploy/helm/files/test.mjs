// What `helm test` does: the service is there, by its own word; it knows this cluster; and it grants nothing that no rule grants.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

const { ISSUER: issuer, URL: url, CLUSTER: cluster } = process.env;

const metadata = await (await fetch(`${url}/.well-known/oauth-authorization-server`)).json();
assert.equal(metadata.issuer, issuer);
console.log(`metadata: the issuer is ${issuer}`);

const { keys } = await (await fetch(`${url}/jwks`)).json();
assert.ok(keys.length > 0 && keys.every((key) => key.kid && !key.d), 'public keys with ids');
console.log(`jwks: ${keys.length} public`);

async function exchange(subject_token) {
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    resource: 'https://counterseal.invalid/helm-test',
    subject_token,
  };
  const answer = await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(form) });
  return [answer.status, (await answer.json()).error];
}

assert.deepEqual(await exchange('not.a.token'), [400, 'invalid_request']);
console.log('an exchange of what is no token: invalid_request');
if (cluster === 'true') {
  const own = await readFile('/var/run/secrets/counterseal/token', 'utf8');
  // The token is accepted, or it would be invalid_request: it is the rule that is missing.
  assert.deepEqual(await exchange(own), [400, 'invalid_target']);
  console.log("an exchange of this pod's token, for what no rule grants: invalid_target");
}
