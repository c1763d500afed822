// An agent with google-auth-library, unmodified: it reads the projected token, exchanges it, and keeps what it gets for as long as it lives.
import { IdentityPoolClient } from 'google-auth-library';

const { ISSUER: issuer, RESOURCE: resource, API: api } = process.env;

const client = new IdentityPoolClient({
  type: 'external_account',
  audience: resource,
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  token_url: `${issuer}/token`,
  credential_source: { file: '/var/run/secrets/counterseal/token', format: { type: 'text' } },
  scopes: ['read:calendar'],
});

const { token } = await client.getAccessToken();
const answer = await fetch(api, { headers: { Authorization: `Bearer ${token}` } });
console.log(answer.status, await answer.text());
if (!answer.ok) process.exit(1);
