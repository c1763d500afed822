/** A managed identity: of a virtual machine or scale set by the metadata service, of a function or web app by its endpoint. */
import { jwtType } from '../../../attestors/token-types.js';
import { type HttpAnswer, request, textOf } from '../http.js';
import type { Platform, Surroundings } from '../platform.js';

const documentType = 'urn:counterseal:params:token-type:azure-attested-document';
const metadataHeaders = Object.freeze({ Metadata: 'true' });

export const azure = Object.freeze<Platform>({
  name: 'azure',
  async isHere(around) {
    if (isAppService(around)) return true;
    const url = metadataUrl(around, 'instance/compute', { 'api-version': '2021-02-01' });
    return request(url, { headers: metadataHeaders, within: 1_000 }).then(
      ({ status }) => status === 200,
      () => false,
    );
  },
  async *show({ audience, nonce }, around) {
    const token = await managedIdentityToken(audience, around);
    // The document ties the identity to the machine; only machines have one, and only some services ask for it.
    const challenge = isAppService(around) ? null : await nonce(documentType);
    if (challenge !== null) {
      const document = await attestedDocument(challenge, around);
      const evidence = JSON.stringify({ document, managedIdentityToken: token });
      yield { tokenType: documentType, token: Buffer.from(evidence).toString('base64url') };
    }
    yield { tokenType: jwtType, token };
  },
});

const isAppService = ({ env }: Surroundings) => Boolean(env.IDENTITY_ENDPOINT && env.IDENTITY_HEADER);

async function managedIdentityToken(audience: string, around: Surroundings): Promise<string> {
  const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header, AZURE_CLIENT_ID: client } = around.env;
  // Of several identities that are assigned to it, the one that its environment names.
  const query = { resource: audience, ...(client ? { client_id: client } : {}) };
  if (endpoint && header) {
    const url = withQuery(new URL(endpoint), { 'api-version': '2019-08-01', ...query });
    return tokenOf(await request(url, { headers: { 'X-IDENTITY-HEADER': header } }));
  }
  const url = metadataUrl(around, 'identity/oauth2/token', { 'api-version': '2018-02-01', ...query });
  return tokenOf(await request(url, { headers: metadataHeaders }));
}

function tokenOf(answer: HttpAnswer): string {
  try {
    return textOf(answer, 'access_token', 'Azure');
  } catch (error) {
    const next = 'assign a managed identity to it, and name it in AZURE_CLIENT_ID if there are several';
    throw new Error(`${(error as Error).message}; ${next}; --audience has to be of a registered application`);
  }
}

async function attestedDocument(nonce: string, around: Surroundings): Promise<string> {
  const url = metadataUrl(around, 'attested/document', { 'api-version': '2021-02-01', nonce });
  return textOf(await request(url, { headers: metadataHeaders }), 'signature', 'Azure');
}

const metadataUrl = ({ metadata }: Surroundings, path: string, query: Readonly<Record<string, string>>) =>
  withQuery(new URL(`/metadata/${path}`, metadata), query);

function withQuery(url: URL, query: Readonly<Record<string, string>>): URL {
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
}
