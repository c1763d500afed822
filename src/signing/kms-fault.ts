/** What AWS KMS and its SDK say, as operators read it: by the names of errors alone, because their messages may quote what was sent. */
import { Refusal, Unavailable } from '../errors.js';
import { Away, isAway } from './away.js';

const advice: Readonly<Record<string, string>> = {
  AccessDeniedException: 'allow kms:GetPublicKey and kms:Sign on the key to the role of this service',
  CredentialsProviderError: 'no AWS credentials were found: give the pod a role, by EKS Pod Identity or IRSA',
  DisabledException: 'the key is disabled: enable it, or name another',
  ExpiredTokenException: 'the credentials have expired: check how the role is given to this service',
  IncompleteSignatureException: 'the credentials are not accepted: check how the role is given to this service',
  InvalidKeyUsageException:
    'the key is not one that signs: it needs the key usage SIGN_VERIFY and the key spec of the algorithm',
  KMSInvalidStateException: 'the key is not enabled: it is pending deletion or import, or its store is not connected',
  NotFoundException: 'there is no such key in this region and account: name its id or ARN',
  ThrottlingException: 'requests are throttled: ask AWS for a higher quota of Sign',
  UnrecognizedClientException: 'the credentials are not known: check how the role is given to this service',
  UnsupportedOperationException: 'the key is no asymmetric one: it needs the key usage SIGN_VERIFY',
  ValidationException: 'the request is not accepted: check that the key spec fits the algorithm',
};

const throttling = 'ThrottlingException';

/** Seconds after which a throttled caller may ask again. */
const throttledFor = 2;

/**
 * @returns what is told when KMS answers, but with no signature
 * @throws Unavailable when it does not
 */
export function kmsFault(name: string, id: string, error: unknown): Unavailable {
  if (error instanceof Unavailable) {
    // An answer, if only one that is too large.
    if (error.reason === 'outbound_too_large') return error;
    throw error;
  }
  const isThrottled = nameOf(error) === throttling;
  const what = `${name} does not sign with the key ${id}: ${whatToDo(error)}.`;
  const Fault = kmsIsAway(error) ? Away : Unavailable;
  const fault = new Fault(isThrottled ? 'kms_throttled' : 'kms_refused', what, isThrottled ? throttledFor : 1);
  if (statusOf(error) < 500) return fault;
  throw fault;
}

/** Whether nothing but time is needed. */
export const kmsIsAway = (error: unknown): boolean =>
  isAway(error) || nameOf(error) === throttling || (!(error instanceof Refusal) && statusOf(error, 0) >= 500);

function statusOf(error: unknown, otherwise = 500): number {
  const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } };
  return $metadata?.httpStatusCode ?? otherwise;
}

/** One line, without what KMS wrote. */
export function whatToDo(error: unknown): string {
  if (error instanceof Refusal) return error.detail.replace(/\.$/, '');
  const name = nameOf(error);
  const known = advice[name];
  if (known !== undefined) return `${known} (${name})`;
  // What is ours is a plain Error: its text is ours too.
  return name === 'Error' ? (error as Error).message : `it fails with ${name}`;
}

function nameOf(error: unknown): string {
  const { name } = error as { readonly name?: unknown };
  return typeof name === 'string' && /^[A-Za-z]{1,64}$/.test(name) ? name : 'an unknown error';
}
