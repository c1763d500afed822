/** The block of `type: client`. */
import { z } from 'zod';
import type { AttestorPlan } from '../attestor.js';
import { duration, listOfAlgorithms, name, namedKeys, text } from '../options.js';
import { clientSecretType, jwtType } from '../token-types.js';
import { secretFault } from './secret.js';

const aClientId = 'a client_id of letters, digits, ".", "_" and "-"';

/** RFC 7591 §2, `grant_types`. */
const grantTypes = [
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
  'urn:ietf:params:oauth:grant-type:token-exchange',
] as const;

const client = z
  .strictObject({
    keys: namedKeys.optional().describe('Its public keys: the client authenticates with private_key_jwt.'),
    algorithms: listOfAlgorithms.optional().describe('What it may sign with. Default: all that its keys are for.'),
    secret: z
      .strictObject({ file: text('the path of a file') }, { error: 'a map with file' })
      .optional()
      .describe('Instead of keys: the client authenticates with client_secret_basic.'),
    grantTypes: z
      .array(z.enum(grantTypes), { error: 'a list of grant types' })
      .min(1, { error: 'a list of at least one grant type' })
      .default(['client_credentials'])
      .describe('The grants that it may use.'),
  })
  .superRefine(({ keys, algorithms, secret }, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if ((keys === undefined) === (secret === undefined)) refuse([], 'exactly one of keys and secret');
    if (keys === undefined && algorithms !== undefined) refuse(['algorithms'], 'of keys only: a secret signs nothing');
  });

export const options = z.strictObject({
  clients: z
    .record(name(aClientId), client, {
      error: (issue) => (issue.code === 'invalid_key' ? undefined : 'a map from client_id to client'),
    })
    .refine((clients) => Object.keys(clients).length > 0, { error: 'a map of at least one client' })
    .describe('By client_id, which is a segment of the subject.'),
  maxLifetime: duration().prefault('5m').describe('Assertions with a longer `exp` − `iat` are refused.'),
  environment: name('the name of an environment')
    .optional()
    .describe("The clients' environment. Default: this deployment's."),
});

export type ClientOptions = z.output<typeof options>;
export type RegisteredClient = ClientOptions['clients'][string];

/** What stands for the audience of a secret, which names none. */
export const secretAudience = 'client_secret_basic';

export function plan({ clients }: ClientOptions, ourIssuer: string): AttestorPlan {
  const routes = Object.entries(clients).map(([id, { keys }]) =>
    Object.freeze(
      keys === undefined
        ? { tokenType: clientSecretType, issuer: id, audience: secretAudience }
        : { tokenType: jwtType, issuer: id, audience: ourIssuer },
    ),
  );
  const files = Object.entries(clients).flatMap(([id, { secret }]) =>
    secret === undefined ? [] : [{ path: ['clients', id, 'secret', 'file'], file: secret.file, fault: secretFault }],
  );
  return { accepts: Object.freeze(routes), clientIds: Object.freeze(Object.keys(clients)), faults: [], files };
}
