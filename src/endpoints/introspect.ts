/** `POST /introspect`: a form as `POST /token` takes it, so on node:http as that is. */
import type { RequestListener } from 'node:http';
import type { Introspection } from '../introspection/introspection.js';
import { type BodyReader, createFormListener } from './body.js';

export function createIntrospectListener(readBody: BodyReader, { introspect }: Introspection): RequestListener {
  return createFormListener(readBody, introspect);
}
