/** Explains an image: what it is, what it is made of, and what a container of it would get. Pure. */
import type { ExplainLayer, Explanation, Fact } from '../api/types/explain.ts';
import type { ImageConfig } from '../oci/image-spec.ts';
import { DEFAULT_CAPABILITIES } from '../security/capabilities.ts';
import { compileSeccomp, DEFAULT_PROFILE } from '../security/seccomp/index.ts';
import { fact, listed, plural, roughBytes } from './fact.ts';
import { judgeFilter } from './layers/seccomp.ts';

export interface ImageExplainInput {
  /** as the user named it, "debian:12" */
  readonly reference: string;
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly config: ImageConfig;
  /** unpacked, of all layers; undefined when unknown */
  readonly sizeBytes?: number | undefined;
  /** by diffID, unpacked */
  readonly layerSizes?: Readonly<Record<string, number>> | undefined;
}

/** The newest kernel whose calls the tables hold; what a policy asks of a kernel is an oldest one. */
const NEWEST_KERNEL = [6, 18] as const;

const stated = (what: string, asked: string, why: string): Fact => fact(what, asked, null, why);
const shortDigest = (digest: string): string => digest.replace(/^sha256:/, '').slice(0, 12);
const command = (args: readonly string[] | null | undefined): string => (args?.length ? JSON.stringify(args) : 'none');

function identity({ id, repoTags, repoDigests, config, sizeBytes }: ImageExplainInput): ExplainLayer {
  const platform = [config.os, config.architecture, config.variant].filter((part) => part !== undefined).join('/');
  return {
    name: 'image',
    title: 'The image',
    summary:
      'An image is a recipe and the ingredients: a configuration in JSON, and a stack of directories packed as archives. Both are named by the digest of their content, so nobody can change them unseen.',
    facts: [
      stated('id', id, 'The digest of the configuration, which holds the digests of all layers.'),
      stated('names', listed(repoTags), 'Names are labels that can move to another image; the id stays.'),
      ...(repoDigests.length === 0
        ? []
        : [stated('digests', listed(repoDigests), 'Pulling by one of these gives exactly this image again.')]),
      stated('platform', platform, 'The operating system and processor that its programs are made for.'),
      ...(config.created === undefined
        ? []
        : [
            stated(
              'created',
              config.created,
              'As its maker says; many set a fixed date so that builds are repeatable.',
            ),
          ]),
      ...(sizeBytes === undefined
        ? []
        : [stated('size', roughBytes(sizeBytes), 'Unpacked, without what it shares with other images taken off.')]),
    ],
  };
}

/** What made each layer: history entries that did not only change the configuration are in the layers' order. */
function layerStack({ config, layerSizes }: ImageExplainInput): ExplainLayer {
  const { diff_ids: diffIds } = config.rootfs;
  const makers = (config.history ?? []).filter((entry) => entry.empty_layer !== true);
  const facts = diffIds.map((diffId, index) => {
    const size = layerSizes?.[diffId];
    const maker = makers[index]?.created_by?.replace(/\s+/g, ' ').trim();
    return stated(
      `layer ${index + 1}`,
      [shortDigest(diffId), ...(size === undefined ? [] : [roughBytes(size)])].join(', '),
      maker ? `Made by: ${maker.length > 200 ? `${maker.slice(0, 197)}...` : maker}` : 'Its maker left no note.',
    );
  });
  return {
    name: 'rootfs',
    title: `Layers: ${plural(diffIds.length, 'directory', 'directories')}, one over the other`,
    summary:
      'The lowest comes first. A layer holds what its build step added, changed or deleted. Layers are stored once, however many images have them.',
    facts,
  };
}

function defaults({ config }: ImageExplainInput): ExplainLayer {
  const run = config.config ?? {};
  const argv = [...(run.Entrypoint ?? []), ...(run.Cmd ?? [])];
  return {
    name: 'process',
    title: 'What a container of it would run',
    summary: "Defaults that the image's maker chose. Each can be replaced when a container is made.",
    facts: [
      stated(
        'command',
        command(argv),
        "Entrypoint and command together. Arguments after the image's name replace the command, --entrypoint the rest.",
      ),
      stated('entrypoint', command(run.Entrypoint), 'The part that stays when other arguments are given.'),
      stated('working directory', run.WorkingDir || '/', 'Where the program starts (-w).'),
      stated(
        'environment',
        listed(run.Env ?? []),
        'Variables that the program finds (-e). Secrets do not belong here: everyone who has the image can read them.',
      ),
      stated(
        'stop signal',
        run.StopSignal || 'SIGTERM',
        'What `stop` sends first; SIGKILL follows after the grace period.',
      ),
      ...(run.ExposedPorts
        ? [
            stated(
              'ports',
              listed(Object.keys(run.ExposedPorts)),
              'A note of what it listens on. Nothing is opened by it: -p does that.',
            ),
          ]
        : []),
      ...(run.Volumes
        ? [
            stated(
              'volumes',
              listed(Object.keys(run.Volumes)),
              'Directories that get storage of their own, outside the layers.',
            ),
          ]
        : []),
    ],
  };
}

function isolation({ config }: ImageExplainInput): ExplainLayer {
  const user = config.config?.User || 'root';
  const { filter } = compileSeccomp(DEFAULT_PROFILE, {
    caps: DEFAULT_CAPABILITIES,
    arch: 'x86_64',
    kernel: NEWEST_KERNEL,
  });
  const { allowed, total } = judgeFilter(filter);
  return {
    name: 'capabilities',
    title: 'What a container of it would be allowed',
    summary:
      'The image has no say in its isolation, but for the user. Unless a container is asked to be looser or stricter, it gets this.',
    facts: [
      stated(
        'user',
        user,
        user === 'root' || user === '0'
          ? "Root inside, with most of root's power taken away. Images that name another user are safer."
          : 'Not root: no capability works unless a program brings it.',
      ),
      stated(
        'namespaces',
        'own: pid, network, mount, UTS, IPC, cgroup',
        'It sees its own processes, network, files and host name.',
      ),
      stated(
        'capabilities',
        `${DEFAULT_CAPABILITIES.length}: ${listed(DEFAULT_CAPABILITIES)}`,
        "The pieces of root's power that are left, and the ceiling for everything it starts.",
      ),
      stated(
        'seccomp',
        `the default policy: ${allowed} of ${total} system calls let through`,
        'Mounting, loading code into the kernel and making namespaces are not among them.',
      ),
      stated(
        'limits',
        'none',
        'It may use all memory, CPU time and processes unless --memory, --cpus and --pids-limit are given.',
      ),
      stated(
        'network',
        'an own address on the default bridge',
        'It reaches out; nothing reaches in from outside until a port is published.',
      ),
    ],
  };
}

export function explainImage(input: ImageExplainInput): Explanation {
  return {
    subject: { kind: 'image', id: input.id, name: input.reference, state: 'available', pid: null },
    layers: [identity(input), layerStack(input), defaults(input), isolation(input)],
    plan: [],
  };
}
