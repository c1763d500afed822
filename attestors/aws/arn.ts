/** Names that AWS gives to roles: of the role itself, and of a session of it (IAM User Guide, "IAM identifiers"). */
import { Rejected } from '../../src/errors.js';

export type Partition = 'aws' | 'aws-cn' | 'aws-us-gov';

export interface Role {
  readonly partition: Partition;
  /** Twelve digits. */
  readonly account: string;
  /** Without the path: no two roles of an account have one name, whatever their paths. */
  readonly name: string;
}

export interface RoleSession extends Role {
  /** Chosen by whoever assumed the role. */
  readonly session: string;
}

const start = '^arn:(aws|aws-cn|aws-us-gov)';
const roleName = '([A-Za-z0-9_+=,.@-]{1,64})';
const roleArn = new RegExp(`${start}:iam::([0-9]{12}):role/(?:[\\x21-\\x7e]{1,510}/)?${roleName}$`);
const sessionArn = new RegExp(`${start}:sts::([0-9]{12}):assumed-role/${roleName}/([A-Za-z0-9_+=,.@-]{2,64})$`);

/** @throws Rejected `principal_not_role`: users, the root user and federated users are people, or secrets that somebody keeps */
export function readRole(arn: unknown): Role {
  const match = typeof arn === 'string' ? roleArn.exec(arn) : null;
  if (match === null) throw notRole('the ARN of a role', arn);
  const [, partition, account = '', name = ''] = match;
  return Object.freeze({ partition: partition as Partition, account, name });
}

/** @throws Rejected `principal_not_role`, as `readRole` does */
export function readRoleSession(arn: string): RoleSession {
  const match = sessionArn.exec(arn);
  if (match === null) throw notRole('the ARN of an assumed role', arn);
  const [, partition, account = '', name = '', session = ''] = match;
  return Object.freeze({ partition: partition as Partition, account, name, session });
}

const notRole = (expected: string, found: unknown) =>
  new Rejected('principal_not_role', `Only roles are workloads: expected ${expected}; found ${quote(found)}.`);

/** For the record: as JSON, so that no control character survives; at most 200 characters. */
export function quote(value: unknown): string {
  if (value === undefined) return 'absent';
  const json = JSON.stringify(value);
  return json.length <= 200 ? json : `${json.slice(0, 199)}…`;
}
