/** An attestor for machines that keep a key of their own. The trust model is in README.md. */
import { createHash, verify } from 'node:crypto';
import { Rejected, selector } from 'counterseal/attestor';
import { form, signedBytes } from './evidence.js';
import { loadKey, options, plan } from './options.js';

/** Seconds after its verification that tokens may be issued on a response, and live. */
const evidenceTime = 300;
const vouchesFor = 900;

/**
 * What is known of a machine.
 * @typedef {object} Machine
 * @property {string} name
 * @property {import('node:crypto').KeyObject} key
 * @property {string} instance another key is another instance
 * @property {string} environment
 * @property {readonly string[]} selectors
 */

/** @type {import('counterseal/attestor').AttestorType['create']} */
async function create(name, block, host) {
  const { accepts } = plan(block, host.issuer);
  const entries = await Promise.all(
    Object.entries(block.machines).map(async ([machineName, machine]) => {
      const key = await loadKey(machine.publicKey, host.path);
      return [machineName, describe(machineName, machine, key, host.environment)];
    }),
  );
  /** A Map, so that no machine is found by a name that every object has. @type {ReadonlyMap<string, Machine>} */
  const machines = new Map(entries);
  return Object.freeze({
    name,
    accepts,
    async attest({ content }) {
      const { machine, nonce } = verified(content, machines, host.issuer);
      return attestation(name, machine, { nonce, content, host });
    },
    async close() {},
  });
}

/** @returns {Machine} */
function describe(name, { labels, environment }, key, defaultEnvironment) {
  const thumbprint = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  const own = Object.entries(labels).map(([label, value]) => selector('machine', 'label', label, value));
  return Object.freeze({
    name,
    key,
    instance: `machine:${name}:${thumbprint}`,
    environment: environment ?? defaultEnvironment,
    selectors: Object.freeze([selector('machine', 'name', name), ...own].sort()),
  });
}

/** Only what stands in the signed bytes is believed, and only after the signature of the machine that they name. */
function verified(content, machines, audience) {
  if (content === undefined) throw new Rejected('machine_key_form', 'The evidence is no response of a machine.');
  const { claims, payload, signature } = content;
  const machine = machines.get(claims.machine);
  if (machine === undefined) throw new Rejected('machine_unknown', 'The configuration has no such machine.');
  if (signature.length !== 64 || !verify(null, signedBytes(payload), machine.key, signature)) {
    throw new Rejected('machine_key_signature', `The signature is not of the key of machine ${machine.name}.`);
  }
  if (claims.audience !== audience) {
    throw new Rejected('audience_not_ours', `The response is for another audience; expected ${audience}.`);
  }
  // Without a nonce a response could be made long before, and kept.
  if (typeof claims.nonce !== 'string') throw new Rejected('machine_key_nonce', 'The response has no nonce.');
  return { machine, nonce: claims.nonce };
}

function attestation(attestor, machine, { nonce, content, host }) {
  const now = host.now();
  return Object.freeze({
    attestor,
    subject: host.spiffeId(attestor, 'machine', machine.name),
    instance: machine.instance,
    environment: machine.environment,
    selectors: machine.selectors,
    unknownSelectors: Object.freeze({}),
    claims: Object.freeze({ machine: machine.name }),
    facts: Object.freeze({}),
    evidenceId: createHash('sha256').update(content.payload).digest('base64url'),
    singleUse: true,
    // The host checks that it gave out the nonce for such evidence, that it has not ended, and that this is its first use.
    nonce,
    // A fresh response binds to whoever has the key; without a TPM the key can be copied.
    assurance: 'medium',
    attestedAt: now,
    expiresAt: now + evidenceTime,
    vouchesUntil: now + vouchesFor,
  });
}

/** @type {import('counterseal/attestor').AttestorType} */
export const attestorType = Object.freeze({
  type: 'machine-key',
  selectorKinds: Object.freeze(['machine:name', 'machine:label']),
  facts: Object.freeze([]),
  forms: Object.freeze([form]),
  options,
  plan,
  create,
});
