import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import type { DeviceRule } from '../../oci/runtime-spec.ts';
import { type Enforced, fact, listed } from '../fact.ts';
import type { KernelFacts, LayerInput } from '../types.ts';

const EVERYTHING = 'a *:* rwm';

function ruleText({ type, major, minor, access }: DeviceRule): string {
  return `${type ?? 'a'} ${major ?? '*'}:${minor ?? '*'} ${access ?? 'rwm'}`;
}

/** The list that the kernel keeps after these rules, as it prints it; null if a rule takes part of another one away. */
function allowedBy(rules: readonly DeviceRule[]): string[] | null {
  let allowed = new Set([EVERYTHING]);
  for (const rule of rules) {
    const text = ruleText(rule);
    const isAll = text.startsWith('a ');
    if (isAll) allowed = new Set(rule.allow ? [EVERYTHING] : []);
    else if (rule.allow && !allowed.has(EVERYTHING)) allowed.add(text);
    else if (!rule.allow && !allowed.delete(text)) return null;
  }
  return [...allowed].toSorted();
}

function rulesEnforced({ cgroupFiles, pid }: KernelFacts, asked: readonly string[] | null): Enforced {
  const file = cgroupFiles['devices'];
  if (file === undefined || file.text === null) {
    return { text: null, source: file?.path ?? `no devices controller for process ${pid}`, holds: null };
  }
  const allowed = file.text
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();
  const holds = asked === null ? null : allowed.join() === asked.join();
  return { text: listed(allowed), source: file.path, holds };
}

export function devicesLayer({ spec, kernel }: LayerInput): ExplainLayer {
  const rules = spec.linux?.resources?.devices ?? [];
  const asked = allowedBy(rules);
  const nodes = (spec.linux?.devices ?? []).map((device) => device.path);
  const untold: Enforced = { text: null, source: 'inside: ls -l /dev', holds: null };
  const facts: Fact[] = [
    fact(
      'device nodes',
      listed(nodes),
      kernel && untold,
      'The nodes made in /dev. None of them gives access to hardware, except where --device or --privileged asks for it.',
    ),
    fact(
      'devices that may be opened',
      asked === null
        ? rules.map((rule) => `${rule.allow ? 'allow' : 'deny'} ${ruleText(rule)}`).join(', ')
        : listed(asked),
      kernel && rulesEnforced(kernel, asked),
      'A second fence: root inside may make a node for any disk (mknod), but the kernel lets it open only these (type major:minor; r read, w write, m make).',
    ),
  ];
  return {
    name: 'devices',
    title: 'Devices: which hardware can be reached',
    summary:
      'Through a device node a program talks to a driver: to a disk, for example, past all file permissions. A container can open only harmless ones.',
    facts,
  };
}
