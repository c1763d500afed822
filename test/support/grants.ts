/** One request, in the words of each grant. */
import { assertionType } from './introspection.js';
import { type Answer, calendar, grantType, jwtType, type TestService } from './service.js';

type Changes = Readonly<Record<string, string | readonly string[] | undefined>>;
type Told = readonly [status: number, error: string];

export interface Way {
  /** The value of `grant_type`. */
  readonly name: string;
  /** The parameter that holds the evidence. */
  readonly evidence: string;
  readonly form: (token: string) => Readonly<Record<string, string>>;
  /** What is told of evidence that is not accepted, and of a request without any. */
  readonly rejected: Told;
  readonly missing: Told;
}

export const ways: readonly Way[] = [
  {
    name: grantType,
    evidence: 'subject_token',
    form: (subject_token) => ({ grant_type: grantType, subject_token_type: jwtType, subject_token }),
    rejected: [400, 'invalid_request'],
    missing: [400, 'invalid_request'],
  },
  {
    name: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    evidence: 'assertion',
    form: (assertion) => ({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }),
    rejected: [400, 'invalid_grant'],
    missing: [400, 'invalid_request'],
  },
  {
    name: 'client_credentials',
    evidence: 'client_assertion',
    form: (client_assertion) => ({
      grant_type: 'client_credentials',
      client_assertion_type: assertionType,
      client_assertion,
    }),
    rejected: [401, 'invalid_client'],
    missing: [401, 'invalid_client'],
  },
];

/** @param changes to the form: parameters changed, or left out when undefined */
export function ask(
  service: TestService,
  way: Way,
  token: string,
  { changes = {}, headers = {} }: { readonly changes?: Changes; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const form = { ...way.form(token), resource: calendar, ...changes };
  const sent = Object.entries(form).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return service.post(Object.fromEntries(sent), headers);
}
