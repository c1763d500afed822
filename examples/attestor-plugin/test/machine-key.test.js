/** The public conformance suite, run on this attestor. */
import {
  createTestHost,
  describeAttestor,
  describeAttestorType,
  formEvidence,
  ourIssuer,
} from 'counterseal/attestor/conformance';
import { enrol, respond } from '../client.js';
import { attestorType } from '../index.js';

const mine = enrol();
const other = enrol();

describeAttestorType('machine-key', attestorType);

async function createFixture() {
  const now = () => 1_800_000_000;
  const { host, close } = createTestHost(now);
  const block = { machines: { 'build-1': { publicKey: mine.publicKey, labels: { rack: 'b:7' } } } };
  const attestor = await attestorType.create('machines', attestorType.options.parse(block), host);
  const good = { audience: ourIssuer, machine: 'build-1', nonce: '0123456789abcdefghijklmnopqrstuv' };
  const evidence = (changes = {}, key = mine.privateKey) =>
    formEvidence(attestorType.forms[0], respond({ ...good, ...changes }, key));
  const [payload, signature] = evidence().token.split('.');
  const [otherPayload] = evidence({ nonce: 'another' }).token.split('.');
  const signed = (newPayload) => formEvidence(attestorType.forms[0], `${newPayload}.${signature}`);
  return {
    selectorKinds: attestorType.selectorKinds,
    attestor,
    now,
    good: formEvidence(attestorType.forms[0], `${payload}.${signature}`),
    bad: {
      'the signature of another key': evidence({}, other.privateKey),
      'the signature of another payload': signed(otherPayload),
      'a signature that is cut': formEvidence(attestorType.forms[0], `${payload}.${signature.slice(0, 84)}`),
      'another audience': evidence({ audience: 'https://other.example' }),
      'an unknown machine': evidence({ machine: 'build-2' }),
      'a machine of a name that every object has': evidence({ machine: 'constructor' }),
      'no machine': evidence({ machine: undefined }),
      'no nonce': evidence({ nonce: undefined }),
    },
    close,
  };
}

// Its keys are read when it is created: from then on there is nothing that could fail to answer.
describeAttestor('machine-key', createFixture, 'none');
