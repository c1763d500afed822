import assert from 'node:assert/strict';
import { protectedResource } from '../src/protected-resource.js';

const issuer = 'https://sts.example.com';
const configured = (uri: string, tokenType = 'access_token') =>
  ({ issuer, policy: { resources: new Map([[uri, { scope: ['read'], tokenType }]]) } }) as unknown as Parameters<
    typeof protectedResource
  >[0];

describe('metadata of a protected resource (RFC 9728)', () => {
  for (const [resource, url] of [
    ['https://a.example/mcp', 'https://a.example/.well-known/oauth-protected-resource/mcp'],
    ['https://a.example', 'https://a.example/.well-known/oauth-protected-resource'],
    ['https://a.example/', 'https://a.example/.well-known/oauth-protected-resource'],
    ['https://a.example:8443/x/?k=v', 'https://a.example:8443/.well-known/oauth-protected-resource/x/?k=v'],
  ] as const) {
    it(`§3.1: of ${resource} it is at ${url}, and names the resource as it is written`, () => {
      const made = protectedResource(configured(resource), resource);
      assert.equal(made.url, url);
      assert.deepEqual(made.document, { resource, authorization_servers: [issuer], scopes_supported: ['read'] });
      assert.equal(made.challenge, `Bearer resource_metadata="${url}", scope="read"`);
    });
  }

  it('§1.2: a resource that is no URL of a server has none', () => {
    assert.throws(() => protectedResource(configured('urn:a:b'), 'urn:a:b'), /urn:a:b is no https URL/);
  });

  it('what takes no access tokens has none', () => {
    const federated = configured('sts.amazonaws.com', 'jwt');
    assert.throws(() => protectedResource(federated, 'sts.amazonaws.com'), /for sts\.amazonaws\.com jwt is issued/);
  });
});
