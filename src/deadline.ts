/**
 * Runs work that ends when the time is over or `parent` is aborted, even if the work does not listen to its signal.
 * @param parent null: nothing but the time ends it
 * @param late the error for both cases
 */
export async function withDeadline<Result>(
  milliseconds: number,
  parent: AbortSignal | null,
  late: () => Error,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  const ended = new Promise<never>((_resolve, reject) => {
    controller.signal.addEventListener('abort', () => reject(late()), { once: true });
  });
  const abort = () => controller.abort();
  // By hand: `AbortSignal.timeout` in `AbortSignal.any` may be collected before it fires (Node 20).
  const timer = setTimeout(abort, milliseconds);
  parent?.addEventListener('abort', abort, { once: true });
  try {
    if (parent?.aborted) throw late();
    return await Promise.race([work(controller.signal), ended]);
  } finally {
    clearTimeout(timer);
    parent?.removeEventListener('abort', abort);
  }
}
