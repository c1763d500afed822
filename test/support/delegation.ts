/** The service of docs/delegation.md, with keys of our own, and the parties of its story. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Claims, type ClusterIssuer, createClusterIssuer } from '../../examples/quickstart/cluster-issuer.js';
import { type Answer, grantType, jwtType, type ServiceOptions, startService, type TestService } from './service.js';

export const idToken = 'urn:ietf:params:oauth:token-type:id_token';
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
export const mcp = 'https://calendar.acme.example/mcp';
export const storeApi = 'https://store.acme.example/api';
export const ourIssuer = 'https://sts.acme.example';
const staffIssuer = 'https://sso.acme.example/realms/staff';

const page = readFileSync(new URL('../../docs/delegation.md', import.meta.url), 'utf8');
/** The configuration, as the page has it. */
export const pageYaml = /```yaml\n([^`]*)```/.exec(page)?.[1] ?? '';

type Section = Record<string, Record<string, unknown>>;
type Pages = Record<'attestors' | 'resources' | 'rules', Section>;

export interface Cast {
  readonly service: TestService;
  readonly people: ClusterIssuer;
  /** Anna's ID token for the agent's application, with claims changed, or left out when undefined. */
  anna(changes?: Claims): string;
  /** A pod's token. */
  pod(namespace: string, serviceAccount: string, pod?: string): Promise<string>;
  agent(): Promise<string>;
  server(): Promise<string>;
  /** @param shown with its type, default an ID token */
  ask(
    shown: string | readonly [type: string, token: string],
    actor: string | undefined,
    more?: Changes,
  ): Promise<Answer>;
  /** Anna's token of the first hop. */
  firstHop(): Promise<string>;
  close(): Promise<void>;
}

type Changes = Readonly<Record<string, string | undefined>>;

export interface CastOptions extends Omit<ServiceOptions, 'attestors' | 'resources' | 'rules' | 'issuer'> {
  readonly rules?: Section;
  readonly resources?: Section;
  /** Of the block of people. */
  readonly staff?: Readonly<Record<string, unknown>>;
}

export async function startCast(options: CastOptions = {}): Promise<Cast> {
  const parsed = parse(pageYaml) as Pages;
  const people = await createClusterIssuer({ issuer: staffIssuer, algorithm: 'RS256' });
  const attestors: Section = {
    'prod-eu': { type: 'kubernetes', issuer: parsed.attestors['prod-eu']?.issuer, keys: { jwksFile: 'jwks.json' } },
    staff: { ...parsed.attestors.staff, keys: { jwksFile: 'people.json' }, ...options.staff },
  };
  const service = await startService({
    ...options,
    issuer: ourIssuer,
    attestors: JSON.stringify(attestors),
    resources: JSON.stringify({ ...parsed.resources, ...options.resources }),
    rules: JSON.stringify({ ...parsed.rules, ...options.rules }),
    trustDomain: 'acme.example',
    prepare: (folder) => writeFile(join(folder, 'people.json'), JSON.stringify(people.jwks())),
  });
  const pod: Cast['pod'] = (namespace, serviceAccount, name) =>
    service.token({ namespace, serviceAccount, audience: ourIssuer, ...(name !== undefined && { pod: name }) });
  const anna: Cast['anna'] = (changes = {}) => {
    const iat = Math.floor((options.now?.() ?? Date.now()) / 1000);
    const standard = { iss: staffIssuer, aud: 'calendar-agent', azp: 'calendar-agent', sub: 'anna', typ: 'ID' };
    return people.sign({ ...standard, groups: ['staff', 'calendar-users'], iat, exp: iat + 300, jti: 'a', ...changes });
  };
  const ask: Cast['ask'] = (shown, actor, more = {}) => {
    const [type, token] = typeof shown === 'string' ? [idToken, shown] : shown;
    const form: Changes = {
      ...{ grant_type: grantType, subject_token_type: type, subject_token: token, resource: mcp },
      ...(actor !== undefined && { actor_token: actor, actor_token_type: jwtType }),
      ...more,
    };
    const sent = Object.entries(form).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
    return service.post(Object.fromEntries(sent));
  };
  const agent = () => pod('agents', 'calendar-agent');
  return {
    ...{ service, people, anna, pod, ask, agent },
    server: () => pod('servers', 'calendar-mcp'),
    firstHop: async () => String((await ask(anna(), await agent())).body.access_token),
    close: () => service.close(),
  };
}
