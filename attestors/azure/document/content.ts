/** What the metadata service signed of a virtual machine. */
import { Rejected } from '../../../src/errors.js';
import { selector } from '../../attestor.js';
import { guid } from '../resource.js';

export interface Machine {
  readonly nonce: string;
  readonly vmId: string;
  readonly subscription: string;
  /** Of the image; null where it has none. */
  readonly sku: string | null;
  /** Seconds since the epoch. */
  readonly createdOn: number;
  readonly expiresOn: number;
}

type Content = Readonly<Record<string, unknown>>;

/** Seconds. Azure's documents are good for six hours. */
const maxLifetime = 24 * 3600;
const skew = 60;
const nonceForm = /^[0-9a-z]{32}$/;
const skuForm = /^[A-Za-z0-9._-]{1,128}$/;
/** `11/20/26 22:07:39 -0000`, always in UTC. */
const timeForm = /^(\d\d)\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d) -0000$/;

/** @throws Rejected `document_content`, `document_nonce`, `document_time` */
export function readMachine(content: Content, now: number): Machine {
  const { nonce, vmId, subscriptionId, sku } = content;
  if (typeof nonce !== 'string' || !nonceForm.test(nonce)) {
    throw new Rejected(
      'document_nonce',
      'The document has no nonce of POST /challenge: ask for one, and for the document with it.',
    );
  }
  return Object.freeze({
    nonce,
    vmId: readGuid('vmId', vmId),
    subscription: readGuid('subscriptionId', subscriptionId),
    sku: readSku(sku),
    ...readTimes(content.timeStamp, now),
  });
}

function readGuid(name: string, value: unknown): string {
  const lower = typeof value === 'string' ? value.toLowerCase() : '';
  if (!guid.test(lower)) throw malformed(`${name}: expected a GUID`);
  return lower;
}

function readSku(value: unknown): string | null {
  if (value === undefined || value === '') return null;
  if (typeof value !== 'string' || !skuForm.test(value)) throw malformed('sku: expected the name of an image’s SKU');
  return value;
}

function readTimes(value: unknown, now: number): Pick<Machine, 'createdOn' | 'expiresOn'> {
  const { createdOn, expiresOn } = (typeof value === 'object' && value !== null ? value : {}) as Content;
  const [created, expires] = [readTime(createdOn), readTime(expiresOn)];
  if (created === undefined || expires === undefined) {
    throw malformed('timeStamp: expected createdOn and expiresOn, as MM/DD/YY hh:mm:ss -0000');
  }
  if (created > now + skew || now >= expires || expires - created > maxLifetime) {
    throw new Rejected('document_time', `The document is of ${created} to ${expires}; it is ${now}.`);
  }
  return { createdOn: created, expiresOn: expires };
}

function readTime(value: unknown): number | undefined {
  const parts = typeof value === 'string' ? timeForm.exec(value) : null;
  if (parts === null) return undefined;
  const [, month, day, year, hour, minute, second] = parts;
  const iso = `20${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = new Date(iso);
  // A date that there is not, such as of February 30, would be taken for another.
  return !Number.isNaN(time.getTime()) && time.toISOString() === iso ? time.getTime() / 1000 : undefined;
}

const malformed = (what: string) => new Rejected('document_content', `In the document, ${what}.`);

export const selectorsOfMachine = ({ vmId, subscription, sku }: Machine): readonly string[] => [
  selector('azure', 'vm-id', vmId),
  selector('azure', 'subscription', subscription),
  ...(sku === null ? [] : [selector('azure', 'sku', sku)]),
];
