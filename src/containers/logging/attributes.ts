/** What `--log-opt labels=`, `env=` and `tag=` add to a log. */
import { EngineError } from '../../errors.ts';
import { parsePattern } from '../../oci/logging.ts';
import type { ContainerRecord } from '../record.ts';

const DAEMON_NAME = 'isle';
const SHORT_ID = 12;

/** Fields of a tag's template, as dockerd has them. */
function tagFields(record: ContainerRecord): Record<string, string> {
  const [entrypoint = ''] = record.argv;
  return {
    ID: record.id.slice(0, SHORT_ID),
    FullID: record.id,
    ContainerID: record.id,
    Name: record.name,
    ContainerName: `/${record.name}`,
    ImageID: record.imageId.slice(0, SHORT_ID),
    ImageFullID: record.imageId,
    ContainerImageID: record.imageId,
    ImageName: record.config.Image ?? '',
    ContainerImageName: record.config.Image ?? '',
    ContainerEntrypoint: entrypoint,
    Command: record.argv.join(' '),
    DaemonName: DAEMON_NAME,
  };
}

/** What a syslog server is told for the program's name: the container's id, unless another is asked for. */
export function logTag(record: ContainerRecord): string {
  return expandTag(record, record.hostConfig.LogConfig?.Config?.['tag'] || '{{.ID}}');
}

/** Throws InvalidParameter for a field that there is not. */
export function expandTag(record: ContainerRecord, template: string): string {
  const fields = tagFields(record);
  return template.replaceAll(/\{\{(.*?)\}\}|\{\{/g, (_all, action: string | undefined) => {
    const name = /^-?\s*\.(\w+)\s*-?$/.exec(action ?? '')?.[1];
    const value = name !== undefined && Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (value !== undefined) return value;
    const what = action === undefined ? 'unclosed action' : `cannot evaluate {{${action}}}`;
    throw new EngineError('InvalidParameter', `failed to initialize logging driver: template: log-tag:1: ${what}`, {
      hint: `a tag may name {{.${Object.keys(fields).join('}}, {{.')}}}`,
    });
  });
}

/** Names that are listed, or that the pattern finds. */
function chosen(
  values: ReadonlyMap<string, string>,
  list: string | undefined,
  pattern: string | undefined,
): [string, string][] {
  const listed = new Set((list ?? '').split(',').filter((name) => name !== ''));
  const regex = pattern === undefined || pattern === '' ? null : parsePattern(pattern);
  return [...values].filter(([name]) => listed.has(name) || regex?.test(name) === true);
}

/** null: none were asked for, or the container has none of them. */
export function logAttributes(record: ContainerRecord): Record<string, string> | null {
  const options = record.hostConfig.LogConfig?.Config ?? {};
  const labels = new Map(Object.entries(record.config.Labels ?? {}));
  const env = new Map(
    (record.config.Env ?? []).map((entry): [string, string] => {
      const [name = ''] = entry.split('=', 1);
      return [name, entry.slice(name.length + 1)];
    }),
  );
  const found = [
    ...chosen(labels, options['labels'], options['labels-regex']),
    ...chosen(env, options['env'], options['env-regex']),
  ];
  const tag = expandTag(record, options['tag'] ?? '');
  if (tag !== '') found.push(['tag', tag]);
  return found.length === 0 ? null : Object.fromEntries(found);
}
