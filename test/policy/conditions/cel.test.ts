import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { CelError, compileCel } from '../../../src/policy/cel/program.js';
import { candidateOf } from '../../../src/policy/match.js';
import { problemsOf, yaml } from '../../config/sample.js';
import { cpuMilliseconds } from '../../support/cpu-time.js';
import { factsOf, now } from '../samples.js';

const asked = { resource: 'https://r.example', scope: ['read'] };
const outcome = (source: string, facts = factsOf()) => compileCel(source).evaluate(candidateOf(facts, asked));
const observed = <Value>(value: Value) => ({ value, observedAt: now });

const refused: readonly (readonly [string, string, RegExp, column?: number])[] = [
  [
    'a fact that there is none of',
    'posture.kubelt == "1"',
    /^posture.kubelt is no fact: did you mean posture.kubelet\?$/,
    0,
  ],
  ['a fact of the delegator that is none', 'delegator.environment == "x"', /^delegator.environment is no fact/, 0],
  ['a fact that is not built, of a root that is', 'true && network.region == "DE"', /^network.region is no fact/, 8],
  ['types that cannot be compared', 'true && workload.environment == 1', /no such overload: string == int/, 8],
  ['a value that is no bool', 'workload.environment', /of type string/, 0],
  ['half an expression', '1 +', /Unexpected token/, 3],
  ['nothing', '', /Unexpected token/, 0],
  [
    'a claim whose name is computed',
    'workload.claims[workload.environment] == 1',
    /names of claims are written out/,
    0,
  ],
  ['claims as a whole', 'size(workload.claims) > 0', /names of claims are written out/, 5],
  ['claims as a whole, by another name', 'workload["claims"].exists(c, true)', /names of claims are written out/, 0],
  [
    'a name of a claim that is computed, in `in`',
    'request.resource in workload.claims',
    /names of claims are written out/,
    0,
  ],
  ['a root as a whole', '[workload].exists(w, w.environment == "x")', /^workload is no fact/, 1],
  ['a computed name of a fact', 'workload[request.resource] == "x"', /is no fact/, 0],
  ['a variable that hides a fact', 'workload.selectors.all(workload, true)', /name the variable otherwise/, 23],
  ['a constant of the library', 'google.protobuf.Timestamp == int', /is no fact/],
  ['a function of the library', 'workload.selectors.map(s, s + s).size() > 0', /map\(\) is not among the functions/, 0],
  [
    'the function that stands for matches',
    'workload.environment.re2find("x")',
    /re2find\(\) is not among the functions/,
    0,
  ],
  ['a pattern that is computed', 'workload.environment.matches(request.resource)', /pattern that is written out/, 29],
  ['a pattern that RE2 does not take', 'workload.environment.matches("(?=a)")', /not a pattern of RE2/, 29],
  ['a comment before matches, which could hide it', 'network.ip // matches\n.matches("x")', /right behind/, 9],
  ['a zone', 'now.getHours("Europe/Berlin") == 8', /takes no zone/, 0],
  ['a time that is read by the zone of the machine', 'now < timestamp("January 15, 2027 10:00:00")', /RFC 3339/, 6],
  ['a day that there is not', 'now < timestamp("2027-02-31T00:00:00Z")', /RFC 3339/, 6],
  [
    'a duration without a unit that there is',
    'duration("5x") < now - posture.podStartedAt',
    /a number with its unit/,
    0,
  ],
  ['a duration of no number', 'true && duration("h") < duration("1h")', /a number with its unit/, 8],
  ['a division by zero', 'true || 1/0 == 1', /^a division by zero$/, 10],
  ['a remainder by zero', 'posture.restarts % -0 == 1', /^a division by zero$/, 19],
  ['a division of a claim by zero', 'workload.claims.a / 0u == 1u', /^a division by zero$/, 20],
  ['a member of a time', 'true && now.hour < 18', /a time has no members but functions, such as getHours\(\)/, 8],
  ['a member of a fact that is a time', 'posture.podStartedAt["year"] == 2027', /a time has no members/, 0],
  ['a member of a duration', '(now - posture.podStartedAt).hours < 18', /a time has no members/],
  ['a member of a time in a map', '{"a": now}.a.hour < 18', /a time has no members/, 0],
  ['a member of a text', 'posture.kubelet.major == 1', /Cannot index type 'string'/, 16],
  ['a member of a text of the network', 'network.ip.version == 4', /Cannot index type 'string'/, 11],
  ['a member of a text that is written out', '"text".size == 4', /Cannot index type 'string'/, 7],
  ['a member of a number', 'posture.restarts.total == 4', /Cannot index type 'int'/, 17],
  ['a member of a list', 'request.scope.first == "read"', /List index must be int/, 14],
  ['a member of an entry', 'request.scope.all(s, s.name == "read")', /Cannot index type 'string'/, 23],
  ['a list in a list', 'request.scope.all(s, request.scope.exists(t, s == t))', /list within a list/, 21],
  ['what is too long', `true${' '.repeat(1000)}`, /at most 1000 characters/],
  ['what is too deep', `${'('.repeat(30)}true${')'.repeat(30)}`, /maxDepth/, 24],
  ['what has too many parts', Array.from({ length: 150 }, () => '1<2').join('||'), /maxAstNodes/],
];

describe('policy/conditions/cel', () => {
  describe('refuses, with the place', () => {
    for (const [what, source, message, column] of refused) {
      it(what, () =>
        assert.throws(
          () => compileCel(source),
          (error) => {
            assert.ok(error instanceof CelError);
            assert.match(error.message, message);
            if (column !== undefined) assert.equal(error.excerpt[1], `${' '.repeat(column)}^`);
            return true;
          },
        ),
      );
    }

    it('in the file, and under it the line with a caret', () =>
      assert.deepEqual(
        problemsOf(yaml({ more: `conditions: { gold: { cel: 'now.getHours() > 8 && posture.kubelt == "1"' } }` })),
        [
          'c.yaml:1:28: conditions.gold.cel: not a CEL condition: posture.kubelt is no fact: did you mean posture.kubelet?',
          '    now.getHours() > 8 && posture.kubelt == "1"',
          '                          ^',
        ],
      ));

    it('and points into the right line of several', () =>
      assert.throws(() => compileCel('true &&\n  posture.x == 1'), { excerpt: ['  posture.x == 1', '  ^'] }));
  });

  describe('knows what an expression reads', () => {
    for (const [source, reads] of [
      [
        'workload.claims.a == 1 && has(workload.claims.b) && "c" in workload.claims',
        ['claims.a', 'claims.b', 'claims.c'],
      ],
      ['workload.claims["kubernetes.io"].pod.name == "x"', ['claims.kubernetes.io']],
      ['workload["environment"] == "x" || posture.ready', ['posture.ready', 'workload.environment']],
      ['request.scope.all(s, s == network.ip)', ['network.ip', 'request.scope']],
      ['now.getHours() == 1 ? true : {"a": request.resource}.a == ""', ['now', 'request.resource']],
    ] as const) {
      it(source, () => assert.deepEqual(compileCel(source).reads, reads));
    }
  });

  it('takes members of claims and of maps, and every form of a duration', () => {
    for (const source of [
      'workload.claims.a.b[0].c == 1',
      '{"a": {"b": 1}}.a.b == 1',
      'workload.claims.l.all(x, x.name == "x")',
      'request.scope[0] == "read"',
      ...['5m', '1h30m', '-1.5h', '+.5s', '300ms', '1us', '1ns'].map((text) => `duration("${text}") < duration("99h")`),
      'timestamp("2028-02-29T23:59:59.5-11:00") > now',
      '1.0 / 0.0 > 1.0',
    ]) {
      assert.doesNotThrow(() => compileCel(source), source);
    }
  });

  it('is unknown by every fact that is unknown, wherever it stands', () => {
    const unknown = factsOf({ environment: null, unknown: { environment: 'unavailable' } });
    for (const source of [
      'true || workload.environment == "x"',
      'has(workload.environment)',
      'size(workload.environment) >= 0',
      'workload.environment in ["x"]',
      'false ? workload.environment == "x" : true',
      '[].all(x, workload.environment == "x")',
    ]) {
      assert.deepEqual(outcome(source, unknown), { unknown: 'unavailable', why: 'workload.environment' }, source);
    }
    const twice = 'posture.ready && workload.environment == "x"';
    assert.deepEqual(outcome(twice, unknown), { unknown: 'missing', why: 'posture.ready' });
  });

  it('takes a fact that is not of its type, or was observed in our future, for unknown', () => {
    const posture = {
      ready: observed('true'),
      restarts: observed(0.5),
      kubelet: { value: 'v1', observedAt: now + 61 },
    };
    assert.deepEqual(outcome('posture.ready', factsOf({ posture })), { unknown: 'missing', why: 'posture.ready' });
    assert.deepEqual(outcome('posture.restarts < 1', factsOf({ posture })), {
      unknown: 'missing',
      why: 'posture.restarts',
    });
    assert.deepEqual(outcome('posture.kubelet == "v1"', factsOf({ posture })), {
      unknown: 'unavailable',
      why: 'posture.kubelet',
    });
  });

  it('has no word on a member of what is no map', () => {
    for (const s of ['text', 5, true]) {
      assert.ok('unknown' in outcome('!("k" in workload.claims.s)', factsOf({ claims: { s } })), JSON.stringify(s));
    }
    assert.throws(() => compileCel('!has(workload.claims.s.k)'), /has\(\) takes a claim by its name/);
  });

  it('gives claims no properties that JavaScript has', () => {
    const claims = { o: { a: 1 }, constructor: null, toString: null };
    for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
      assert.deepEqual(outcome(`"${name}" in workload.claims.o`, factsOf({ claims })), {
        value: false,
        facts: [['claims.o', new Map([['a', 1]])]],
      });
    }
    assert.ok(
      'value' in outcome('!has(workload.claims.constructor) && !("toString" in workload.claims)', factsOf({ claims })),
    );
  });

  it('comes to the same again after an evaluation that failed half way', () => {
    const program = compileCel('workload.claims.l.all(x, x > 1) && workload.claims.l.filter(x, x > 2).size() == 1');
    const of = (l: (string | number)[]) => program.evaluate(candidateOf(factsOf({ claims: { l } })));
    const good = of([2, 3]);
    assert.ok('value' in good && good.value);
    assert.ok('unknown' in of([2, 'x']));
    assert.deepEqual(of([2, 3]), good);
  });

  it('is evaluated once for each candidate', () => {
    const program = compileCel('workload.environment == "production"');
    const candidates = [candidateOf(factsOf()), candidateOf(factsOf({ environment: 'staging' }))] as const;
    const [first, second] = candidates.map(program.evaluate);
    assert.equal(program.evaluate(candidates[0]), first);
    assert.notDeepEqual(second, first);
  });

  it('matches in linear time what makes other engines backtrack', () => {
    const facts = factsOf({ environment: `${'a'.repeat(400)}b` });
    const program = compileCel('workload.environment.matches("^(a+)+$")');
    const took = cpuMilliseconds(() => {
      for (let index = 0; index < 20; index++) assert.ok('value' in program.evaluate(candidateOf(facts)));
    });
    assert.ok(took < 1000, `${took} ms`);
  });

  it('is unknown where the facts are so large that an evaluation could take long', () => {
    const selectors = Array.from({ length: 5000 }, (_, index) => `k8s:pod-label:${'a'.repeat(60)}:${index}`);
    for (const source of [
      'workload.selectors.all(s, s in workload.selectors)',
      'workload.selectors.exists(s, s.matches("(a|aa)+b") || s.matches("(a|b|c)+d"))',
      '(workload.selectors + workload.selectors + workload.selectors).all(s, s != "a")',
    ]) {
      const why = 'the facts are too large for this expression';
      assert.deepEqual(outcome(source, factsOf({ selectors })), { unknown: 'missing', why });
      assert.ok('value' in outcome(source, factsOf({ selectors: selectors.slice(0, 20) })), source);
    }
  });

  it('loads no library before a policy has such a condition', () => {
    const script = `
      import { conditionsSchema } from './src/policy/conditions/schema.js';
      const loaded = () => Object.keys(require.cache).some((file) => /cel-js|re2js/.test(file));
      import { createRequire } from 'node:module';
      const require = createRequire(import.meta.url);
      conditionsSchema.parse({ a: { environment: ['x'] } });
      const before = loaded();
      conditionsSchema.parse({ a: { cel: 'true' } });
      console.log(JSON.stringify([before, loaded()]));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 25_000,
    });
    assert.equal(stdout.trim(), '[false,true]', stderr);
  });
});
