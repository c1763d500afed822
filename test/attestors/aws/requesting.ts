/** An attestor that takes signed requests, over a local STS. */
import type { Attestation, Evidence } from '../../../attestors/attestor.js';
import { callerIdentityForm } from '../../../attestors/aws/caller-identity/form.js';
import { callWith, formEvidence } from '../../support/attestor-host.js';
import { account, createFixture, type Fixture, issuerUrl, start } from './fixture.js';
import { encode, type SignedEvidence, type Signing, sessionOf, signRequest, stsHost } from './signing.js';
import { type Session, type Sts, startSts } from './sts-server.js';

export interface Requesting extends Omit<Fixture, 'attest'> {
  readonly sts: Sts;
  readonly session: Session;
  /** Signed for us now by a role of the account, unless said otherwise. */
  sign(changes?: Partial<Signing>): Promise<SignedEvidence>;
  evidence(changes?: Partial<Signing>): Promise<Evidence>;
  /** @throws Rejected, Unavailable those of the form as well */
  show(evidence: unknown): Promise<Attestation>;
  attest(changes?: Partial<Signing>): Promise<Attestation>;
}

/** @param block of callerIdentity, and beside it */
export async function createRequesting(
  block: Readonly<Record<string, unknown>> = {},
  beside: Readonly<Record<string, unknown>> = {},
): Promise<Requesting> {
  const session = sessionOf(account, 'worker');
  const sts = await startSts(() => fixture.now, [session]);
  const fixture = await createFixture({
    accounts: { [account]: { issuer: issuerUrl } },
    callerIdentity: { regions: ['eu-central-1'], endpoints: { [stsHost]: sts.url }, ...block },
    ...beside,
  });
  const sign: Requesting['sign'] = (changes) => signRequest({ session, now: fixture.now, ...changes });
  const read = (shown: unknown) => formEvidence(callerIdentityForm, encode(shown));
  const show: Requesting['show'] = async (shown) => fixture.attestor.attest(read(shown), callWith());
  return Object.assign(fixture, {
    sts,
    session,
    sign,
    show,
    evidence: async (changes?: Partial<Signing>) => read(await sign(changes)),
    attest: async (changes?: Partial<Signing>) => show(await sign(changes)),
    close: closeBoth(fixture.close, sts),
  });
}

const closeBoth = (close: () => Promise<void>, sts: Sts) => async () => {
  await close();
  await sts.close();
};

export { account, start };
