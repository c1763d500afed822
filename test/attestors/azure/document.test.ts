/** Attested documents: what is accepted, and each thing that makes one worthless. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attestor, AttestorHost, OutboundAnswer } from '../../../attestors/attestor.js';
import { documentForm, documentIssuer } from '../../../attestors/azure/document/form.js';
import { azure } from '../../../attestors/azure/index.js';
import { Rejected, Unavailable } from '../../../src/errors.js';
import { readers } from '../../../src/exchange/evidence.js';
import { callWith, formEvidence } from '../../support/attestor-host.js';
import { clientAuth, issue, signContent } from '../cms/pki.js';
import {
  type Chain,
  content,
  documentEvidence,
  encodeEvidence,
  evidenceToken,
  issuerUrl,
  makeChain,
  nonce,
  sharedChain,
  signDocument,
  stamp,
  vmId,
} from './documents.js';
import { audience, createFixture, type Fixture, ids, otherTenant, start, subscription, tenant } from './fixture.js';

const otherSubscription = '9e21eb24-9236-4cb8-a828-81258501618e';

describe('azure: attested documents', function () {
  this.timeout(60_000);
  let chain: Chain;
  let fixture: Fixture;
  let attestor: Attestor;
  const asked: string[] = [];
  let answer: () => OutboundAnswer;

  before(async () => {
    chain = await sharedChain();
    fixture = await createFixture();
    await writeFile(join(fixture.folder, 'roots.pem'), chain.root.pem);
  });
  beforeEach(async () => {
    asked.length = 0;
    fixture.now = start;
    answer = () => ({ status: 200, contentType: 'application/pkix-cert', body: chain.intermediate.der });
    attestor = await create();
  });
  after(() => fixture.close());

  function create(
    subscriptions: Readonly<Record<string, unknown>> = { [subscription]: { environment: 'staging' } },
    changes: Partial<AttestorHost> = {},
  ) {
    const options = azure.options.parse({
      tenants: { [tenant]: { subscriptions }, [otherTenant]: {} },
      audience,
      managedIdentity: { keys: { jwksFile: 'jwks.json' } },
      attestedDocument: { roots: 'roots.pem' },
    });
    const send = async (url: string) => {
      asked.push(url);
      return answer();
    };
    return azure.create('azure-main', options, { ...fixture.host.host, send, ...changes });
  }

  const attest = (document: Buffer, token?: string) => attestor.attest(documentEvidence(document, token), callWith());
  const refusal = async (document: Buffer, token?: string) =>
    attest(document, token).then(
      () => assert.fail('it was accepted'),
      (error: unknown) => {
        assert.ok(error instanceof Rejected || error instanceof Unavailable, (error as Error).stack);
        return error.reason;
      },
    );

  it('alone, names a machine with low assurance', async () => {
    const attestation = await attest(signDocument(chain));
    assert.equal(attestation.subject, `spiffe://example.com/azure-main/subscription/${subscription}/vm/${vmId}`);
    assert.equal(attestation.instance, `vm:${vmId}`);
    assert.equal(attestation.environment, 'staging');
    assert.equal(attestation.assurance, 'low');
    assert.equal(attestation.nonce, nonce);
    assert.equal(attestation.vouchesUntil, start + 900);
    assert.equal(attestation.expiresAt, start + 6 * 3600);
    assert.equal(attestation.issuedAt, start - 5);
    assert.deepEqual(attestation.selectors, [
      'azure:sku:22_04-lts',
      `azure:subscription:${subscription}`,
      `azure:vm-id:${vmId}`,
    ]);
  });

  it('is accepted with signed attributes, and with the intermediate beside the signer’s certificate', async () => {
    const { leaf, intermediate } = chain;
    await attest(
      signDocument(chain, content(), {
        attributes: {},
        bag: [intermediate, leaf],
        digestAlgorithm: '2.16.840.1.101.3.4.2.1',
      }),
    );
    assert.deepEqual(asked, []);
  });

  it('has its intermediate fetched over https from where the certificate says, once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => attest(signDocument(chain))));
    assert.deepEqual(asked, [issuerUrl.replace('http:', 'https:')]);
    fixture.now = start + 3600;
    await attest(signDocument(chain, content(start + 3600)));
    assert.equal(asked.length, 1);
  });

  it('has no sku where the image has none', async () => {
    const { sku, ...rest } = content();
    assert.deepEqual((await attest(signDocument(chain, rest))).selectors.length, 2);
    assert.deepEqual((await attest(signDocument(chain, { ...rest, sku: '' }))).selectors.length, 2);
  });

  describe('SPIRE 1.15.1 azure_imds: a genuine certificate first in the bag, another one signs', () => {
    it('refuses it, whichever of the two is named, and in whichever order', async () => {
      const evil = await issue({
        name: 'metadata.azure.com',
        from: start - 60,
        to: start + 3600,
        alternatives: ['metadata.azure.com'],
      });
      const bag = [chain.leaf, evil];
      assert.equal(
        await refusal(signDocument(chain, content(), { signer: evil, names: chain.leaf, bag })),
        'document_signature',
      );
      for (const order of [bag, [...bag].reverse(), [evil]]) {
        assert.equal(await refusal(signDocument(chain, content(), { signer: evil, bag: order })), 'chain_untrusted');
      }
      assert.equal(
        await refusal(signDocument(chain, content(), { signer: evil, bag: [chain.leaf] })),
        'document_signer',
      );
      assert.deepEqual(asked, []);
    });

    for (const [what, changes, reason] of [
      ['evilmetadata.azure.com as CN', { name: 'evilmetadata.azure.com' }, 'certificate_name'],
      ['eastus.metadata.azure.com as CN', { name: 'eastus.metadata.azure.com' }, 'certificate_name'],
      ['the CN in upper case', { name: 'METADATA.AZURE.COM' }, 'certificate_name'],
      ['a CN with another after a line break', { name: 'metadata.azure.com\nCN=x' }, 'certificate_name'],
      ['another name beside it', { alternatives: ['evil.example'] }, 'certificate_name'],
      ['an expired signer', { to: start - 1 }, 'certificate_time'],
      ['a signer that is not valid yet', { from: start + 1 }, 'certificate_time'],
      ['a purpose that is another', { purposes: [clientAuth] }, 'certificate_usage'],
      ['no purpose', { purposes: null }, 'certificate_usage'],
      ['a key that is not for signing', { usage: 0x20 }, 'certificate_usage'],
      ['a signer that is a certificate authority', { ca: true, purposes: ['1.3.6.1.5.5.7.3.1'] }, 'certificate_usage'],
      ['a critical extension that nobody knows', { strange: true }, 'certificate_usage'],
      ['a certificate signed with SHA-1', { hash: 'SHA-1' }, 'certificate_algorithm'],
      ['a key of 1024 bits', { bits: 1024 }, 'document_algorithm'],
    ] as const) {
      it(`refuses ${what}`, async () => {
        const leaf = await chain.makeLeaf(changes);
        assert.equal(await refusal(signDocument({ leaf })), reason);
      });
    }
  });

  describe('the chain', () => {
    it('refuses one of another root of the same name', async () => {
      const other = await makeChain();
      const bag = [other.leaf, other.intermediate, other.root];
      assert.equal(await refusal(signDocument(other, content(), { bag })), 'chain_untrusted');
    });

    for (const [what, changes, reason] of [
      ['no certificate authority', { ca: false }, 'chain_untrusted'],
      ['one that may sign no certificates', { usage: 0x80 }, 'chain_untrusted'],
      ['expired', { to: start - 1 }, 'certificate_time'],
      ['for another purpose', { purposes: [clientAuth] }, 'certificate_usage'],
      ['signed with SHA-1', { hash: 'SHA-1' }, 'certificate_algorithm'],
    ] as const) {
      it(`refuses an intermediate that is ${what}`, async () => {
        const intermediate = await chain.makeIntermediate(changes);
        answer = () => ({ status: 200, contentType: null, body: intermediate.der });
        const leaf = await chain.makeLeaf({ by: intermediate });
        assert.equal(await refusal(signDocument({ leaf })), reason);
      });
    }

    it('refuses an authority under one that may have none, and one that goes on and on', async () => {
      const below = await chain.makeIntermediate({ name: 'below', by: chain.intermediate });
      const leaf = await chain.makeLeaf({ by: below });
      const bag = [leaf, below, chain.intermediate];
      assert.equal(await refusal(signDocument({ leaf }, content(), { bag })), 'chain_untrusted');
      let by = chain.root;
      const line = [];
      for (let index = 0; index < 4; index += 1) {
        by = await issue({
          name: `ca ${index}`,
          by,
          key: chain.intermediate,
          ca: true,
          from: start - 60,
          to: start + 3600,
        });
        line.push(by);
      }
      const last = await chain.makeLeaf({ by });
      assert.equal(await refusal(signDocument({ leaf: last }, content(), { bag: [last, ...line] })), 'chain_untrusted');
      const third = await chain.makeLeaf({ by: line[2] });
      await attest(signDocument({ leaf: third }, content(), { bag: [third, ...line] }));
    });

    it('refuses more certificates than such a chain has', async () => {
      const bag = [chain.leaf, ...Array(5).fill(chain.intermediate)];
      assert.equal(await refusal(signDocument(chain, content(), { bag })), 'document_malformed');
    });

    it('asks nobody but Microsoft’s hosts, and no odd URL there', async () => {
      for (const url of [
        'http://169.254.169.254/metadata.crt',
        'https://evil.example/a.crt',
        'https://www.microsoft.com.evil.example/a.crt',
        'https://www.microsoft.com:8443/a.crt',
        'https://www.microsoft.com@evil.example/a.crt',
        'https://user@www.microsoft.com/a.crt',
        'https://www.microsoft.com/a.crt?x=y',
        'https://www.microsoft.com/search',
        'ftp://www.microsoft.com/a.crt',
        'ldap:///CN=x',
        '\u0000',
      ]) {
        const leaf = await chain.makeLeaf({ issuerUrl: url });
        assert.equal(await refusal(signDocument({ leaf })), 'chain_untrusted', url);
      }
      assert.deepEqual(asked, []);
    });

    it('says unavailable when the intermediate cannot be had, and does not ask for it again at once', async () => {
      for (const [body, status, reason] of [
        [chain.intermediate.der, 404, 'issuer_status'],
        [Buffer.from('<html>'), 200, 'issuer_certificate'],
        [Buffer.concat([chain.intermediate.der, Buffer.from([0])]), 200, 'issuer_certificate'],
      ] as const) {
        attestor = await create();
        asked.length = 0;
        answer = () => ({ status, contentType: null, body });
        assert.equal(await refusal(signDocument(chain)), reason);
        assert.equal(await refusal(signDocument(chain)), reason);
        assert.equal(asked.length, 1);
      }
      fixture.now = start + 31;
      answer = () => ({ status: 200, contentType: null, body: chain.intermediate.der });
      await attest(signDocument(chain));
    });

    it('refuses when what is fetched is the certificate of another', async () => {
      answer = () => ({ status: 200, contentType: null, body: chain.root.der });
      const other = await makeChain();
      assert.equal(await refusal(signDocument(other)), 'chain_untrusted');
    });

    it('is not made to send many requests by certificates of an attacker', async () => {
      const reasons = new Set<string>();
      for (let index = 0; index < 20; index += 1) {
        const leaf = await issue({
          name: 'metadata.azure.com',
          from: start - 60,
          to: start + 60,
          key: chain.root,
          issuerUrl: `https://www.microsoft.com/${index}.crt`,
        });
        reasons.add(await refusal(signDocument({ leaf })));
      }
      assert.ok(asked.length <= 12, String(asked.length));
      assert.deepEqual([...reasons].sort(), ['chain_untrusted', 'issuer_budget']);
    });

    it('keeps what was fetched, whatever strangers ask for, and while there is nothing newer', async () => {
      await attest(signDocument(chain));
      const strange = (index: number) =>
        issue({
          name: 'metadata.azure.com',
          from: start - 60,
          to: start + 9e6,
          key: chain.root,
          issuerUrl: `https://www.microsoft.com/${index}.crt`,
        });
      answer = () => ({ status: 404, contentType: null, body: Buffer.alloc(0) });
      for (let index = 0; index < 20; index += 1) await refusal(signDocument({ leaf: await strange(index) }));
      await attest(signDocument(chain));
      fixture.now = start + 25 * 3600;
      await attest(signDocument(chain, content(fixture.now)));
    });

    it('fetches nothing for whoever has no nonce of ours', async () => {
      attestor = await create(undefined, {
        checkNonce() {
          throw new Rejected('nonce_unknown', 'none of ours');
        },
      });
      assert.equal(await refusal(signDocument(chain)), 'nonce_unknown');
      assert.deepEqual(asked, []);
    });

    it('refuses a root that is expired, and a signer that is an authority', async () => {
      const old = await makeChain(start - 300 * 86_400);
      await writeFile(join(fixture.folder, 'roots.pem'), old.root.pem);
      attestor = await create();
      const now = { from: start - 60, to: start + 86_400 };
      const intermediate = await old.makeIntermediate(now);
      const leaf = await old.makeLeaf({ ...now, by: intermediate });
      fixture.now = start + 3600;
      const bag = [leaf, intermediate];
      assert.equal(await refusal(signDocument({ leaf }, content(fixture.now), { bag })), 'certificate_time');
      await writeFile(join(fixture.folder, 'roots.pem'), chain.root.pem);
      attestor = await create();
      const authority = await chain.makeLeaf({ ca: true });
      assert.equal(await refusal(signDocument({ leaf: authority })), 'certificate_usage');
    });
  });

  describe('the signature', () => {
    it('refuses two signers, none, and a digest of SHA-1', async () => {
      assert.equal(await refusal(signDocument(chain, content(), { signers: 2 })), 'document_signer');
      assert.equal(await refusal(signDocument(chain, content(), { signers: 0 })), 'document_signer');
      assert.equal(await refusal(signDocument(chain, content(), { bag: [] })), 'document_signer');
      assert.equal(await refusal(signDocument(chain, content(), { bag: [chain.leaf, chain.leaf] })), 'document_signer');
      const sha1 = signDocument(chain, content(), { hash: 'sha1', digestAlgorithm: '1.3.14.3.2.26' });
      assert.equal(await refusal(sha1), 'document_algorithm');
    });

    it('refuses content that was changed, byte for byte', async () => {
      const document = signDocument(chain);
      const at = document.indexOf(vmId);
      document.write('f', at);
      assert.equal(await refusal(document), 'document_signature');
    });

    it('refuses a document with a byte changed, or takes the same from it, and never fails otherwise', async () => {
      const bag = [chain.leaf, chain.intermediate];
      const good = signDocument(chain, content(), { bag });
      const expected = JSON.stringify(await attest(good));
      for (let at = 0; at < good.length; at += 7) {
        const document = Buffer.from(good);
        document[at] = (document[at] ?? 0) ^ (at % 3 === 0 ? 0xff : at % 3 === 1 ? 0x01 : 0x20);
        const result = await attest(document).then(
          (attestation) => JSON.stringify(attestation),
          (error: unknown) => error,
        );
        const isRefused = result instanceof Rejected || result instanceof Unavailable;
        assert.ok(isRefused || result === expected, `${at}: ${(result as Error).stack ?? result}`);
      }
    });

    it('refuses signed attributes of other content, of another type, or without them', async () => {
      const digestAlgorithm = '2.16.840.1.101.3.4.2.1';
      const sign = (attributes: object) => signDocument(chain, content(), { attributes, digestAlgorithm });
      assert.equal(await refusal(sign({ digestOf: Buffer.from('other') })), 'document_signature');
      assert.equal(await refusal(sign({ contentType: '1.2.840.113549.1.7.2' })), 'document_signature');
    });

    it('refuses another content type, and what is no SignedData', async () => {
      assert.equal(
        await refusal(signContent(Buffer.from('{}'), { signer: chain.leaf, contentType: '1.2.3.4' })),
        'document_malformed',
      );
      assert.equal(await refusal(chain.leaf.der), 'document_malformed');
    });

    it('SPIRE 1.14.6 aws_iid: reads nothing but the signed bytes', async () => {
      const token = encodeEvidence({
        document: signDocument(chain).toString('base64'),
        audience,
        vmId: '00000000-0000-0000-0000-000000000000',
      });
      assert.throws(() => formEvidence(documentForm, token), { reason: 'evidence_form' });
    });
  });

  describe('resource exhaustion', () => {
    it('refuses trailing bytes, and what is cut off at any place', async () => {
      const document = signDocument(chain);
      assert.equal(await refusal(Buffer.concat([document, Buffer.from([0])])), 'document_malformed');
      for (let length = 0; length < document.length; length += 97) {
        if (length > 0) assert.equal(await refusal(document.subarray(0, length)), 'document_malformed', String(length));
      }
    });

    it('refuses BER bombs and huge documents, at once', async () => {
      const began = process.cpuUsage();
      const deep = (tag: number) => {
        let nested = Buffer.alloc(0);
        while (nested.length < 20_000) {
          const { length } = nested;
          const header =
            length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
          nested = Buffer.concat([Buffer.from(header), nested]);
        }
        return nested;
      };
      const wide = Buffer.concat([Buffer.from([0x30, 0x82, 0x4e, 0x20]), Buffer.alloc(20_000, Buffer.from([5, 0]))]);
      for (const bomb of [
        deep(0x30),
        deep(0x24),
        wide,
        Buffer.alloc(20_000, Buffer.from([0x30, 0x80])),
        Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
        Buffer.from([0x30, 0x83, 0xff, 0xff, 0xff]),
        Buffer.from([0x30, 0x81, 0x02, 5, 0]),
        signDocument(chain, Buffer.alloc(40_000, 'x')),
      ]) {
        assert.equal(await refusal(bomb), 'document_malformed');
      }
      const { user } = process.cpuUsage(began);
      assert.ok(user < 2_000_000, `${user} µs`);
    });
  });

  describe('the content', () => {
    const changed: readonly (readonly [what: string, change: object, reason: string])[] = [
      ['Azure nonce pitfall (azure-docs 43938): no nonce', { nonce: undefined }, 'document_nonce'],
      ['Azure’s own nonce, which is a time', { nonce: '20261120-220739' }, 'document_nonce'],
      ['an empty nonce', { nonce: '' }, 'document_nonce'],
      ['a nonce in upper case', { nonce: nonce.toUpperCase() }, 'document_nonce'],
      ['a nonce that is a list', { nonce: [nonce] }, 'document_nonce'],
      ['no vmId', { vmId: undefined }, 'document_content'],
      ['an empty vmId', { vmId: '' }, 'document_content'],
      ['a vmId that is a path', { vmId: `${vmId}/..` }, 'document_content'],
      ['no subscription', { subscriptionId: undefined }, 'document_content'],
      ['a subscription that is no GUID', { subscriptionId: 'x' }, 'document_content'],
      ['a sku with a line break', { sku: 'a\nb' }, 'document_content'],
      ['a sku that is a number', { sku: 1 }, 'document_content'],
      ['no timeStamp', { timeStamp: undefined }, 'document_content'],
      ['a timeStamp that is null', { timeStamp: null }, 'document_content'],
      [
        'a time of ISO 8601',
        { timeStamp: { createdOn: '2026-11-20T22:07:39Z', expiresOn: stamp(start + 60) } },
        'document_content',
      ],
      [
        'a February 30',
        { timeStamp: { createdOn: '02/30/26 00:00:00 -0000', expiresOn: stamp(start + 60) } },
        'document_content',
      ],
      [
        'another zone',
        { timeStamp: { createdOn: stamp(start), expiresOn: stamp(start + 60).replace('-0000', '+0200') } },
        'document_content',
      ],
      ['an expired one', { timeStamp: { createdOn: stamp(start - 60), expiresOn: stamp(start) } }, 'document_time'],
      [
        'one of the future',
        { timeStamp: { createdOn: stamp(start + 61), expiresOn: stamp(start + 90) } },
        'document_time',
      ],
      [
        'one for two days',
        { timeStamp: { createdOn: stamp(start), expiresOn: stamp(start + 172_800) } },
        'document_time',
      ],
      ['another subscription', { subscriptionId: otherSubscription }, 'subscription_not_listed'],
    ];
    for (const [what, change, reason] of changed) {
      it(`refuses ${what}`, async () => {
        assert.equal(await refusal(signDocument(chain, { ...content(), ...change })), reason);
      });
    }

    it('refuses content that is not one plain JSON object', async () => {
      const text = JSON.stringify(content());
      for (const bytes of ['[]', 'null', `${text}x`, text.replace('{', `{"vmId":"${vmId}",`), `\ufeff${text}`]) {
        assert.equal(await refusal(signDocument(chain, Buffer.from(bytes))), 'evidence_json', bytes.slice(0, 20));
      }
    });
  });

  describe('the evidence', () => {
    const document = 'MAA=';
    const bad: readonly (readonly [what: string, token: string])[] = [
      ['not base64url', '{}'],
      ['not JSON', Buffer.from('x').toString('base64url')],
      ['a list', Buffer.from('[]').toString('base64url')],
      ['no document', encodeEvidence({ audience })],
      ['an empty document', encodeEvidence({ document: '', audience })],
      ['a document of base64url', encodeEvidence({ document: '-_8=', audience })],
      ['a document with line breaks', encodeEvidence({ document: 'MA\nA=', audience })],
      ['a document without padding', encodeEvidence({ document: 'MAA', audience })],
      ['a document that is an object', encodeEvidence({ document: {}, audience })],
      ['neither audience nor token', encodeEvidence({ document })],
      ['both', encodeEvidence({ document, audience, managedIdentityToken: 'e30.e30.x' })],
      ['an audience that is a list', encodeEvidence({ document, audience: [audience] })],
      ['a token that is none', encodeEvidence({ document, managedIdentityToken: 'x' })],
      ['a token that is encrypted', encodeEvidence({ document, managedIdentityToken: 'a.b.c.d.e' })],
      ['a token that is a list', encodeEvidence({ document, managedIdentityToken: [] })],
      ['a token without issuer', encodeEvidence({ document, managedIdentityToken: 'e30.e30.' })],
      ['a further member', encodeEvidence({ document, audience, encoding: 'pkcs7' })],
    ];
    for (const [what, token] of bad) {
      it(`refuses ${what}`, () => assert.throws(() => documentForm.parse(token, readers), Rejected));
    }

    it('is routed by its audience when it comes alone, and by its token’s claims otherwise', () => {
      const bytes = signDocument(chain);
      const alone = documentForm.parse(evidenceToken(bytes), readers);
      assert.deepEqual([alone.issuer, alone.audience], [documentIssuer, audience]);
      const both = documentForm.parse(evidenceToken(bytes, fixture.token()), readers);
      assert.deepEqual([both.issuer, both.audience], [`https://sts.windows.net/${tenant}/`, audience]);
    });

    it('alone, has no route where no subscription is listed; none at all without attestedDocument', () => {
      const typesOf = (block: object) =>
        azure
          .plan(azure.options.parse({ tenants: { [tenant]: {} }, audience, ...block }), 'https://us')
          .accepts.filter(({ tokenType }) => tokenType === documentForm.tokenType)
          .map(({ issuer }) => issuer);
      assert.deepEqual(typesOf({}), []);
      assert.ok(!typesOf({ attestedDocument: {} }).includes(documentIssuer));
      const listed = { tenants: { [tenant]: { subscriptions: { [subscription]: {} } } } };
      assert.ok(typesOf({ ...listed, attestedDocument: {} }).includes(documentIssuer));
    });
  });

  describe('with a token', () => {
    it('names the identity on the machine', async () => {
      const attestation = await attest(signDocument(chain), fixture.token());
      const token = await fixture.attest();
      assert.equal(attestation.subject, token.subject);
      assert.equal(attestation.instance, `vm:${vmId}`);
      assert.equal(attestation.nonce, nonce);
      assert.deepEqual([attestation.expiresAt, attestation.vouchesUntil], [start + 6 * 3600, start + 6 * 3600]);
      assert.deepEqual(
        attestation.selectors,
        [...token.selectors, 'azure:sku:22_04-lts', `azure:vm-id:${vmId}`].sort(),
      );
    });

    it('for instances of scale sets, uniform and flexible, too: the vmId tells them apart', async () => {
      const other = 'c0ffee00-0d4a-4e55-9b1a-6f2d8c7e9a01';
      for (const claims of [{ xms_mirid: ids.uniform, xms_az_rid: ids.uniform }, { xms_mirid: ids.flexible }]) {
        const one = await attest(signDocument(chain), fixture.token(claims));
        const two = await attest(signDocument(chain, { ...content(), vmId: other }), fixture.token(claims));
        assert.deepEqual([one.instance, two.instance], [`vm:${vmId}`, `vm:${other}`]);
        assert.equal(one.subject, two.subject);
      }
    });

    const elsewhere = (id: string) => id.replace(subscription, otherSubscription);
    for (const [what, claims, reason] of [
      [
        'a token of another subscription',
        { tid: otherTenant, iss: `https://sts.windows.net/${otherTenant}/`, xms_mirid: elsewhere(ids.vm) },
        'machine_mismatch',
      ],
      ['a token of a function', { xms_mirid: ids.site }, 'machine_mismatch'],
      ['a user-assigned identity that says of no machine', { xms_mirid: ids.identity }, 'machine_mismatch'],
      ['an expired token', { exp: start }, 'jwt_expired'],
    ] as const) {
      it(`refuses ${what}`, async () =>
        assert.equal(await refusal(signDocument(chain), fixture.token(claims)), reason));
    }

    it('refuses a subscription that is not listed', async () => {
      const document = signDocument(chain, { ...content(), subscriptionId: otherSubscription });
      assert.equal(await refusal(document, fixture.token({ xms_mirid: elsewhere(ids.vm) })), 'subscription_not_listed');
    });

    it('refuses it before the document costs anything when the token is worthless', async () => {
      assert.equal(await refusal(signDocument(chain), fixture.token({ scp: 'x' })), 'not_an_application');
      assert.deepEqual(asked, []);
    });
  });
});
