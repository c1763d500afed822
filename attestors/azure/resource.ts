/** Azure's resource ids, which it compares without case: here they are lower case, or not accepted. */
import { Rejected } from '../../src/errors.js';
import { selector } from '../attestor.js';

export interface Resource {
  /** The whole id, lower case. */
  readonly id: string;
  readonly subscription: string;
  readonly group: string;
  /** Provider and types, such as `microsoft.compute/virtualmachinescalesets/virtualmachines`. */
  readonly type: string;
}

/** As Azure writes ids of tenants, subscriptions, principals and machines. */
export const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Characters. */
const longest = 1024;
/** Else lower case would make other letters equal to these: the Kelvin sign becomes a k. */
const ascii = /^[\x21-\x7e]*$/;
/** Of groups, providers, types and resources. */
const nameForm = /^(?!\.{1,2}$)[a-z0-9._()~-]{1,128}$/;

/** What a workload runs on, by the type of its resource; others are called by their type. */
const kinds: ReadonlyMap<string, string> = new Map([
  ['microsoft.compute/virtualmachines', 'vm'],
  ['microsoft.compute/virtualmachinescalesets', 'vmss'],
  ['microsoft.compute/virtualmachinescalesets/virtualmachines', 'vmss'],
  ['microsoft.web/sites', 'function'],
  ['microsoft.web/sites/slots', 'function'],
  ['microsoft.app/containerapps', 'container-app'],
  ['microsoft.app/jobs', 'container-app-job'],
  ['microsoft.containerinstance/containergroups', 'container-group'],
  ['microsoft.containerservice/managedclusters', 'aks'],
  ['microsoft.managedidentity/userassignedidentities', 'user-assigned'],
]);

export const kindOf = ({ type }: Resource): string => kinds.get(type) ?? type;

/** @throws Rejected `resource_malformed` */
export function parseResource(claim: string, value: unknown): Resource {
  const isText = typeof value === 'string' && value.length <= longest && ascii.test(value);
  const resource = isText ? readResource(value.toLowerCase()) : undefined;
  if (resource !== undefined) return resource;
  throw new Rejected(
    'resource_malformed',
    `${claim}: expected a resource id, /subscriptions/GUID/resourcegroups/NAME/providers/PROVIDER/TYPE/NAME in ASCII.`,
  );
}

function readResource(id: string): Resource | undefined {
  const [root, subscriptions, subscription = '', groups, group = '', providers, provider = '', ...rest] = id.split('/');
  const isForm =
    root === '' && subscriptions === 'subscriptions' && groups === 'resourcegroups' && providers === 'providers';
  if (!isForm || !guid.test(subscription) || rest.length === 0 || rest.length % 2 !== 0) return undefined;
  if (![group, provider, ...rest].every((name) => nameForm.test(name))) return undefined;
  const types = rest.filter((_, index) => index % 2 === 0);
  return Object.freeze({ id, subscription, group, type: [provider, ...types].join('/') });
}

export const selectorsOfResource = (resource: Resource): readonly string[] => [
  selector('azure', 'subscription', resource.subscription),
  selector('azure', 'resource-group', resource.group),
  selector('azure', 'resource', resource.id),
  selector('azure', 'kind', kindOf(resource)),
];
