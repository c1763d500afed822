/** The command line: the only reader of argv and of the environment. */
import { hostname, userInfo } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  diffCommand,
  explainCommand,
  lintCommand,
  matrixCommand,
  overlayCommand,
  testCommand,
} from './command-line/policy.js';
import { fail, load, loadForService, print, warn } from './command-line/terminal.js';
import type { Configuration } from './config/configuration.js';
import type { ClusterOptions } from './doctor/cluster-add.js';
import { tokenTypes } from './policy/token-type.js';
import type { RevokeOptions } from './revoke/revoke.js';
import type { Surroundings } from './server.js';
import { version } from './version.js';
import { type Output, outputs } from './workload/output.js';
import { platforms } from './workload/platforms/index.js';

// Which versions of Node we run on is said by us: the SDK's warning of its own would stand before every answer.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

// Whoever collected our messages may be gone: that is no reason to stop serving.
process.stderr.on('error', () => {});

/** Lines of `serve`: by default those of JSON, or of a terminal, and as the configuration has them once it is read. */
async function openLog() {
  const { createLog } = await import('./telemetry/log.js');
  let log = createLog({ level: 'info' }, process.stderr);
  return Object.freeze({
    configure({ telemetry }: Configuration) {
      log = createLog(telemetry.logs, process.stderr);
    },
    info: (message: string) => log.info(message),
    warn: (message: string) => log.warn(message),
    error: (message: string) => log.error(message),
  });
}

type ServeLog = Awaited<ReturnType<typeof openLog>>;

async function serveCommand({ config, workers }: { config: string; workers?: number }): Promise<void> {
  const { run } = await import('./run.js');
  const log = await openLog();
  if (workers === undefined) {
    return run((signal) => startService(config, log, { signal }), { log, again: 'ends at once' });
  }
  const { answerPrimary, isWorker, tellReady } = await import('./workers/worker.js');
  if (isWorker()) {
    const startWorker = async (signal: AbortSignal) => {
      const service = await startService(config, log, { signal, openHealth: answerPrimary });
      tellReady();
      return service;
    };
    return run(startWorker, { log, again: 'ignored' });
  }
  const startAll = async (signal: AbortSignal) => {
    const configuration = await loadForService(config);
    log.configure(configuration);
    const { startWorkers } = await import('./workers/primary.js');
    return startWorkers(workers, configuration, { ...log, signal });
  };
  return run(startAll, { log, again: 'ends at once' });
}

async function startService(config: string, log: ServeLog, around: Pick<Surroundings, 'openHealth' | 'signal'>) {
  const configuration = await loadForService(config);
  log.configure(configuration);
  const { serve } = await import('./server.js');
  const service = await serve(configuration, { now: Date.now, stdout: process.stdout, ...log, ...around });
  log.info(`issuer ${configuration.issuer}, policy ${configuration.policy.revision}`);
  log.info(`listening on ${service.publicUrl}, health on ${service.healthUrl}`);
  return { close: service.close, deadline: configuration.drain.deadline * 1000 };
}

function countOfWorkers(text: string): number {
  if (!/^[1-9][0-9]{0,2}$/.test(text)) throw new InvalidArgumentError('a whole number from 1 to 999 is expected.');
  return Number(text);
}

async function checkCommand({ config }: { config: string }): Promise<void> {
  const { attestors, listen, policy } = await loadForService(config);
  if (listen.tls !== undefined) {
    const { readMaterial } = await import('./tls/material.js');
    await readMaterial(listen.tls, Date.now() / 1000);
  }
  const rules = policy.ruleCount;
  process.stdout.write(`${config}: valid; ${attestors.size} attestors, ${rules} rules, policy ${policy.revision}\n`);
}

async function doctorCommand(type: string, name: string | undefined, { config }: { config: string }): Promise<void> {
  const configuration = await load(config);
  const { diagnose } = await import('./doctor/doctor.js');
  const isWell = await diagnose(configuration, { type, name }, (line) => process.stdout.write(`${line}\n`));
  process.exitCode = isWell ? 0 : 1;
}

async function addClusterCommand(name: string, options: ClusterOptions & { config?: string }): Promise<void> {
  const { config, ...cluster } = options;
  const configuration = config === undefined ? undefined : await load(config);
  const { addCluster } = await import('./doctor/cluster-add.js');
  process.stdout.write(await addCluster(name, cluster, configuration, warn));
}

interface TokenCommand {
  readonly issuer: string;
  readonly resource: string;
  readonly scope?: readonly string[];
  readonly audience?: string;
  readonly platform?: string;
  readonly tokenFile?: string;
  readonly output: Output;
  readonly tokenType?: string;
}

/** Where the manifests of the documentation mount it. */
const usualTokenFile = '/var/run/secrets/counterseal/token';

async function tokenCommand({ scope, audience, tokenFile, output, ...command }: TokenCommand): Promise<void> {
  const { obtainToken } = await import('./workload/token.js');
  if (tokenFile !== undefined && command.platform !== undefined && command.platform !== 'token-file') {
    fail(
      `counterseal: --token-file is of the platform token-file, not of ${command.platform}: leave one of the two out`,
    );
  }
  const platform = command.platform ?? (tokenFile === undefined ? undefined : 'token-file');
  const around = { env: process.env, tokenFile: tokenFile ?? usualTokenFile, metadata: 'http://169.254.169.254' };
  const issued = await obtainToken({ ...command, platform, scope: scope?.join(' '), audience }, around);
  process.stdout.write(`${outputs[output](issued, process.env.KUBERNETES_EXEC_INFO)}\n`);
}

async function keysListCommand({ config, json }: { config: string; json?: true }): Promise<void> {
  const configuration = await load(config);
  const { listKeys, renderKey } = await import('./keys/keys.js');
  const keys = await listKeys(configuration, warn);
  print(json ? JSON.stringify(keys, null, 2).split('\n') : keys.map((key) => renderKey(key, Date.now())));
}

async function keysRotateCommand({ config }: { config: string }): Promise<void> {
  const configuration = await load(config);
  const { renderRotated, rotateKeys } = await import('./keys/keys.js');
  const rotated = await rotateKeys(configuration, warn);
  print(rotated.map(renderRotated));
  process.exitCode = rotated.every(({ notBefore }) => notBefore === null) ? 0 : 1;
}

async function keysRevokeCommand(kids: readonly string[], { config }: { config: string }): Promise<void> {
  const configuration = await load(config);
  const { renderRevoked, revokeKeys } = await import('./keys/keys.js');
  print((await revokeKeys(configuration, kids, warn)).flatMap(renderRevoked));
}

async function protectedResourceCommand(resource: string, { config }: { config: string }): Promise<void> {
  const configuration = await load(config);
  const { protectedResource } = await import('./protected-resource.js');
  const { challenge, document, url } = protectedResource(configuration, resource);
  print(JSON.stringify(document, null, 2).split('\n'));
  warn(
    `the resource server serves this at ${url}\nand answers requests without a token with 401 and\nWWW-Authenticate: ${challenge}`,
  );
}

async function revokeCommand({ config, ...options }: RevokeOptions & { config: string }): Promise<void> {
  const configuration = await load(config);
  const { revoke } = await import('./revoke/revoke.js');
  const by = `${userInfo().username}@${hostname()}`;
  print([await revoke(configuration, options, by, warn)]);
}

const program = new Command('counterseal')
  .description('Verifies what a platform says of a workload, and exchanges it for a short-lived scoped token.')
  .version(version);
program
  .command('serve')
  .description('run the service')
  .requiredOption('--config <file>', 'the configuration')
  .option('--workers <count>', 'so many processes behind one port; default: this one alone', countOfWorkers)
  .action(serveCommand);
program
  .command('check')
  .description('check a configuration: exit 1, with file:line:column and the reason, when it is not valid')
  .requiredOption('--config <file>', 'the configuration')
  .action(checkCommand);
const policy = program.command('policy').description('look at decisions, and at what a policy comes to');
policy
  .command('explain [decision-id]')
  .description('print a recorded decision for a person, or what would be decided on facts from a file')
  .option('--audit <file>', 'the audit log, one JSON record a line; with a decision id')
  .option('--config <file>', 'the configuration; with --facts')
  .option('--facts <file>', 'YAML: the facts of one case, and what is asked for')
  .action(explainCommand);
policy
  .command('diff')
  .description('make recorded decisions again under another policy: exit 1 when one would change, or may')
  .requiredOption('--config <file>', 'the configuration with the new policy')
  .requiredOption('--against <file>', 'the audit log, one JSON record a line')
  .option('--json', 'one JSON object a line, the summary last')
  .action(diffCommand);
policy
  .command('test')
  .description('run cases: facts, and the decision that is expected; exit 1 when one comes out otherwise')
  .argument('[cases...]', 'YAML files; default: those of policy.tests')
  .requiredOption('--config <file>', 'the configuration')
  .option('--junit <file>', 'also writes the results as JUnit XML')
  .action(testCommand);
policy
  .command('matrix')
  .description('print who can reach what')
  .requiredOption('--config <file>', 'the configuration')
  .option('--json', 'as JSON')
  .action(matrixCommand);
policy
  .command('overlay')
  .description(
    'print what each entry of policy.include changes of those before it, or what another policy has otherwise',
  )
  .requiredOption('--config <file>', 'the configuration')
  .option('--with <file>', 'another configuration, such as that of another environment')
  .option('--json', 'as JSON')
  .action(overlayCommand);
policy
  .command('lint')
  .description('find what a valid policy says in vain: exit 1 when something is found')
  .requiredOption('--config <file>', 'the configuration')
  .option('--strict', 'exit 1 when there is a note, too')
  .action(lintCommand);

const keys = program.command('keys').description('look at the signing keys in the store, rotate and revoke them');
keys
  .command('list')
  .description('print the keys, and what happens to each next')
  .requiredOption('--config <file>', 'the configuration')
  .option('--json', 'as JSON')
  .action(keysListCommand);
keys
  .command('rotate')
  .description('sign with the next keys: exit 1, with the time, when they have not been published for long enough')
  .requiredOption('--config <file>', 'the configuration')
  .action(keysRotateCommand);
keys
  .command('revoke')
  .description('take keys that somebody else may have out of use and out of /jwks at once: their tokens are refused')
  .argument('<kid...>', 'as list prints them')
  .requiredOption('--config <file>', 'the configuration')
  // One kid of 64 begins with `-`.
  .allowUnknownOption()
  .action(keysRevokeCommand);

program
  .command('protected-resource <resource>')
  .description('print the metadata that a resource server serves of itself (RFC 9728), so that clients find the issuer')
  .requiredOption('--config <file>', 'the configuration')
  .action(protectedResourceCommand);

program
  .command('revoke')
  .description('have tokens be active no more, on every replica at once: exit 1 when that is not certain')
  .requiredOption('--config <file>', 'the configuration')
  .option('--token-id <jti>', 'one token')
  .option('--instance <attestor/instance>', 'what an instance holds; for a day it gets no more')
  .option('--subject <spiffe-id>', 'what a subject has been issued until now, whatever its instances')
  .option('--reason <text>', 'why; stands in the log of the service', 'none given')
  .action(revokeCommand);

program
  .command('token')
  .description('in a workload: show what its platform vouches for, and print the token that it is exchanged for')
  .requiredOption('--issuer <url>', 'of the service')
  .requiredOption('--resource <name>', 'what the token is for')
  .addOption(new Option('--token-type <type>', 'what is issued; default: access_token').choices([...tokenTypes]))
  .option('--scope <scope...>', 'default: all that is granted')
  .option('--audience <audience>', 'of the evidence, where the attestor has one of its own; default: the issuer')
  .option('--token-file <file>', `a token that the platform writes; default: ${usualTokenFile}`)
  .addOption(new Option('--platform <name>', 'default: the first that is found').choices([...platforms.keys()]))
  .addOption(new Option('--output <form>', 'what is printed').choices(Object.keys(outputs)).default('token'))
  .action(tokenCommand);
program
  .command('doctor')
  .description('try step by step what attestors need of their platform: exit 1, with the fix, when something fails')
  .argument('<type>', 'the type of the attestors: kubernetes, oidc, aws or azure')
  .argument('[name]', 'of one attestor; default: all of the type')
  .requiredOption('--config <file>', 'the configuration')
  .action(doctorCommand);
program
  .command('cluster')
  .description('help with the attestors of clusters')
  .command('add <name>')
  .description('check a cluster, and print the block for it to stand under `attestors:`')
  .option('--kubeconfig <file>', 'its API server, which tells the issuer')
  .option('--in-cluster', 'the API server of the cluster that this runs in')
  .option('--issuer <url>', 'the issuer of its tokens, where the API server cannot be reached')
  .option('--jwks-uri <url>', 'where its keys are, with --issuer')
  .option('--jwks-file <file>', 'its keys, with --issuer; read again when the file changes')
  .option('--audience <audience>', 'of the tokens; default: our issuer')
  .option('--config <file>', 'the configuration that it is to be added to: checks it beside the other attestors')
  .action(addClusterCommand);

program
  .parseAsync()
  .catch((error: unknown) => fail(`counterseal: ${error instanceof Error ? error.message : String(error)}`));
