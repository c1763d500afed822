/** The time that an attestor may take, its dependencies included. */
import type { Attestation, AttestCall, Attestor, Evidence } from '../../attestors/attestor.js';
import { Unavailable } from '../errors.js';

/** Milliseconds. */
const deadline = 5_000;
/** Milliseconds between two looks at who is late. */
const lookEvery = 250;

interface Waiting {
  readonly until: number;
  readonly expire: () => void;
}

export type AttestInTime = (attestor: Attestor, evidence: Evidence) => Promise<Attestation>;

/** One timer watches all calls, so that verification without I/O pays for neither a timer nor a signal of its own. */
export function createAttestInTime(): AttestInTime {
  const waiting = new Set<Waiting>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    const now = performance.now();
    for (const one of waiting) if (one.until <= now) one.expire();
    if (waiting.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return (attestor, evidence) =>
    new Promise((resolve, reject) => {
      let controller: AbortController | undefined;
      const call: AttestCall = {
        signal() {
          controller ??= new AbortController();
          return controller.signal;
        },
      };
      const one: Waiting = {
        until: performance.now() + deadline,
        expire() {
          waiting.delete(one);
          controller?.abort();
          reject(
            new Unavailable('attestor_deadline', `Attestor ${attestor.name} did not answer within ${deadline} ms.`),
          );
        },
      };
      waiting.add(one);
      timer ??= setInterval(look, lookEvery);
      attestor.attest(evidence, call).then(
        (attestation) => {
          waiting.delete(one);
          resolve(attestation);
        },
        (error: unknown) => {
          waiting.delete(one);
          reject(error);
        },
      );
    });
}
