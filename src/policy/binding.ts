/** What a token can be bound to, and asking for it. It is told by the request, so it is never unknown: a request carries it, or does not. */
import { z } from 'zod';
import type { Binding } from './facts.js';
import type { Candidate, Condition } from './match.js';

/** `dpop`: a key (RFC 9449); `mtls`: a certificate (RFC 8705). */
const kinds = ['dpop', 'mtls'] as const;

export type BindingKind = (typeof kinds)[number];

export const bindingSchema = z.enum(kinds, { error: 'dpop or mtls' });

const shown: Readonly<Record<BindingKind, string>> = { dpop: 'a DPoP proof', mtls: 'a client certificate' };

export const bindingCondition = (kind: BindingKind): Condition =>
  Object.freeze<Condition>({
    expected: shown[kind],
    binding: kind,
    rank: ({ binding }) => (binding[kind] === undefined ? 0 : 3),
    seen: ({ binding }: Candidate) =>
      kindsOf(binding)
        .map((one) => shown[one])
        .join(' and ') || 'none',
  });

/** What a token is bound to, as it stands behind its lifetime; empty: to nothing. */
export const toldBinding = (binding: Binding = {}): string =>
  kindsOf(binding)
    .map((kind) => `, bound to the ${kind === 'dpop' ? 'key' : 'certificate'} ${binding[kind]}`)
    .join('');

const kindsOf = (binding: Binding): readonly BindingKind[] => kinds.filter((kind) => binding[kind] !== undefined);
