/** What AWS signed of an instance (EC2 User Guide, "Instance identity documents"), and whether it is the caller's. */
import { Rejected } from '../../../src/errors.js';
import { selector } from '../../attestor.js';
import { quote, type RoleSession } from '../arn.js';
import { checkAccount } from '../identity.js';
import { partitionOf, regionForm } from '../regions.js';

export interface Instance {
  readonly account: string;
  readonly id: string;
  readonly region: string;
  readonly image: string;
  readonly type: string;
}

type Document = Readonly<Record<string, unknown>>;

const forms = Object.freeze({
  accountId: /^[0-9]{12}$/,
  instanceId: /^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/,
  region: regionForm,
  imageId: /^ami-(?:[0-9a-f]{8}|[0-9a-f]{17})$/,
  instanceType: /^[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}$/,
});

/** Seconds by which EC2's clock may be ahead. */
const skew = 60;

/** Further members, of which AWS adds some, are not looked at. @throws Rejected `document_content`, `document_time` */
export function readInstance(document: Document, now: number): Instance {
  checkPendingTime(document.pendingTime, now);
  return Object.freeze({
    account: readText(document, 'accountId'),
    id: readText(document, 'instanceId'),
    region: readText(document, 'region'),
    image: readText(document, 'imageId'),
    type: readText(document, 'instanceType'),
  });
}

function readText(document: Document, name: keyof typeof forms): string {
  const value = document[name];
  if (typeof value === 'string' && forms[name].test(value)) return value;
  throw malformed(name, value);
}

/** When the instance was launched. Nothing in the document says until when it is good. */
function checkPendingTime(value: unknown, now: number): void {
  const time = new Date(typeof value === 'string' ? value : Number.NaN);
  // A date that there is not, such as of February 30, would be taken for another.
  const isForm = !Number.isNaN(time.getTime()) && time.toISOString().replace('.000Z', 'Z') === value;
  if (!isForm) throw malformed('pendingTime', value);
  if (time.getTime() / 1000 > now + skew) {
    throw new Rejected('document_time', `The instance was launched at ${value}, which is in the future.`);
  }
}

const malformed = (member: string, found: unknown) =>
  new Rejected(
    'document_content',
    `In the instance identity document, ${member} is not of the form that AWS documents: ${quote(found)}.`,
  );

/**
 * EC2 names the sessions of an instance's role by the instance. Others may be named so too, by whoever may assume the role.
 * @throws Rejected `account_mismatch`, `instance_mismatch`
 */
export function checkCaller({ account, id, region }: Instance, caller: RoleSession): void {
  checkAccount('accountId of the instance identity document, against that of the caller', account, caller.account);
  if (id !== caller.session) {
    const detail = `instanceId of the instance identity document, against the name of the caller’s session: expected ${quote(caller.session)}; found ${quote(id)}.`;
    throw new Rejected('instance_mismatch', detail);
  }
  const partition = partitionOf(region);
  if (partition === caller.partition) return;
  const detail = `The region of the instance identity document is of the partition ${partition}; the caller is of ${caller.partition}.`;
  throw new Rejected('instance_mismatch', detail);
}

export const selectorsOfInstance = ({ id, region, image, type }: Instance): readonly string[] => [
  selector('aws', 'instance', id),
  selector('aws', 'region', region),
  selector('aws', 'image', image),
  selector('aws', 'instance-type', type),
];
