/** What a primary asks its workers. Beside these, it says `stop`, and they say `ready`. */
export interface Ask {
  readonly id: number;
  readonly ask: 'readiness' | 'metrics';
}

export interface Asked {
  readonly id: number;
  readonly answer: unknown;
}

export const isAsk = (message: unknown): message is Ask => isObject(message) && 'ask' in message;
export const isAsked = (message: unknown): message is Asked => isObject(message) && 'answer' in message;

const isObject = (message: unknown): message is object => typeof message === 'object' && message !== null;
