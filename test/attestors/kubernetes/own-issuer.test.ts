import assert from 'node:assert/strict';
import { ownIssuer } from '../../../attestors/kubernetes/own-issuer.js';
import { createFolder, type TestFolder } from '../../support/folder.js';

describe('the issuer of our own token', () => {
  let folder: TestFolder;
  before(async () => {
    folder = await createFolder();
  });
  after(() => folder.remove());

  const part = (claims: unknown) => Buffer.from(JSON.stringify(claims)).toString('base64url');
  const read = async (token: string) => {
    await folder.write({ token });
    return ownIssuer(`${folder.path}/token`);
  };

  it('is the iss of the token that the kubelet wrote', async () => {
    const iss = 'https://kubernetes.default.svc.cluster.local';
    assert.equal(await read(`${part({ alg: 'RS256' })}.${part({ iss })}.c2ln\n`), iss);
  });

  for (const [what, token] of [
    ['no file', undefined],
    ['no token', 'canary'],
    ['a token without iss', `e30.${part({ sub: 'canary' })}.c2ln`],
    ['the issuer of legacy secret tokens', `e30.${part({ iss: 'kubernetes/serviceaccount' })}.c2ln`],
    ['an iss with a line break', `e30.${part({ iss: 'https://a.example/\ncanary' })}.c2ln`],
  ] as const) {
    it(`is not known from ${what}, and nothing of it is quoted`, async () => {
      const reading = token === undefined ? async () => ownIssuer(`${folder.path}/none`) : () => read(token);
      await assert.rejects(
        reading,
        (error: Error) => /write issuer/.test(error.message) && !/canary/.test(error.message),
      );
    });
  }
});
