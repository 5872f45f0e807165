import type { Fact } from '../../api/types/explain.ts';
import { type Enforced, fact, said, same } from '../fact.ts';
import { mountAt, parseMountinfo } from '../proc.ts';
import type { KernelFacts, LayerInput } from '../types.ts';

const NONE = 'none';

const WHY_LABELLED =
  'The policy says what this type may do to which other types: to files of containers anything, to those of the host next to nothing. The categories behind it (c1,c2) are of this container alone, so that files and processes of other containers are refused too. It holds for root and behind every other fence.';
const WHY_UNLABELLED =
  "It was asked for no label, or is privileged: the policy decides by the engine's own label what this process is.";

function processFact({ spec, kernel }: LayerInput): Fact {
  const label = spec.process?.selinuxLabel ?? '';
  const now = kernel && said(kernel.label, (text) => text.replace(/\0$/, '').trim());
  const source = kernel?.label.path ?? '';
  if (label === '') return fact('SELinux label', NONE, kernel && { text: now, source, holds: null }, WHY_UNLABELLED);
  return fact('SELinux label', label, kernel && same(label, now, source), WHY_LABELLED);
}

/** The context stands among the options of the root's file system, in quotes because it has commas. */
function fileEnforced(kernel: KernelFacts, label: string): Enforced {
  const root = said(kernel.mountinfo, (text) => mountAt(parseMountinfo(text), '/'));
  const context = /(?:^|,)context="?([^"]*)"?/.exec(root?.superOptions.join(',') ?? '')?.[1];
  return same(label, root ? (context ?? NONE) : null, `${kernel.mountinfo.path}: /`);
}

/** Nothing where SELinux has no part in it. */
export function selinuxFacts(input: LayerInput): Fact[] {
  const { spec, kernel } = input;
  const label = spec.linux?.mountLabel ?? '';
  if (label === '') return [];
  return [
    processFact(input),
    fact(
      'SELinux label of files',
      label,
      kernel && fileEnforced(kernel, label),
      'All files in the root and in the tmpfs mounts are this to the policy, whatever the image says. Bind mounts keep the labels that they have on the host, unless :z or :Z changes them.',
    ),
  ];
}
