import { EngineClient } from '../client/engine-client.ts';
import { EngineError } from '../errors.ts';
import type { Invocation, Io } from './command/command.ts';
import { type CommandEntry, findLong, findShort, NOUNS } from './command/registry.ts';
import { chooseHost } from './connect.ts';
import { CommandError, describeError, UsageError } from './errors.ts';
import { flag } from './flags/define.ts';
import { parseArguments } from './flags/parse.ts';
import { messages } from './format/messages.ts';

const GLOBAL_FLAGS = {
  debug: flag.bool({ short: 'D', usage: 'Print where an error came from' }),
  host: flag.string({ short: 'H', usage: 'Engine to talk to: unix:///path or tcp://host:port' }),
  version: flag.bool({ short: 'v', usage: 'Print version information and quit' }),
};

export interface MainOptions {
  io: Io;
  env: NodeJS.ProcessEnv;
  /** The daemon's entry point, started when nothing listens at the default socket. */
  daemonPath: string;
}

/** One invocation of `isle`. Resolves to the exit code; every failure has then been printed. */
export async function main(argv: readonly string[], options: MainOptions): Promise<number> {
  const { stderr } = options.io;
  let debug = false;
  try {
    const globals = parseArguments(GLOBAL_FLAGS, argv, { interspersed: false });
    debug = globals.values.debug;
    if (globals.values.version) return await printVersion(options.io);
    if (globals.help || globals.positionals.length === 0) return await printHelp([], options.io);
    return await dispatch(globals.positionals, globals.values.host, options);
  } catch (error) {
    if (error instanceof UsageError) {
      stderr.write(messages.error(error.message) + messages.usageError('isle', '[OPTIONS] COMMAND'));
    } else printFailure(error, stderr);
    if (debug && error instanceof Error) stderr.write(`${error.stack}\n`);
    return exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  return error instanceof UsageError || error instanceof CommandError ? error.exitCode : 1;
}

function printFailure(error: unknown, stderr: NodeJS.WriteStream): void {
  const expected = error instanceof EngineError || error instanceof CommandError;
  const { message, hint } = describeError(error);
  stderr.write(messages.error(message));
  if (hint !== undefined) stderr.write(messages.hint(hint));
  else if (!expected) stderr.write(messages.hint(messages.internal));
}

async function dispatch(words: readonly string[], host: string, options: MainOptions): Promise<number> {
  const [first = '', second, ...rest] = words;
  if (first === 'help') return printHelp(words.slice(1), options.io);
  const short = findShort(first);
  if (short !== undefined) return execute(short, `isle ${first}`, words.slice(1), host, options);
  if (!Object.hasOwn(NOUNS, first)) return unknownCommand('', first, options.io);
  if (second === undefined || second === '--help' || second === '-h') return printHelp([first], options.io);
  const long = findLong(first, second);
  if (long === undefined) return unknownCommand(first, second, options.io);
  return execute(long, `isle ${first} ${second}`, rest, host, options);
}

async function execute(
  entry: CommandEntry,
  path: string,
  argv: readonly string[],
  host: string,
  options: MainOptions,
): Promise<number> {
  const { command } = await entry.load();
  let engine: EngineClient | undefined;
  const invocation: Invocation = {
    path,
    io: options.io,
    env: options.env,
    get engine() {
      engine ??= new EngineClient(chooseHost(host, options.env, options.daemonPath));
      return engine;
    },
  };
  try {
    const result = await command.execute(argv, invocation);
    return result === 'help' ? await printHelp(path.split(' ').slice(1), options.io) : result;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const hint = isCreate(entry) ? await notYetHint(error.unknownFlag) : '';
    options.io.stderr.write(messages.error(error.message) + hint + messages.usageError(path, command.synopsis));
    return error.exitCode;
  } finally {
    engine?.close();
  }
}

function isCreate({ verb }: CommandEntry): boolean {
  return verb === 'run' || verb === 'create';
}

async function notYetHint(unknownFlag: string | undefined): Promise<string> {
  if (unknownFlag === undefined) return '';
  const { isDockerCreateFlag } = await import('./format/not-yet.ts');
  return isDockerCreateFlag(unknownFlag) ? messages.hint(messages.notYetFlag(unknownFlag)) : '';
}

async function unknownCommand(noun: string, verb: string, io: Io): Promise<number> {
  const { isDockerCommand } = await import('./format/not-yet.ts');
  const parent = noun === '' ? 'isle' : `isle ${noun}`;
  const hint = isDockerCommand(noun, verb) ? messages.hint(messages.notYetCommand(`${noun} ${verb}`.trim())) : '';
  io.stderr.write(messages.error(messages.unknownCommand(`${parent} ${verb}`)) + hint + messages.seeHelp(parent));
  return 1;
}

async function printVersion(io: Io): Promise<number> {
  const { ISLE_VERSION } = await import('./version.ts');
  io.stdout.write(messages.clientVersion(ISLE_VERSION));
  return 0;
}

/** `topic`: [] for isle itself, a noun, a short form, or noun and verb. */
async function printHelp(topic: readonly string[], io: Io): Promise<number> {
  const help = await import('./format/help.ts');
  const width = io.stdout.columns ?? 80;
  const [first, second] = topic;
  const entry = first === undefined ? undefined : second === undefined ? findShort(first) : findLong(first, second);
  if (first === undefined) io.stdout.write(help.topHelp(GLOBAL_FLAGS, width));
  else if (entry !== undefined) {
    io.stdout.write(help.commandHelp(entry, (await entry.load()).command, `isle ${topic.join(' ')}`, width));
  } else if (second === undefined && Object.hasOwn(NOUNS, first)) io.stdout.write(help.nounHelp(first));
  else {
    io.stderr.write(messages.error(messages.unknownHelpTopic(topic.join(' '))) + messages.seeHelp('isle'));
    return 1;
  }
  return 0;
}
