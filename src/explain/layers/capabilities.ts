import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import type { Capabilities } from '../../oci/runtime-spec.ts';
import { capabilityMask, capabilityNames, formatMask, parseMask } from '../../security/capabilities.ts';
import { type Enforced, fact } from '../fact.ts';
import { parseStatus } from '../proc.ts';
import type { LayerInput } from '../types.ts';

type SetName = 'bounding' | 'permitted' | 'effective' | 'inheritable' | 'ambient';

const SETS: readonly { name: SetName; field: string; why: string }[] = [
  {
    name: 'bounding',
    field: 'CapBnd',
    why: 'The ceiling: nothing started in this container, set-uid root programs included, can ever have more than these.',
  },
  { name: 'permitted', field: 'CapPrm', why: 'What the program may switch on at any time.' },
  {
    name: 'effective',
    field: 'CapEff',
    why: 'What counts when the kernel is asked for something that only root may do.',
  },
  {
    name: 'inheritable',
    field: 'CapInh',
    why: 'What can be handed on through programs whose file asks for it. Empty, since a filled one once let any user inside gain capabilities (CVE-2022-24769).',
  },
  { name: 'ambient', field: 'CapAmb', why: 'What a program that is not root keeps when it starts another one.' },
];

/** execve recomputes the sets (capabilities(7)): anyone but root keeps only the ambient ones. */
function askedMask(asked: Capabilities, name: SetName, uid: number): bigint {
  const keptByOthers = name === 'permitted' || name === 'effective';
  return capabilityMask((uid !== 0 && keptByOthers ? asked.ambient : asked[name]) ?? []);
}

function words(mask: bigint): string {
  const names = capabilityNames(mask);
  return names.length === 0 ? 'none' : `${names.length}: ${names.join(', ')}`;
}

function difference(asked: bigint, now: bigint): string {
  const more = capabilityNames(now & ~asked);
  const fewer = capabilityNames(asked & ~now);
  return [
    ...(more.length > 0 ? [`also ${more.join(', ')}`] : []),
    ...(fewer.length > 0 ? [`without ${fewer.join(', ')}`] : []),
  ].join('; ');
}

/**
 * More than asked for never holds. Fewer holds only if the program has itself become another user since, which
 * makes the kernel clear these sets; the bounding set does not shrink by that.
 */
function setEnforced(asked: bigint, now: bigint | null, source: string, gaveUp: boolean): Enforced {
  if (now === null) return { text: null, source, holds: null };
  if (now === asked) return { text: `${formatMask(now)} (the same)`, source, holds: true };
  const onlyFewer = (now & ~asked) === 0n;
  const note = onlyFewer && gaveUp ? '; the program has given them up itself' : '';
  return { text: `${formatMask(now)}: ${difference(asked, now)}${note}`, source, holds: onlyFewer && gaveUp };
}

function setFact({ spec, kernel }: LayerInput, { name, field, why }: (typeof SETS)[number]): Fact {
  const uid = spec.process?.user.uid ?? 0;
  const asked = askedMask(spec.process?.capabilities ?? {}, name, uid);
  if (kernel === null) return fact(`${name} set (${field})`, words(asked), null, why);
  const status = parseStatus(kernel.status);
  const now = parseMask(status.get(field) ?? '');
  const becameOther = uid === 0 && !(status.get('Uid') ?? '0').startsWith('0');
  const gaveUp = becameOther && name !== 'bounding';
  return fact(
    `${name} set (${field})`,
    words(asked),
    setEnforced(asked, now, `/proc/${kernel.pid}/status: ${field}`, gaveUp),
    why,
  );
}

export function capabilitiesLayer(input: LayerInput): ExplainLayer {
  return {
    name: 'capabilities',
    title: 'Capabilities: which powers of root are left',
    summary:
      "Linux splits root's power into 41 pieces. A container gets 14 of them by default: enough to install packages and bind port 80, not enough to mount, load kernel modules or change the clock. --cap-add and --cap-drop change the set.",
    facts: SETS.map((set) => setFact(input, set)),
  };
}
