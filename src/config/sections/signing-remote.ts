/** `signing` with keys that a service keeps. */
import { z } from 'zod';
import { regionForm } from '../../../attestors/aws/regions.js';
import { aBaseUrl, isBaseUrl, text } from '../../../attestors/options.js';
import { object } from '../../policy/strict.js';
import { kmsAlgorithms } from '../../signing/aws-kms.js';
import { signingAlgorithms } from '../../signing/signer.js';
import { path } from './values.js';

const baseUrl = z.string({ error: aBaseUrl }).refine(isBaseUrl, { error: aBaseUrl });

const kmsKeyForm =
  /^(?:arn:aws(?:-cn|-us-gov)?:kms:([a-z0-9-]{1,32}):[0-9]{12}:key\/)?(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const aKmsKey =
  'the id or ARN of a KMS key, such as 1234abcd-12ab-34cd-56ef-1234567890ab (no alias: it could come to mean a key that is not published)';

const kmsKey = object('a map with id, algorithm and state', {
  id: z.string({ error: aKmsKey }).regex(kmsKeyForm, { error: aKmsKey }),
  algorithm: z
    .enum(kmsAlgorithms)
    .default('ES256')
    .describe('ES256: key spec ECC_NIST_P256. RS256: RSA_2048, RSA_3072 or RSA_4096.'),
  state: z
    .enum(['active', 'next', 'retired'])
    .default('active')
    .describe('All are published; the active ones sign, one an algorithm.'),
});

const someKeys = 'a list of at least one key';

export const awsKms = object('a map with type, region and keys', {
  type: z.literal('aws-kms').describe('Keys of AWS KMS; needs the package @aws-sdk/client-kms.'),
  region: z
    .string({ error: 'a region of AWS, such as eu-central-1' })
    .regex(regionForm, { error: 'a region of AWS, such as eu-central-1' })
    .describe('Where the keys are.'),
  endpoint: baseUrl.optional().describe('Called instead of the region’s own endpoint.'),
  keys: z
    .array(kmsKey, { error: someKeys })
    .min(1, { error: someKeys })
    .describe('The algorithm of the first active one is the default of resources.'),
}).superRefine(({ region, keys }, context) => {
  const complain = (path: readonly (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path: ['keys', ...path], message });
  if (keys.length > 0 && keys.every(({ state }) => state !== 'active'))
    complain([], 'no key is active: one has to sign');
  keys.forEach(({ id, algorithm, state }, index) => {
    const earlier = keys.slice(0, index);
    const idOf = (key: string) => key.replace(/^.*\//, '');
    if (earlier.some((key) => idOf(key.id) === idOf(id))) complain([index, 'id'], 'this key is in the list already');
    if (state === 'active' && earlier.some((key) => key.state === 'active' && key.algorithm === algorithm)) {
      complain([index], `two active keys for ${algorithm}: one signs, so make this one next or retired`);
    }
    const [, ofKey = region] = kmsKeyForm.exec(id) ?? [];
    if (ofKey !== region) complain([index, 'id'], `the key is in ${ofKey}, and signing.region is ${region}`);
  });
});

/** One or more segments of a path of Vault. */
const vaultPath = (what: string) =>
  z.string({ error: what }).regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127})*$/, {
    error: what,
  });
const vaultName = (what: string) =>
  z.string({ error: what }).regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/, { error: what });

const vaultKey = object('a map with name and algorithm', {
  name: vaultName('the name of a transit key'),
  algorithm: z
    .enum(signingAlgorithms)
    .default('ES256')
    .describe('ES256: key type ecdsa-p256. RS256: rsa-2048, rsa-3072 or rsa-4096. EdDSA: ed25519.'),
});

const kubernetesLogin = object('a map with role, mount and tokenFile', {
  role: text('the name of a role'),
  mount: vaultPath('the path of an auth method').default('kubernetes').describe('Of the auth method.'),
  tokenFile: path('the path of a file').describe('The token of the service account, projected for Vault.'),
});

export const vault = object('a map with type, url, keys and auth', {
  type: z.literal('vault').describe('Keys of the transit engine of Vault or OpenBao.'),
  url: baseUrl.describe('Of the server, without /v1.'),
  namespace: vaultPath('the path of a namespace').optional(),
  mount: vaultPath('the path of a transit engine').default('transit').describe('Of the transit engine.'),
  keys: z
    .array(vaultKey, { error: someKeys })
    .min(1, { error: someKeys })
    .refine((keys) => new Set(keys.map(({ algorithm }) => algorithm)).size === keys.length, {
      error: 'one key for each algorithm: Vault keeps the versions that follow each other',
    })
    .refine((keys) => new Set(keys.map(({ name }) => name)).size === keys.length, {
      error: 'a list of keys, each once',
    })
    .describe('The algorithm of the first is the default of resources.'),
  auth: z
    .union(
      [
        object('a map with tokenFile', { tokenFile: path('the path of a file').describe('A token of Vault.') }),
        object('a map with kubernetes', { kubernetes: kubernetesLogin }),
      ],
      { error: 'one of { tokenFile: FILE } and { kubernetes: { role: NAME, tokenFile: FILE } }' },
    )
    .describe('Who we are there.'),
});

type Vault = z.output<typeof vault>;

/** The file that `auth` names, as the configuration has it, and the path of its key. */
export const vaultTokenFile = ({ auth }: Pick<Vault, 'auth'>) =>
  'kubernetes' in auth
    ? { path: ['signing', 'auth', 'kubernetes', 'tokenFile'], file: auth.kubernetes.tokenFile }
    : { path: ['signing', 'auth', 'tokenFile'], file: auth.tokenFile };
