import type { WireRequest } from '../../src/exchange/wire.js';

/** A form as it comes from the wire. */
export const posted = (
  form: string | Readonly<Record<string, string>>,
  changes: Partial<WireRequest> = {},
): WireRequest => ({
  method: 'POST',
  query: '',
  contentType: 'application/x-www-form-urlencoded',
  contentEncoding: undefined,
  authorization: undefined,
  repeatedHeader: false,
  body: Buffer.from(typeof form === 'string' ? form : new URLSearchParams(form).toString()),
  address: '192.0.2.1',
  ...changes,
});
