/**
 * Every sentence that the command line says, apart from the help texts that stand beside their flags and commands.
 * Where Docker's CLI says the same thing, its words are kept: scripts and habits depend on them.
 */
const quote = (text: string): string => JSON.stringify(text);
const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

export const messages = {
  error: (message: string) => `isle: ${message}\n`,
  hint: (hint: string) => `Hint: ${hint}\n`,
  warning: (message: string) => `WARNING: ${message}\n`,
  unknownFailure: (name: string) => `failed (${name})`,
  internal: 'this is a bug in isle; with -D it prints where it happened',

  // --- usage ---
  usage: (path: string, synopsis: string) => `Usage:  ${path} ${synopsis}`.trimEnd(),
  usageError: (path: string, synopsis: string) =>
    `\nUsage:  ${`${path} ${synopsis}`.trimEnd()}\n\nSee '${path} --help'.\n`,
  seeHelp: (path: string) => `\nSee '${path} --help'.\n`,
  unknownFlag: (name: string) => `unknown flag: --${name}`,
  unknownShorthand: (letter: string, cluster: string) => `unknown shorthand flag: '${letter}' in -${cluster}`,
  badFlagSyntax: (text: string) => `bad flag syntax: ${text}`,
  flagNeedsArgument: (flag: string) => `flag needs an argument: ${flag}`,
  shorthandNeedsArgument: (letter: string, cluster: string) => `flag needs an argument: '${letter}' in -${cluster}`,
  invalidFlagValue: (text: string, flag: string, why: string) =>
    `invalid argument ${quote(text)} for ${quote(flag)} flag: ${why}`,
  unknownCommand: (path: string) => `unknown command: ${path}`,
  notYetCommand: (verb: string) => `Docker's \`${verb}\` is not in isle yet: docs/compatibility.md lists what is`,
  notYetFlag: (flag: string) => `Docker's \`${flag}\` is not in isle's command line yet: docs/cli.md lists what is`,
  unknownHelpTopic: (topic: string) => `unknown help topic: ${topic}`,
  noArguments: (path: string) => `'${path}' accepts no arguments`,
  exactArguments: (path: string, count: number) => `'${path}' requires ${plural(count, 'argument')}`,
  atLeastArguments: (path: string, count: number) => `'${path}' requires at least ${plural(count, 'argument')}`,
  atMostArguments: (path: string, count: number) => `'${path}' requires at most ${plural(count, 'argument')}`,

  // --- flag values ---
  notABool: (text: string) => `strconv.ParseBool: parsing ${quote(text)}: invalid syntax`,
  notAnInteger: (text: string) => `strconv.ParseInt: parsing ${quote(text)}: invalid syntax`,
  outOfRange: (text: string) => `strconv.ParseInt: parsing ${quote(text)}: value out of range`,
  notASize: (text: string) => `invalid size: '${text}'`,
  badSizeSuffix: (suffix: string) => `invalid suffix: '${suffix}'`,
  notARational: (text: string) => `failed to parse ${text} as a rational number`,
  tooPrecise: 'value is too precise',
  badUlimit: (text: string) => `invalid ulimit argument: ${text}`,
  unknownUlimit: (name: string) => `invalid ulimit type: ${name}`,
  ulimitSoftAboveHard: (soft: number, hard: number) =>
    `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
  notAChoice: (choices: readonly string[]) => `must be one of ${choices.join(', ')}`,
  badFilter: 'bad format of filter (expected name=value)',
  badEnvironment: (text: string) => `invalid environment variable: ${text}`,
  badMount: (text: string) => `invalid mount: ${text}`,
  badLabel: (text: string) => `invalid label '${text}': empty name`,
  badTimeOffset: (text: string) => `invalid time offset '${text}': give CLOCK=SECONDS, such as boottime=86400`,
  badStream: 'valid streams are STDIN, STDOUT and STDERR',
  badTime: (text: string) =>
    `invalid value for a time: ${quote(text)} (use 2013-01-02T13:23:37Z, seconds since 1970, or a duration such as 42m)`,

  // --- explain and audit ---
  diffNeedsTwo: '--diff compares two containers: give both',
  explainTakesOne: 'explain takes one container or image; with --diff two containers',
  auditNeedsOne: 'give a container, or --request with a file',
  notJson: (path: string, reason: string) => `${path} is not the JSON body of a create: ${reason}`,

  // --- run and create ---
  openFile: (path: string, reason: string) => `open ${path}: ${reason}`,
  badEnvFileLine: (file: string, name: string) => `invalid env file (${file}): variable '${name}' contains whitespaces`,
  noEnvFileName: (file: string, line: string) => `invalid env file (${file}): no variable name on line '${line}'`,
  badPullPolicy: (text: string) => `invalid pull option: '${text}': must be one of "always", "missing" or "never"`,
  emptyVolume: 'invalid empty volume spec',
  archiveToTerminal: 'cowardly refusing to save to a terminal. Use the -o flag or redirect',
  badDuration: (text: string) =>
    `time: invalid duration ${quote(text)}: give numbers with units, such as 1m30s or 500ms`,
  noHealthcheckConflict: '--no-healthcheck conflicts with --health-* options',
  badRestartPolicy: (text: string) => `invalid restart policy: ${quote(text)}`,
  badSecurityOpt: (text: string) => `Invalid --security-opt: ${quote(text)}`,
  seccompFile: (path: string, reason: string) => `opening seccomp profile (${path}) failed: ${reason}`,
  seccompJson: (path: string, reason: string) => `seccomp profile (${path}) is not JSON: ${reason}`,
  conflict: (left: string, right: string) => `conflicting options: cannot specify both ${left} and ${right}`,
  cidFileExists: (path: string) =>
    `container ID file found, make sure the other container isn't running or delete ${path}`,
  notATerminal: 'the input device is not a TTY',
  imageMissing: (reference: string) => `Unable to find image '${reference}' locally\n`,
  badDetachKeys: (text: string) =>
    `invalid detach keys (${text}): use letters, DEL and ctrl-<letter>, separated by commas`,
  attachManyContainers: 'you cannot start and attach multiple containers at once',
  attachStopped: 'cannot attach to a stopped container, start it first',
  attachPaused: 'cannot attach to a paused container, unpause it first',
  detached: 'read escape sequence',
  waitFailed: (reason: string) => `cannot learn how the container ended: ${reason}`,
  forcedExit: 'got 3 SIGTERM/SIGINTs, forcefully exiting\n',
  sigProxyFailed: (signal: string, reason: string) => `cannot pass ${signal} on to the container: ${reason}\n`,

  badDevicePath: (text: string) => `bad format for device path: ${text}`,
  badWeightDevice: (text: string) => `bad format: ${text}`,
  badBytesRate: (text: string) =>
    `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
  badIORate: (text: string) =>
    `invalid rate for device: ${text}. The correct format is <device-path>:<number>. Number must be a positive integer`,

  // --- other commands ---
  nothingToUpdate: 'you must provide one or more flags when using this command',
  statsAllNamed: 'specify either container names, or --all to show all of them',
  emptyName: 'neither old nor new names may be empty',
  noSuchObject: (name: string) => `no such object: ${name}`,
  badInspectType: (type: string) => `${quote(type)} is not a valid value for --type: use container or image`,
  badTemplate: (why: string) => `template parsing error: ${why}`,
  pullDone: (reference: string) => `${reference}\n`,
  untagged: (name: string) => `Untagged: ${name}\n`,
  deleted: (id: string) => `Deleted: ${id}\n`,
  clientVersion: (version: string) => `isle version ${version}\n`,

  // --- the daemon ---
  needsRoot: 'isle needs root to start its daemon: namespaces, mounts and cgroups are made by it',
  needsRootHint: 'run the same command with sudo, or point -H or DOCKER_HOST at an engine that runs already',
  noDaemonFile: (path: string) => `cannot start the daemon: \`${path}\` is missing`,
  noDaemonFileHint: 'build it first (npm run build), or start isled yourself',
  daemonDied: (how: string, log: string) => `the daemon ended before it listened (${how}); the end of ${log}:`,
  daemonSilent: (seconds: number, log: string) =>
    `the daemon does not listen after ${seconds} seconds; the end of ${log}:`,
  noLogFile: (path: string) => `cannot write the daemon's log \`${path}\``,
} as const;
