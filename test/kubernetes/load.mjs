// Runs in a pod, in the image of the service: agents that exchange the pod's token and introspect what they get, again and again, through
// the service's name. Every token that comes back is verified. GET /begin, /mark (the fault is now) and /end on port 8081 steer it; /end answers with figures.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalJWKSet, jwtVerify } from '/opt/counterseal/node_modules/jose/dist/webapi/index.js';

const { ISSUER: issuer, SUBJECT: subject } = process.env;
const resource = 'https://load.example/api';
const tokenFile = '/var/run/secrets/counterseal/token';
const agents = 6;
/** Milliseconds between two exchanges of one agent, and before it tries again. */
const pause = 50;
const attempts = 40;
const deadline = 10_000;

const kept = new Agent({ keepAlive: true });
const fresh = new Agent({ keepAlive: false });

function send(url, { form, agent, headers } = {}) {
  return new Promise((resolve, reject) => {
    const body = form === undefined ? undefined : new URLSearchParams(form).toString();
    const type = body === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' };
    const options = {
      method: body === undefined ? 'GET' : 'POST',
      agent,
      headers: { ...type, ...headers },
      timeout: deadline,
    };
    const sent = request(url, options, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, text: Buffer.concat(parts).toString() }));
    });
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'no_answer' })));
    sent.on('error', reject);
    sent.end(body);
  });
}

let keys = createLocalJWKSet({ keys: [] });

/** Whether it is what was asked for, by the keys that the service publishes now. */
async function isRight(token) {
  for (const again of [true, false]) {
    try {
      const { payload } = await jwtVerify(token, keys, { issuer, audience: resource, typ: 'at+jwt' });
      return payload.sub === subject && payload.scope === 'use';
    } catch {
      if (!again) return false;
      keys = createLocalJWKSet(JSON.parse((await send(`${issuer}/jwks`, { agent: fresh })).text));
    }
  }
}

let run = null;

/** @returns `ok` and the token, `wrong`, or what went wrong */
async function exchange(agent) {
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: readFileSync(tokenFile, 'utf8'),
    resource,
  };
  const { status, text } = await send(`${issuer}/token`, { form, agent });
  if (status !== 200) return [`${status} ${JSON.parse(text).error}`];
  const token = JSON.parse(text).access_token;
  return (await isRight(token)) ? ['ok', token] : ['wrong'];
}

const asClient = (token) => ({
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: readFileSync(tokenFile, 'utf8'),
  token,
});

async function introspect(agent, token) {
  const { status, text } = await send(`${issuer}/introspect`, { form: asClient(token), agent });
  if (status !== 200) return [`${status} ${JSON.parse(text).error}`];
  return JSON.parse(text).active === true ? ['ok'] : ['wrong'];
}

/** Tries until it is ok, as clients should. @returns undefined when it was given up */
async function insist(kind, work, figures) {
  const began = performance.now();
  for (let count = 1; count <= attempts; count += 1) {
    const [outcome, result] = await work().catch((error) => [error.code ?? error.name]);
    if (outcome === 'ok') {
      kind.milliseconds.push(performance.now() - began);
      if (count > 1) kind.retried += 1;
      return result;
    }
    kind.failures.push([Date.now(), outcome]);
    if (outcome === 'wrong' || figures.ended) break;
    await sleep(pause * Math.min(count, 10));
  }
  if (!figures.ended) kind.lost += 1;
  return undefined;
}

async function loop(index, figures) {
  const agent = index % 2 === 0 ? kept : fresh;
  while (!figures.ended) {
    const token = await insist(figures.exchange, () => exchange(agent), figures);
    if (token !== undefined) await insist(figures.introspect, () => introspect(agent, token), figures);
    await sleep(pause);
  }
}

const kind = () => ({ milliseconds: [], failures: [], retried: 0, lost: 0 });

function begin() {
  const figures = { began: Date.now(), exchange: kind(), introspect: kind(), ended: false };
  figures.loops = Promise.all(Array.from({ length: agents }, (_, index) => loop(index, figures)));
  run = figures;
}

async function end() {
  const figures = run;
  figures.ended = true;
  await figures.loops;
  const since = figures.mark ?? figures.began;
  return { exchange: told(figures.exchange, since), introspect: told(figures.introspect, since) };
}

/** Milliseconds; of failures since the fault. */
function told({ milliseconds, failures, retried, lost }, since) {
  const sorted = milliseconds.sort((one, other) => one - other);
  const at = (share) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? -1);
  const times = failures.map(([time]) => time - since);
  const failed = {};
  for (const [, outcome] of failures) failed[outcome] = (failed[outcome] ?? 0) + 1;
  const window = times.length === 0 ? {} : { first: Math.min(...times), last: Math.max(...times) };
  return { ok: sorted.length, lost, retried, failed, ...window, p50: at(0.5), p99: at(0.99), longest: at(1) };
}

/** Asks each replica by its address until it says that the token is not active; when each first said so. */
async function untilInactive({ token, replicas }) {
  const { hostname: servername } = new URL(issuer);
  const form = asClient(token);
  return Promise.all(
    replicas.map(async (address) => {
      const agent = new Agent({ keepAlive: true, servername });
      for (const until = Date.now() + 60_000; Date.now() < until; ) {
        const { text } = await send(`https://${address}:8080/introspect`, {
          form,
          agent,
          headers: { Host: servername },
        });
        if (JSON.parse(text).active === false) return Date.now();
        seenActive.add(address);
        await sleep(10);
      }
      return null;
    }),
  );
}
const seenActive = new Set();

/** Asks each replica until all have another policy than `revision`; when each first said so. */
async function untilRevised({ revision, replicas }) {
  return Promise.all(
    replicas.map(async (address) => {
      for (const until = Date.now() + 180_000; Date.now() < until; ) {
        const ready = await (await fetch(`http://${address}:9090/readyz`)).json();
        if (ready.policy_revision !== revision) return Date.now();
        await sleep(100);
      }
      return null;
    }),
  );
}

const paths = {
  '/begin': begin,
  '/mark': () => {
    run.mark = Date.now();
  },
  '/end': end,
  '/inactive': untilInactive,
  '/active': () => [...seenActive],
  '/revised': untilRevised,
};

createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const text = Buffer.concat(parts).toString();
  try {
    const result = await paths[request.url](text === '' ? undefined : JSON.parse(text));
    response.end(JSON.stringify(result ?? {}));
  } catch (error) {
    response.writeHead(500).end(String(error.stack));
  }
}).listen(8081);
