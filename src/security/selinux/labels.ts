/** The labels of containers: their type from the policy, their categories from nobody else's. Pure but for the dice. */
import { randomInt } from 'node:crypto';
import { EngineError } from '../../errors.ts';
import { formatContext, parseContext } from './context.ts';
import type { LabelOptions } from './options.ts';

/** What the policy of the host says of containers. */
export interface LabelDefaults {
  /** Contexts without categories. */
  process: string;
  file: string;
  /** Of what containers may read and not write: the layers of images. '' where the policy has no such type. */
  readOnlyFile: string;
}

/** '' for none: the process then gets what the policy gives to the engine's children. */
export interface ContainerLabels {
  process: string;
  mount: string;
}

const FALLBACK: LabelDefaults = {
  process: 'system_u:system_r:container_t:s0',
  file: 'system_u:object_r:container_file_t:s0',
  readOnlyFile: '',
};

/** Of the files `contexts` and `lxc_contexts`: lines `name = "context"`. */
export function parseLabelDefaults(text: string): LabelDefaults {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*([^#;=\s][^=]*?)\s*=\s*"?([^"]*?)"?\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, value);
  }
  return {
    process: values.get('process') || FALLBACK.process,
    file: values.get('file') || FALLBACK.file,
    readOnlyFile: values.get('ro_file') ?? '',
  };
}

/** Categories of the policies in use: c0 to c1023. */
const CATEGORIES = 1024;
const MAX_PAIRS = (CATEGORIES * (CATEGORIES - 1)) / 2;
/** As in Docker: of the files of containers whose processes have no label. No container gets this pair. */
const UNCONFINED_LEVEL = `s0:c${CATEGORIES - 2},c${CATEGORIES - 1}`;

/** A level of two categories that is not among `taken`. Throws Unavailable when there is none. */
export function freshLevel(taken: ReadonlySet<string>, random: (below: number) => number = randomInt): string {
  if (taken.size >= MAX_PAIRS - 1) {
    throw new EngineError('Unavailable', 'all pairs of SELinux categories are in use', {
      hint: 'remove containers, or give this one a level: --security-opt label=level:s0:c1,c2',
    });
  }
  for (;;) {
    const [one, other] = [random(CATEGORIES), random(CATEGORIES)];
    const level = `s0:c${Math.min(one, other)},c${Math.max(one, other)}`;
    if (one !== other && level !== UNCONFINED_LEVEL && !taken.has(level)) return level;
  }
}

/** As dockerd: a level or user that is asked for holds for the files too. `taken`: the levels of other containers. */
export function containerLabels(
  defaults: LabelDefaults,
  { disabled, parts, fileType }: LabelOptions,
  taken: ReadonlySet<string>,
): ContainerLabels {
  const process = parseContext(defaults.process, 'the label of container processes');
  const file = parseContext(defaults.file, 'the label of container files');
  if (disabled) {
    const level = file.level === '' ? '' : UNCONFINED_LEVEL;
    return { process: '', mount: formatContext({ ...file, level }) };
  }
  if (process.level !== '') process.level = file.level = parts.level ?? freshLevel(taken);
  const { user = file.user, level = file.level } = parts;
  return {
    process: formatContext({ ...process, ...parts }),
    mount: formatContext({ ...file, user, level, type: fileType ?? file.type }),
  };
}

/** What a label takes from others: its level, '' for none. */
export function levelOf(label: string): string {
  return label === '' ? '' : parseContext(label, 'label').level;
}
