/**
 * `POST /token` on node:http itself. In front of this one route Koa would cost as much of each exchange as verifying the
 * token does (docs/performance.md).
 */
import type { RequestListener } from 'node:http';
import { createBatch } from '../batch.js';
import type { Pipeline } from '../exchange/pipeline.js';
import { createFormListener, type Edge } from './body.js';

/** Exchanges that are started in one turn: 32 block for some 5 ms. */
const batchSize = 32;

export function createTokenListener(edge: Edge, pipeline: Pipeline): RequestListener {
  const together = createBatch(batchSize);
  return createFormListener(edge, (wire) => together.run(() => pipeline(wire)));
}
