/** `POST /introspect`: a form as `POST /token` takes it, so on node:http as that is. */
import type { RequestListener } from 'node:http';
import type { Introspection } from '../introspection/introspection.js';
import { createFormListener, type Edge } from './body.js';

export function createIntrospectListener(edge: Edge, { introspect }: Introspection): RequestListener {
  return createFormListener(edge, introspect);
}
