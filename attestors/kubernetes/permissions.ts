/** What our own credentials must be allowed to do in a cluster, as the attestor's options need it: no more, no less. */
import { type Resource, resources } from './api.js';

export type Permission =
  | { readonly verb: 'create'; readonly group: 'authentication.k8s.io'; readonly resource: 'tokenreviews' }
  | { readonly verb: 'get' | 'list' | 'watch'; readonly group: ''; readonly resource: Resource }
  | { readonly verb: 'get'; readonly path: string };

/** The options that decide. */
export interface PermissionOptions {
  readonly api?: unknown;
  readonly keys?: object | undefined;
  readonly review: boolean;
  /** Watched facts. `stale: review` asks the API server where they are too old. */
  readonly live?: { readonly stale: 'deny' | 'review' } | undefined;
}

const readKeys: Permission = Object.freeze({ verb: 'get', path: '/openid/v1/jwks' });
const createReviews: Permission = Object.freeze({
  verb: 'create',
  group: 'authentication.k8s.io',
  resource: 'tokenreviews',
});
const readObjects: readonly Permission[] = Object.freeze(
  resources.flatMap((resource) =>
    (['get', 'list', 'watch'] as const).map((verb) => Object.freeze({ verb, group: '' as const, resource })),
  ),
);

export function permissions(options: PermissionOptions): readonly Permission[] {
  if (options.api === undefined) return [];
  return [
    ...(keysComeFromApi(options) ? [readKeys] : []),
    ...(asksForReviews(options) ? [createReviews] : []),
    ...(options.live === undefined ? [] : readObjects),
  ];
}

export const keysComeFromApi = ({ api, keys }: PermissionOptions) =>
  api !== undefined && (keys === undefined || 'from' in keys);

export const asksForReviews = ({ api, review, live }: PermissionOptions) =>
  api !== undefined && (review || live?.stale === 'review');

/** Such as `create tokenreviews.authentication.k8s.io`. */
export function permissionName(permission: Permission): string {
  if ('path' in permission) return `${permission.verb} ${permission.path}`;
  const { verb, group, resource } = permission;
  return `${verb} ${group === '' ? resource : `${resource}.${group}`}`;
}
