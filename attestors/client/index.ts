/** Clients that are registered here, with keys or a secret of their own. The trust model is in README.md. */
import {
  type AttestorHost,
  type AttestorType,
  type Finding,
  type KeySource,
  verificationAlgorithms,
} from '../attestor.js';
import { attempt, tryKeys } from '../step.js';
import { clientSecretForm } from './form.js';
import { type ClientOptions, options, plan, type RegisteredClient } from './options.js';
import { createClientSecret } from './secret.js';
import { type Credential, createClientAttestor, type KnownClient } from './verify.js';

async function create(attestorName: string, block: ClientOptions, host: AttestorHost) {
  const { accepts } = plan(block, host.issuer);
  const clients = await Promise.all(
    Object.entries(block.clients).map(async ([id, { grantTypes, ...client }]): Promise<[string, KnownClient]> => {
      return [id, { credential: await credentialOf(client, host), grantTypes: Object.freeze([...grantTypes]) }];
    }),
  );
  return createClientAttestor({
    name: attestorName,
    accepts,
    clients: new Map(clients),
    maxLifetime: block.maxLifetime,
    environment: block.environment ?? host.environment,
    host,
  });
}

async function credentialOf(
  { keys: named, algorithms = [...verificationAlgorithms], secret }: Omit<RegisteredClient, 'grantTypes'>,
  host: AttestorHost,
): Promise<Credential> {
  if (secret !== undefined) return { secret: createClientSecret(host.path(secret.file), host.now) };
  if (named === undefined) throw new Error('a client has neither keys nor a secret');
  const keys = host.keySet(keySource(named), { maxStale: named.maxStale });
  await keys.ready();
  return { keys, algorithms };
}

const keySource = (keys: NonNullable<RegisteredClient['keys']>): KeySource =>
  'jwksUri' in keys ? { uri: keys.jwksUri } : { file: keys.jwksFile };

async function* examine(_: string, { clients }: ClientOptions, host: AttestorHost): AsyncGenerator<Finding> {
  for (const [id, { keys }] of Object.entries(clients)) {
    if (keys === undefined) continue;
    const fix =
      'jwksUri' in keys
        ? `let ${keys.jwksUri} answer this machine with the client's JWK Set: outbound.allow admits private networks, outbound.ca certificate authorities`
        : `write the client's JWK Set to ${host.path(keys.jwksFile)}`;
    yield await attempt(
      `keys of ${id}`,
      () => tryKeys(keySource(keys), host, fix),
      () => fix,
    );
  }
}

export const client = Object.freeze<AttestorType<ClientOptions>>({
  type: 'client',
  selectorKinds: Object.freeze(['client:id']),
  singleKinds: Object.freeze(['client:id']),
  facts: Object.freeze([]),
  highestAssurance: () => 'low',
  forms: Object.freeze([clientSecretForm]),
  options,
  plan,
  create,
  examine,
});
