/**
 * A Lambda function that calls an API with a token of its own: its role is its identity, and no secret is stored.
 * Needs the variables COUNTERSEAL (the service's issuer) and RESOURCE (what the token is for), and in its role
 * `sts:GetWebIdentityToken`. README.md has all of it.
 */
import { GetWebIdentityTokenCommand, STSClient } from '@aws-sdk/client-sts';

const { COUNTERSEAL: service, RESOURCE: resource } = process.env;
const sts = new STSClient({});

/** Kept while the function is warm. */
let held = { accessToken: '', goodUntil: 0 };

export async function handler() {
  const response = await fetch(resource, { headers: { Authorization: `Bearer ${await accessToken()}` } });
  if (!response.ok) throw new Error(`${resource} answered ${response.status}`);
  return response.json();
}

async function accessToken() {
  if (Date.now() < held.goodUntil) return held.accessToken;
  const { access_token: accessToken, expires_in: expiresIn } = await exchange(await webIdentity());
  // A new one in time: a quarter of its life before its end.
  held = { accessToken, goodUntil: Date.now() + expiresIn * 750 };
  return accessToken;
}

/** A JWT in which AWS says which role this is, for Counterseal and nobody else. */
async function webIdentity() {
  const command = new GetWebIdentityTokenCommand({
    Audience: [service],
    SigningAlgorithm: 'ES384',
    DurationSeconds: 300,
  });
  const { WebIdentityToken: token } = await sts.send(command);
  return token;
}

/** RFC 8693 §2.1. */
async function exchange(subjectToken) {
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: subjectToken,
    resource,
  });
  const response = await fetch(`${service}/token`, {
    method: 'POST',
    body,
    redirect: 'error', // what is shown here is for this service alone
    signal: AbortSignal.timeout(10_000),
  });
  const answer = await response.json();
  if (response.ok) return answer;
  // Neither token is in it: the answer has a stable code, and an id for the operator.
  throw new Error(`${service}/token answered ${response.status}: ${JSON.stringify(answer)}`);
}
