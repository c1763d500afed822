/** EC2's instance identity documents beside signed requests: what they add, and each thing that makes one worthless. */
import assert from 'node:assert/strict';
import type { Attestation } from '../../../attestors/attestor.js';
import { callerIdentityForm } from '../../../attestors/aws/caller-identity/form.js';
import { aws } from '../../../attestors/aws/index.js';
import { Rejected } from '../../../src/errors.js';
import { formEvidence } from '../../support/attestor-host.js';
import { inBer, indefinite } from '../cms/ber.js';
import type { Issued } from '../cms/pki.js';
import { refused } from '../kubernetes/fixture.js';
import { createFixture } from './fixture.js';
import {
  content,
  inLines,
  instanceId,
  instanceIdentity,
  makeSigner,
  makeSigners,
  type Signers,
  signDocument,
} from './instances.js';
import { account, createRequesting, type Requesting, start } from './requesting.js';
import { encode, type Signing, sessionOf } from './signing.js';

const otherInstance = 'i-0fedcba9876543210';
const otherAccount = '444455556666';
const ofInstance = [
  'aws:image:ami-0fa9e1f64142cde17',
  `aws:instance:${instanceId}`,
  'aws:instance-type:m7i-flex.large',
  'aws:region:eu-central-1',
];
const kinds = ['aws:image', 'aws:instance', 'aws:instance-type', 'aws:region'];

describe('aws instance identity', function () {
  this.timeout(20_000);
  let signers: Signers;
  let signer: Issued;
  let fixture: Requesting;
  before(async () => {
    signers = await makeSigners();
    signer = signers.frankfurt;
    fixture = await createRequesting(
      { instanceIdentity: { certificates: signers.file } },
      { accounts: { [account]: {}, [otherAccount]: {} } },
    );
  });
  beforeEach(() => {
    fixture.now = start;
    fixture.sts.received.length = 0;
  });
  after(async () => {
    await fixture.close();
    await signers.close();
  });

  const show = async (member: unknown, changes: Partial<Signing> = {}): Promise<Attestation> =>
    fixture.show({ ...(await fixture.sign(changes)), instanceIdentity: member });
  const shownBy = (session: Signing['session'], member: string) => {
    fixture.sts.sessions.set(session.accessKeyId, session);
    return show(member, { session });
  };
  /** Refused for what it is: STS is not asked. */
  const worthless = async (member: unknown, reason: string) => {
    const { detail } = await refused(show(member), reason);
    assert.match(detail, /^[^\r\n]{1,600}$/);
    assert.deepEqual(fixture.sts.received, []);
  };

  it('adds instance, region, image and instance type, and changes nothing else', async () => {
    const alone = await fixture.attest();
    const { selectors, unknownSelectors, claims, ...rest } = await show(instanceIdentity(signer));
    const { selectors: ofRole, unknownSelectors: unknown, claims: claimsAlone, ...restAlone } = alone;
    assert.deepEqual(selectors, [...ofRole, ...ofInstance].sort());
    assert.deepEqual(rest, restAlone);
    assert.equal(rest.assurance, 'medium');
    assert.deepEqual(claims, { ...claimsAlone, instance_identity_document: content() });
    assert.deepEqual(
      Object.keys(unknown).filter((kind) => !(kind in unknownSelectors)),
      kinds,
    );
  });

  it('is not known without one, of either kind of evidence', async () => {
    const tokens = await createFixture();
    for (const { unknownSelectors } of [await fixture.attest(), await tokens.attest()]) {
      for (const kind of kinds) assert.equal(unknownSelectors[kind], 'missing');
    }
    await tokens.close();
  });

  for (const [what, member] of [
    ['in lines, as the metadata service gives it', () => instanceIdentity(signer)],
    ['in lines with one more line end', () => `${instanceIdentity(signer)}\n`],
    ['in one line', () => inBer(signDocument(signer)).toString('base64')],
    ['in DER', () => inLines(signDocument(signer))],
    ['with its content in pieces', () => inLines(inBer(signDocument(signer), 100))],
    ['without signed attributes', () => instanceIdentity(signer, content(), { attributes: undefined })],
    ['by the certificate of another region in the file', () => instanceIdentity(signers.ireland)],
    ['with certificates, which count for nothing', () => instanceIdentity(signer, content(), { bag: [signers.ohio] })],
    ['with members that nobody knows yet', () => instanceIdentity(signer, { ...content(), hostId: { id: 'h-1' } })],
  ] as const) {
    it(`accepts one ${what}`, async () => {
      const { selectors } = await show(member());
      for (const each of ofInstance) assert.ok(selectors.includes(each), each);
    });
  }

  it('accepts instances and images with the short ids of old', async () => {
    const old = { ...content(), instanceId: 'i-1a2b3c4d', imageId: 'ami-1f63ba67', instanceType: 'u-6tb1.metal' };
    const { selectors } = await shownBy(sessionOf(account, 'legacy', 'i-1a2b3c4d'), instanceIdentity(signer, old));
    assert.ok(selectors.includes('aws:instance:i-1a2b3c4d'));
  });

  it('is refused where none is configured, before STS is asked', async () => {
    const without = await createRequesting();
    const evidence = { ...(await without.sign()), instanceIdentity: instanceIdentity(signer) };
    await refused(without.show(evidence), 'instance_identity_not_accepted');
    assert.deepEqual(without.sts.received, []);
    await without.close();
  });

  describe('agrees with the caller, or the evidence is refused', () => {
    it('another account, which is accepted too', async () => {
      await refused(show(instanceIdentity(signer, { ...content(), accountId: otherAccount })), 'account_mismatch');
      await refused(shownBy(sessionOf(otherAccount, 'worker'), instanceIdentity(signer)), 'account_mismatch');
    });

    it('another instance of the account', async () => {
      await refused(show(instanceIdentity(signer, { ...content(), instanceId: otherInstance })), 'instance_mismatch');
      await refused(shownBy(sessionOf(account, 'other', otherInstance), instanceIdentity(signer)), 'instance_mismatch');
    });

    for (const name of [
      'deploy',
      `${instanceId}0`,
      instanceId.slice(0, -1),
      instanceId.toUpperCase(),
      `x${instanceId}`,
      'i-',
    ]) {
      it(`a session named ${name}`, () =>
        refused(shownBy(sessionOf(account, 'assumed', name), instanceIdentity(signer)), 'instance_mismatch'));
    }

    for (const region of ['cn-north-1', 'us-gov-west-1']) {
      it(`${region}, which is in another partition`, () =>
        refused(show(instanceIdentity(signer, { ...content(), region })), 'instance_mismatch'));
    }
  });

  describe('SPIRE 1.14.6 aws_iid: signed bytes differ from the JSON beside them', () => {
    const forged = () => ({ ...content(), imageId: 'ami-0000000000000bad0', instanceId: otherInstance });

    it('has no place for JSON beside them', async () => {
      const rsa2048 = instanceIdentity(signer);
      for (const member of [{ document: JSON.stringify(forged()), rsa2048 }, [rsa2048, forged()]]) {
        await refused(show(member), 'aws_instance_identity');
      }
      const evidence = { ...(await fixture.sign()), instanceIdentity: rsa2048, document: JSON.stringify(forged()) };
      await refused(fixture.show(evidence), 'aws_members');
    });

    it('takes selectors and claims from the signed bytes', async () => {
      const { selectors, claims } = await show(instanceIdentity(signer));
      assert.deepEqual(
        selectors.filter((each) => each.startsWith('aws:ima')),
        ['aws:image:ami-0fa9e1f64142cde17'],
      );
      assert.deepEqual(claims.instance_identity_document, content());
    });

    it('refuses a genuine signature with other content, with signed attributes and without', async () => {
      for (const attributes of [{}, undefined]) {
        const genuine = signDocument(signer, content(), { attributes });
        genuine.write('bad', genuine.indexOf('ami-0fa9') + 4);
        await worthless(inLines(inBer(genuine)), 'document_signature');
      }
      const digestOf = Buffer.from(JSON.stringify(content()));
      await worthless(instanceIdentity(signer, forged(), { attributes: { digestOf } }), 'document_signature');
    });
  });

  describe('the signer', () => {
    it('is one whose certificate is in the file, by issuer and serial number', async () => {
      const { ohio } = signers;
      await worthless(instanceIdentity(ohio), 'document_signer');
      await worthless(instanceIdentity(ohio, content(), { bag: [ohio] }), 'document_signer');
      await worthless(instanceIdentity(ohio, content(), { names: signer }), 'document_signature');
      await worthless(instanceIdentity(ohio, content(), { names: signer, bag: [ohio] }), 'document_signature');
      await worthless(instanceIdentity(signer, content(), { names: signers.ireland }), 'document_signature');
      const named = await makeSigner({ name: 'Amazon Web Services Llc', key: signer });
      await worthless(instanceIdentity(named), 'document_signer');
    });

    it('is one', async () => {
      await worthless(instanceIdentity(signer, content(), { signers: 2 }), 'document_signer');
      await worthless(instanceIdentity(signer, content(), { signers: 0 }), 'document_signer');
    });

    it('signs with SHA-256: SHA-1 is refused', () =>
      worthless(
        instanceIdentity(signer, content(), { hash: 'sha1', digestAlgorithm: '1.3.14.3.2.26' }),
        'document_algorithm',
      ));

    for (const [what, changes] of [
      ['expired', { to: start }],
      ['not valid yet', { from: start + 1 }],
    ] as const) {
      it(`is refused when its certificate is ${what}`, async () => {
        const other = await makeSigner({ key: signer, ...changes });
        const file = await signers.write('other.pem', other.pem);
        const strict = await createRequesting({ instanceIdentity: { certificates: file } });
        const evidence = { ...(await strict.sign()), instanceIdentity: instanceIdentity(other) };
        await refused(strict.show(evidence), 'certificate_time');
        await strict.close();
      });
    }
  });

  describe('the signed data', () => {
    it('is refused with its content elsewhere, with content of another type, and when it is no SignedData', async () => {
      await worthless(inLines(signDocument(signer, content(), { detached: true })), 'document_malformed');
      await worthless(inLines(signDocument(signer, content(), { contentType: '1.2.3.4' })), 'document_malformed');
      await worthless(inLines(signer.der), 'document_malformed');
    });

    it('is refused with bytes behind it, and cut off at any place', async () => {
      for (const whole of [inBer(signDocument(signer)), signDocument(signer)]) {
        await worthless(inLines(Buffer.concat([whole, Buffer.from([0])])), 'document_malformed');
        await worthless(inLines(Buffer.concat([whole, Buffer.from([0, 0])])), 'document_malformed');
        for (let length = 1; length < whole.length; length += 53) {
          await worthless(inLines(whole.subarray(0, length)), 'document_malformed');
        }
      }
    });

    it('is read in one way: no value without an end, none too deep, no pieces that are none', async () => {
      const octets = Buffer.from([4, 1, 0x7b]);
      let deep: Buffer = octets;
      for (let depth = 0; depth < 9; depth += 1) deep = indefinite(0x30, deep);
      for (const bytes of [
        Buffer.alloc(2_000, Buffer.from([0x30, 0x80])),
        Buffer.alloc(2_000, Buffer.from([0x24, 0x80])),
        Buffer.alloc(2_000),
        deep,
        indefinite(0x04, octets),
        indefinite(0x3f, octets),
        indefinite(0x24, Buffer.from([5, 0])),
        indefinite(0x24, indefinite(0x24, octets), Buffer.from([0x30, 0])),
        Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
        Buffer.from([0x30, 0x80, 0x30, 0x81, 0x01, 0x00, 0, 0]),
      ]) {
        await worthless(inLines(bytes), 'document_malformed');
      }
    });

    it('with a byte changed is refused, or says the same', async () => {
      const good = inBer(signDocument(signer));
      const { selectors } = await show(inLines(good));
      const signed = await fixture.sign();
      for (let at = 0; at < good.length; at += 5) {
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] ?? 0) ^ (at % 3 === 0 ? 0xff : at % 3 === 1 ? 0x01 : 0x20);
        const result = await fixture.show({ ...signed, instanceIdentity: inLines(bytes) }).then(
          (attestation) => attestation.selectors,
          (error: unknown) => error,
        );
        if (result instanceof Rejected) continue;
        assert.deepEqual(result, selectors, String(at));
      }
    });
  });

  describe('the document', () => {
    for (const [what, change] of [
      ['no account', { accountId: undefined }],
      ['an account that is a number', { accountId: 111122223333 }],
      ['an account in a list', { accountId: [account] }],
      ['an account with a line end', { accountId: `${account}\n` }],
      ['no instance', { instanceId: undefined }],
      ['an instance in capitals', { instanceId: instanceId.toUpperCase() }],
      ['an instance of nine digits', { instanceId: 'i-1a2b3c4d5' }],
      ['an instance with a colon', { instanceId: 'i-1a2b3c:d' }],
      ['no region', { region: null }],
      ['a zone for a region', { region: 'eu-central-1a' }],
      ['a region of no partition', { region: 'mars-north-1' }],
      ['no image', { imageId: '' }],
      ['an image of another form', { imageId: 'ami-latest' }],
      ['no instance type', { instanceType: undefined }],
      ['an instance type with a colon', { instanceType: 'm5.large:x' }],
      ['an instance type that is an object', { instanceType: { name: 'm5.large' } }],
      ['no time', { pendingTime: undefined }],
      ['a time that is a number', { pendingTime: start }],
      ['a day that there is not', { pendingTime: '2021-02-30T00:00:00Z' }],
      ['a time of another form', { pendingTime: '2021-09-03 21:25:44' }],
    ] as const) {
      it(`is refused with ${what}`, () =>
        worthless(instanceIdentity(signer, { ...content(), ...change }), 'document_content'));
    }

    it('is refused when the instance was launched in the future', async () => {
      const at = (seconds: number) => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
      await show(instanceIdentity(signer, { ...content(), pendingTime: at(start + 60) }));
      fixture.sts.received.length = 0;
      await worthless(instanceIdentity(signer, { ...content(), pendingTime: at(start + 61) }), 'document_time');
    });

    it('is refused when it is not one plain JSON object', async () => {
      const text = JSON.stringify(content());
      const twice = text.replace('{', `{"instanceId":"${otherInstance}",`);
      for (const each of ['[]', 'null', `${text}x`, twice, `\ufeff${text}`]) {
        await worthless(instanceIdentity(signer, Buffer.from(each)), 'evidence_json');
      }
    });
  });

  describe('the member of the evidence', () => {
    for (const [what, member] of [
      ['null', null],
      ['empty', ''],
      ['a line end', '\n'],
      ['a number', 1],
      ['an object', {}],
      ['no base64', 'MIAG!'],
      ['base64url', 'MI-_'],
      ['without its padding', 'MIA'],
      ['with bits to spare', 'MIB='],
      ['with spaces', 'MIAG CSqG'],
      ['with the end of lines of Windows', 'MIAG\r\nCSqG'],
      ['with the frame of PEM', '-----BEGIN PKCS7-----\nMIAG\n-----END PKCS7-----'],
      ['over 4096 characters', 'A'.repeat(4100)],
    ] as const) {
      it(`is refused: ${what}`, () => worthless(member, 'aws_instance_identity'));
    }

    it('is refused twice, and with whatever else makes the evidence over 12 KiB', async () => {
      const text = JSON.stringify({ ...(await fixture.sign()), instanceIdentity: 'MIAG' });
      const twice = text.replace('{', '{"instanceIdentity":"MIAG",');
      assert.throws(() => formEvidence(callerIdentityForm, Buffer.from(twice).toString('base64url')), {
        reason: 'evidence_json',
      });
      await refused(show('A'.repeat(13_000)), 'aws_too_large');
    });

    it('fits beside the longest session token', async () => {
      const long = { ...sessionOf(account, 'long'), sessionToken: 'x'.repeat(4096) };
      fixture.sts.sessions.set(long.accessKeyId, long);
      const signed = await fixture.sign({ session: long });
      const longest = signDocument(signer, { ...content(), marketplaceProductCodes: ['x'.repeat(1_500)] });
      await fixture.show({ ...signed, instanceIdentity: inLines(inBer(longest)) });
      assert.ok(encode({ ...signed, instanceIdentity: 'A'.repeat(4096) }).length < 16 * 1024);
    });
  });

  describe('the file of certificates', () => {
    const openFile = async (certificates: string) => {
      const callerIdentity = { regions: ['eu-central-1'], instanceIdentity: { certificates } };
      const options = aws.options.parse({ accounts: { [account]: {} }, callerIdentity });
      await aws.create('aws-main', options, fixture.host.host);
    };
    const open = async (text: string) => openFile(await signers.write('bad.pem', text));

    it('may have one twice, and whatever one writes around them', () =>
      open(`eu-central-1:\n${signer.pem}${signers.ohio.pem}again:\n${signer.pem}`));

    it('is refused at start, by its name, without certificates or with others than those of RSA-2048', async () => {
      const weak = await makeSigner({ bits: 1024 });
      const broken = signer.pem.replace(/\n.{9}/, '\nAAAAAAAAA');
      for (const [text, message] of [
        ['', /bad\.pem has no PEM certificates: those of AWS .* RSA-2048 are expected/],
        [weak.pem, /bad\.pem: certificate 1 has another kind of key/],
        [signer.pem + weak.pem, /bad\.pem: certificate 2 has another kind of key/],
        [signer.pem + broken, /bad\.pem: certificate 2 of it cannot be read/],
      ] as const) {
        await assert.rejects(open(text), message);
      }
      await assert.rejects(openFile('/nowhere/aws.pem'), /ENOENT.*\/nowhere\/aws\.pem/);
    });
  });
});
