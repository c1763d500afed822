/** `POST /revoke`: a form as `POST /token` takes it, so on node:http as that is. */
import type { RequestListener } from 'node:http';
import type { Revoke } from '../introspection/revoke.js';
import { createFormListener, type Edge } from './body.js';

export function createRevokeListener(edge: Edge, revoke: Revoke): RequestListener {
  return createFormListener(edge, revoke);
}
