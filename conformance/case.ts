/** What a case is made of: requests, and what their answers have to be. */
import type { Capability } from './profile.js';
import type { Variant } from './variants.js';
import type { World } from './world.js';

/** Where it is specified. */
export interface Section {
  readonly name: string;
  readonly url: string;
}

export const rfc = (number: number, section: string): Section => {
  const anchor = /^[A-Z]/.test(section) ? `appendix-${section}` : `section-${section}`;
  return Object.freeze({
    name: `RFC ${number} §${section}`,
    url: `https://www.rfc-editor.org/rfc/rfc${number}#${anchor}`,
  });
};

/** What a profile has to have for a case to be run. */
export type Need =
  | Capability
  | `evidence:${Variant}`
  | 'caller'
  /** A caller that is not the client. */
  | 'other-caller'
  | `delegator:${Variant}`
  | 'target.audience'
  | 'target.refused'
  | 'target.scope'
  | 'target.authorizationDetails';

/** Known when the request is made; undefined: what it is the value of is left out. */
export type Value = string | ((world: World) => string | undefined | Promise<string>);

/** A list repeats its parameter; undefined: it is left out. */
export type Form = Readonly<Record<string, Value | readonly Value[] | undefined>>;

export type Endpoint = 'token' | 'introspection' | 'revocation' | 'jwks';

export interface Request {
  readonly to: Endpoint | ((world: World) => string);
  /** Default POST. */
  readonly method?: 'GET' | 'POST';
  readonly form?: Form | ((world: World) => Form);
  /** Where the form goes. Default `body`. */
  readonly formIn?: 'body' | 'query' | 'json';
  /** Beside the form, in the query. */
  readonly query?: Form;
  /** Default that of a form; null: none is sent. */
  readonly contentType?: string | null;
  readonly headers?: readonly (readonly [name: string, value: Value])[];
  /** Whether the client of the profile is named. Default true, at the token endpoint. */
  readonly asClient?: boolean;
}

/** What a value has to be, in words and in truth. */
export interface Matcher {
  readonly words: string;
  holds(value: unknown, world: World): boolean;
}

export type Check =
  | { readonly kind: 'status'; readonly anyOf: readonly number[] }
  /** Member `error`. */
  | { readonly kind: 'error'; readonly anyOf: readonly string[] }
  | { readonly kind: 'header'; readonly name: string; readonly is: Matcher }
  /** Of the JSON object that the body is. Of a member that may be missing, the matcher is asked about undefined. */
  | { readonly kind: 'member'; readonly name: string; readonly is: Matcher }
  /** A JWT in a member, or that the body is: it verifies by the server's key set, and has this type. */
  | { readonly kind: 'jwt'; readonly of: string; readonly type: string }
  | { readonly kind: 'claim'; readonly of: string; readonly name: string; readonly is: Matcher }
  /** The server made no request to where the evidence led. */
  | { readonly kind: 'quiet' }
  | { readonly kind: 'either'; readonly of: readonly (readonly Check[])[] };

export interface Step {
  readonly request: Request;
  readonly expect: readonly Check[];
}

export interface Case {
  /** Stable: results are compared by it. */
  readonly id: string;
  readonly title: string;
  readonly section: Section;
  /** What does not hold is a failure, or a warning. */
  readonly level: 'must' | 'should';
  readonly needs: readonly Need[];
  /** In this order; one that does not hold ends the case. */
  readonly steps: readonly Step[];
}
