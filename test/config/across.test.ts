import assert from 'node:assert/strict';
import { checkAcross } from '../../src/config/across.js';
import type { Sections } from '../../src/config/schema.js';

describe('config: a store that others may write to', () => {
  const signing = { type: 'local', algorithms: ['ES256'], rotateEvery: 2_592_000 } as const;
  const problems = (type: string, masterKey?: { file: string }) => {
    const sections = { store: { type }, signing: { ...signing, masterKey } } as unknown as Partial<Sections>;
    return checkAcross(sections, {}).map(({ path, message }) => `${path.join('.')}: ${message}`);
  };

  it('wants a master key', () => {
    const [problem, ...others] = problems('redis');
    assert.match(problem ?? '', /^signing\.masterKey: missing key: .* `openssl rand -base64 32`, for all replicas$/);
    assert.deepEqual(others, []);
    assert.deepEqual(problems('redis', { file: 'master.key' }), []);
  });

  it('is neither of those of this machine', () => {
    for (const type of ['embedded', 'memory']) assert.deepEqual(problems(type), []);
  });
});
