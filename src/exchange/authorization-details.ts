/** RFC 9396 §2: the parameter `authorization_details`, of every grant. */
import { type AuthorizationDetails, readDetails, written } from '../authorization-details/details.js';
import { DetailsError } from '../authorization-details/fault.js';
import { Refusal } from '../errors.js';
import { parseArray } from '../jwt/json.js';
import { redactTokens } from '../text.js';
import type { Form } from './form.js';

/** In bytes: it stands in the token and in the record. */
const largest = 8192;

/** Undefined: it was not sent. @param target null: none was named @throws Refusal `authorization_details_malformed` */
export function readAuthorizationDetails(form: Form, target: string | null): AuthorizationDetails | undefined {
  const text = form.values.get('authorization_details');
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text);
  if (bytes.length > largest) throw malformed(`authorization_details has more than ${largest} bytes.`);
  const parsed = parseArray(bytes);
  if (typeof parsed === 'string') throw malformed(`authorization_details is no list of objects in JSON: ${parsed}.`);
  const details = read(parsed);
  const written = JSON.stringify(details);
  if (redactTokens(written) !== written) throw malformed('authorization_details has what looks like a token in it.');
  if (details.every(({ locations = [] }) => locations.every((location) => location === target))) return details;
  throw malformed('authorization_details has locations that are not the resource of the request.');
}

function read(value: unknown): AuthorizationDetails {
  try {
    return readDetails(value, written);
  } catch (error) {
    if (!(error instanceof DetailsError)) throw error;
    throw malformed(`authorization_details${pointer(error)}: ${error.message}.`);
  }
}

const pointer = ({ path }: DetailsError) => path.map((part) => `/${part}`).join('');

const malformed = (detail: string) =>
  new Refusal('authorization_details_malformed', 'authorization_details_malformed', detail);
