/**
 * What Docker's command line has and isle's has not yet. A user of Docker who types it is told so: "unknown" would make
 * him look for a typing mistake. What is here is refused all the same; what isle learns is taken out.
 */

/** By noun ('' for the short forms): names of commands. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  '': [
    'build builder buildx commit compose context cp import load login logout manifest network',
    'plugin port push save search swarm node service stack secret config trust volume',
    'checkpoint',
  ],
  container: ['commit cp port prune'],
  image: ['build import load prune push save'],
  system: ['df dial-stdio prune'],
};

/** Flags of `run` and `create`, as they are typed. */
const CREATE_FLAGS = [
  '-p -P --publish --publish-all --expose --volume-driver --volumes-from --gpus',
  '--add-host --dns --dns-opt --dns-option --dns-search --net --net-alias --network-alias --ip --ip6 --link',
  '--link-local-ip --mac-address',
  '--label-file',
  '--cpu-count --cpu-percent --disable-content-trust --io-maxbandwidth --io-maxiops',
  '--isolation --kernel-memory --storage-opt --use-api-socket',
];

function words(lines: readonly string[]): ReadonlySet<string> {
  return new Set(lines.join(' ').split(' '));
}

export function isDockerCommand(noun: string, verb: string): boolean {
  return Object.hasOwn(COMMANDS, noun) && words(COMMANDS[noun] ?? []).has(verb);
}

/** `flag` with its dashes. */
export function isDockerCreateFlag(flag: string): boolean {
  return words(CREATE_FLAGS).has(flag);
}
