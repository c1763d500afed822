/** What is the same in every block for one vendor, as the vendor documents its tokens. Own keys of a block come first. */
import type { Role, VerificationAlgorithm } from '../attestor.js';

export interface Preset {
  readonly role: Role;
  /** Forms of `issuer`, each of the whole text; left out: any issuer. A first one without `{…}` is the default. */
  readonly issuers?: readonly string[];
  readonly algorithms: readonly VerificationAlgorithm[];
  /** Seconds, where the vendor says how long tokens live. */
  readonly maxLifetime?: number;
  readonly require?: Readonly<Record<string, string | boolean>>;
  readonly selectors?: Readonly<Record<string, string>>;
  /** Default: `sub`. */
  readonly subject?: string;
  /** Claims that say whose tokens they are: `require` has to pin at least one. Left out: the issuer is one customer's. */
  readonly pins?: readonly string[];
  /** By a claim whose value may become somebody else's: the claims that never do, of which one pins it, the best first. */
  readonly pinnedBy?: Readonly<Record<string, readonly string[]>>;
}

const hour = 3600;

/** The `algorithms` of a SPIFFE bundle: JWT-SVID §2.1, less those that we do not verify. */
export const svidAlgorithms = Object.freeze(['RS256', 'ES256', 'ES384'] as const);

export const presets = Object.freeze({
  // docs.github.com/en/actions/reference/security/oidc
  'github-actions': {
    role: 'workload',
    issuers: [
      'https://token.actions.githubusercontent.com',
      'https://token.actions.githubusercontent.com/{segment}',
      'https://token.actions.{label}.ghe.com',
    ],
    algorithms: ['RS256'],
    selectors: {
      repo: 'repository',
      ref: 'ref',
      workflow: 'job_workflow_ref',
      environment: 'environment',
      event: 'event_name',
    },
    subject: 'repository',
    pins: ['repository_owner_id', 'repository_owner', 'repository_id', 'repository'],
    pinnedBy: { repository: ['repository_id', 'repository_owner_id'] },
  },
  // docs.gitlab.com/ci/secrets/id_token_authentication
  'gitlab-ci': {
    role: 'workload',
    issuers: ['https://gitlab.com', 'https://{host}', 'https://{host}/{segment}'],
    algorithms: ['RS256'],
    selectors: {
      project: 'project_path',
      ref: 'ref',
      'ref-type': 'ref_type',
      protected: 'ref_protected',
      source: 'pipeline_source',
    },
    subject: 'project_path',
    pins: ['namespace_id', 'namespace_path', 'project_id', 'project_path'],
    pinnedBy: { project_path: ['project_id', 'namespace_id'] },
  },
  // cloud.google.com/compute/docs/instances/verifying-instance-identity
  google: {
    role: 'workload',
    issuers: ['https://accounts.google.com'],
    algorithms: ['RS256'],
    maxLifetime: hour,
    require: { email_verified: true },
    selectors: {
      email: 'email',
      project: '/google/compute_engine/project_id',
      zone: '/google/compute_engine/zone',
      instance: '/google/compute_engine/instance_id',
    },
    pins: [
      'email',
      'sub',
      '/google/compute_engine/project_id',
      '/google/compute_engine/project_number',
      '/google/compute_engine/instance_id',
    ],
    // A service account that is made again under its name has another id.
    pinnedBy: { email: ['sub'] },
  },
  // developer.hashicorp.com/terraform/cloud-docs/workspaces/dynamic-provider-credentials/workload-identity-tokens
  'hcp-terraform': {
    role: 'workload',
    issuers: ['https://app.terraform.io', 'https://app.eu.terraform.io'],
    algorithms: ['RS256'],
    selectors: {
      workspace: 'terraform_workspace_name',
      project: 'terraform_project_name',
      phase: 'terraform_run_phase',
    },
    subject: 'terraform_workspace_id',
    pins: [
      'terraform_organization_id',
      'terraform_organization_name',
      'terraform_project_id',
      'terraform_workspace_id',
    ],
    pinnedBy: {
      terraform_workspace_name: ['terraform_workspace_id', 'terraform_project_id', 'terraform_organization_id'],
      terraform_project_name: ['terraform_project_id', 'terraform_organization_id', 'terraform_workspace_id'],
    },
  },
  // vercel.com/docs/oidc/reference
  vercel: {
    role: 'workload',
    issuers: ['https://oidc.vercel.com/{segment}', 'https://oidc.vercel.com'],
    algorithms: ['RS256'],
    // Those that a developer downloads live for 12 hours.
    maxLifetime: hour,
    selectors: { project: 'project', environment: 'environment' },
    subject: 'project_id',
    pins: ['owner_id', 'owner', 'project_id'],
    pinnedBy: { project: ['project_id', 'owner_id'] },
  },
  // fly.io/docs/reference/openid-connect
  fly: {
    role: 'workload',
    issuers: ['https://oidc.fly.io/{segment}'],
    algorithms: ['RS256'],
    selectors: { app: 'app_name', machine: 'machine_id', image: 'image_digest', region: 'region' },
    subject: 'app_name',
    pins: ['org_id', 'org_name', 'app_id'],
    pinnedBy: { app_name: ['app_id', 'org_id'] },
  },
  // github.com/spiffe/spiffe, standards/JWT-SVID.md
  spiffe: { role: 'workload', algorithms: svidAlgorithms },
  // developer.okta.com/docs/api/openapi/okta-oauth/guides/overview
  okta: {
    role: 'delegator',
    issuers: ['okta.com', 'oktapreview.com', 'okta-emea.com'].flatMap((domain) => [
      `https://{label}.${domain}`,
      `https://{label}.${domain}/oauth2/{segment}`,
    ]),
    algorithms: ['RS256'],
  },
  // auth0.com/docs/secure/tokens/id-tokens/id-token-structure
  auth0: {
    role: 'delegator',
    issuers: ['https://{label}.auth0.com/', 'https://{label}.{label}.auth0.com/'],
    algorithms: ['RS256'],
  },
  // firebase.google.com/docs/auth/admin/verify-id-tokens
  firebase: {
    role: 'delegator',
    issuers: ['https://securetoken.google.com/{segment}'],
    algorithms: ['RS256'],
    maxLifetime: hour,
  },
  // clerk.com/docs/guides/sessions/session-tokens
  clerk: {
    role: 'delegator',
    issuers: ['https://clerk.{host}', 'https://{label}.clerk.accounts.dev'],
    algorithms: ['RS256'],
  },
  // learn.microsoft.com/entra/identity-platform/id-token-claims-reference
  entra: {
    role: 'delegator',
    issuers: [
      'https://login.microsoftonline.com/{tenant}/v2.0',
      'https://login.microsoftonline.us/{tenant}/v2.0',
      'https://login.partner.microsoftonline.cn/{tenant}/v2.0',
    ],
    algorithms: ['RS256'],
    // An application's own access token may have the same audience, and has no user name.
    require: { ver: '2.0', preferred_username: '*' },
    subject: 'oid',
  },
  // www.keycloak.org/docs/latest/server_admin
  keycloak: {
    role: 'delegator',
    issuers: ['https://{host}/realms/{segment}', 'https://{host}/auth/realms/{segment}'],
    algorithms: ['RS256', 'ES256', 'ES384', 'EdDSA'],
    // Its access tokens say Bearer, and may have the audience of a client as well.
    require: { typ: 'ID' },
  },
} as const satisfies Readonly<Record<string, Preset>>);

export type PresetName = keyof typeof presets;
export const presetNames = Object.freeze(Object.keys(presets) as PresetName[]);

export const presetOf = (name: PresetName | undefined): Preset | undefined =>
  name === undefined ? undefined : presets[name];

/** Each in one way only, so no text takes more than one pass. */
const parts: Readonly<Record<string, string>> = {
  '{label}': '[a-z0-9-]{1,63}',
  '{host}': '[a-z0-9-]{1,63}(?:\\.[a-z0-9-]{1,63}){0,8}(?::[0-9]{1,5})?',
  '{segment}': '[A-Za-z0-9][A-Za-z0-9._~-]{0,127}',
  // Not the one of personal accounts, which anybody can have.
  '{tenant}': '(?!9188040d-6c67-4c5b-b112-36a304b66dad)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}',
};

/** Whether the whole text has the form. */
export function hasForm(form: string, issuer: string): boolean {
  const pattern = form.replaceAll(/\{[a-z]+\}|[.]/g, (part) => parts[part] ?? '\\.');
  return new RegExp(`^${pattern}$`).test(issuer);
}

/** Undefined where it is each customer's own. */
export function sharedIssuer({ issuers: [first] = [] }: Preset): string | undefined {
  return first?.includes('{') ? undefined : first;
}

/** Of an issuer that all customers of a vendor share, named by a preset or not. */
export const pinsOf = (preset: Preset | undefined, issuer: string): readonly string[] =>
  vendorOf(preset, issuer)?.pins ?? [];

export function vendorOf(preset: Preset | undefined, issuer: string | undefined): Preset | undefined {
  const all: readonly Preset[] = Object.values(presets);
  return preset ?? all.find(({ issuers = [] }) => issuer !== undefined && issuers.includes(issuer));
}

/** Where everybody's accounts are: the default service accounts of all of Google's projects, and people's mail. */
const sharedDomains: readonly string[] = ['gmail.com', 'googlemail.com'];

/** Google's service accounts are a project's own only under PROJECT.iam, and not where the project is one of Google's robots. */
function isShared(domain: string): boolean {
  if (sharedDomains.includes(domain)) return true;
  if (!domain.endsWith('gserviceaccount.com')) return false;
  const [, project] = /^([a-z][a-z0-9-]{4,28}[a-z0-9])\.iam\.gserviceaccount\.com$/.exec(domain) ?? [];
  return project === undefined || robots.test(project);
}

const robots =
  /^(?:gcp-sa-.*|compute-system|container-engine-robot|containerregistry|serverless-robot-prod|gcf-admin-robot|gae-api-prod|dataflow-service-producer-prod|cloud-.*|service-.*)$/;

/** `*` stands only where no name can go on: behind a `/`, or as all that is before the `@` of a domain that is not shared. */
export function isPinned(value: unknown): boolean {
  if (typeof value !== 'string') return typeof value === 'number';
  if (value.startsWith('*@')) return /^[^*]+$/.test(value.slice(2)) && !isShared(value.slice(2));
  return /^[^*]+(?:\/\*.*)?$/s.test(value);
}
