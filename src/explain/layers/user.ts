import type { ExplainLayer, Fact } from '../../api/types/explain.ts';
import type { IdMapping } from '../../oci/runtime-spec.ts';
import { parseIdMap } from '../../oci/subids.ts';
import { type Enforced, fact, listed, plural, said, same } from '../fact.ts';
import { parseStatus } from '../proc.ts';
import type { IdFacts, KernelFacts, LayerInput } from '../types.ts';

const WHOLE_RANGE = /^\s*0\s+0\s+4294967295\s*$/;

const real = (status: ReadonlyMap<string, string>, field: string): string | null =>
  status.get(field)?.split(/\s+/)[0] ?? null;

/** A program that started as root may have become someone else since; one that did not cannot, so that is a breach. */
function idEnforced(
  kernel: KernelFacts,
  status: ReadonlyMap<string, string>,
  field: 'Uid' | 'Gid',
  asked: number,
  startedAsRoot: boolean,
): Enforced {
  const now = real(status, field);
  const changed = now !== null && now !== String(asked);
  return {
    text: changed && startedAsRoot ? `${now} (the program has changed it itself)` : now,
    source: `/proc/${kernel.pid}/status: ${field}`,
    holds: now === String(asked) || (changed && startedAsRoot),
  };
}

/** /proc shows ids as the host sees them. */
function seenAs(id: number, ranges: readonly IdMapping[] = []): number {
  const range = ranges.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return range === undefined ? id : range.hostID + id - range.containerID;
}

function rangesText(ranges: readonly IdMapping[]): string {
  const words = ranges.map(
    ({ containerID, hostID, size }) => `${containerID}-${containerID + size - 1} are ${hostID}-${hostID + size - 1}`,
  );
  return words.length === 0 ? '' : `: ${words.join(', ')}`;
}

function mapFact(kernel: KernelFacts | null, wantsOwn: boolean, asked: readonly IdMapping[]): Fact {
  const map = kernel && said(kernel.uidMap, (text) => text.trim());
  const isWhole = map === null ? null : WHOLE_RANGE.test(map);
  return fact(
    'user id map',
    wantsOwn ? `mapped to other ids of the host${rangesText(asked)}` : "the host's ids",
    kernel && {
      text: isWhole === null ? null : isWhole ? "the host's ids" : `mapped: ${map?.replace(/\s+/g, ' ') ?? ''}`,
      source: kernel.uidMap.path,
      holds: isWhole === null ? null : isWhole !== wantsOwn,
    },
    "Says which id of the host an id inside is. Unmapped, user 0 inside is user 0 outside: files that it makes in a volume belong to the host's root.",
  );
}

/** Ids that several containers have are one user to the kernel, wherever they meet outside. */
function rangeFact(kernel: KernelFacts | null, { isShared, others }: IdFacts): Fact {
  const own = kernel && said(kernel.uidMap, parseIdMap);
  const sharers = others.filter(({ uidMap }) => {
    const map = said(uidMap, parseIdMap) ?? [];
    return map.some((a) => own?.some((b) => a.hostID < b.hostID + b.size && b.hostID < a.hostID + a.size));
  });
  const now =
    sharers.length === 0 ? "no other container's" : `also those of ${listed(sharers.map(({ name }) => name))}`;
  return fact(
    'whose ids these are',
    isShared ? 'those of all remapped containers' : "no other container's",
    kernel && {
      text: own === null ? null : now,
      source: `${kernel.uidMap.path} and of ${plural(others.length, 'other container')}`,
      holds: isShared || sharers.length === 0,
    },
    'Where two containers have the same ids, what breaks out of one may do with the files and processes of the other what their owner may.',
  );
}

function groupsFact(
  kernel: KernelFacts | null,
  status: ReadonlyMap<string, string>,
  wanted: readonly number[],
  startedAsRoot: boolean,
): Fact {
  const sorted = (ids: readonly number[]): string => listed([...new Set(ids)].toSorted((a, b) => a - b).map(String));
  const text = status.get('Groups');
  const now =
    text === undefined
      ? null
      : sorted(
          text
            .split(/\s+/)
            .filter((id) => id !== '')
            .map(Number),
        );
  const asked = sorted(wanted);
  const changed = now !== null && now !== asked && startedAsRoot;
  return fact(
    'further groups',
    asked,
    kernel && {
      text: changed ? `${now} (the program has changed them itself)` : now,
      source: `/proc/${kernel.pid}/status: Groups`,
      holds: now === asked || changed,
    },
    'Groups whose files the program may use besides its own.',
  );
}

export function userLayer({ spec, kernel, ids }: LayerInput): ExplainLayer {
  const user = spec.process?.user ?? { uid: 0, gid: 0 };
  const status = kernel === null ? new Map<string, string>() : parseStatus(kernel.status);
  const ownUsers = spec.linux?.namespaces?.some((namespace) => namespace.type === 'user') ?? false;
  const gids = spec.linux?.gidMappings;
  const startedAsRoot = user.uid === 0;
  const wantsNoNew = spec.process?.noNewPrivileges === true ? 'yes' : 'no';
  const noNew = status.get('NoNewPrivs');
  const noNewText = noNew === undefined ? null : noNew === '1' ? 'yes' : 'no';
  return {
    name: 'user',
    title: 'User: who the programs are',
    summary:
      'Every process acts for a user and groups; these decide which files it may touch. What root may do beyond that is cut down by the next two layers.',
    facts: [
      fact(
        'user id',
        String(user.uid),
        kernel && idEnforced(kernel, status, 'Uid', seenAs(user.uid, spec.linux?.uidMappings), startedAsRoot),
        user.uid === 0
          ? "Root, the default of most images. Running as another user (-u) takes most of the next layer's power away as well."
          : 'Not root: no capability works unless a program brings it.',
      ),
      fact(
        'group id',
        String(user.gid),
        kernel && idEnforced(kernel, status, 'Gid', seenAs(user.gid, gids), startedAsRoot),
        'The group that new files belong to.',
      ),
      groupsFact(
        kernel,
        status,
        (user.additionalGids ?? []).map((gid) => seenAs(gid, gids)),
        startedAsRoot,
      ),
      mapFact(kernel, ownUsers, spec.linux?.uidMappings ?? []),
      ...(ids === undefined ? [] : [rangeFact(kernel, ids)]),
      fact(
        'no new privileges',
        wantsNoNew,
        kernel && {
          ...same(wantsNoNew, noNewText, `/proc/${kernel.pid}/status: NoNewPrivs`),
          // a program can set it for itself, and never take it back
          holds: noNewText === null ? null : noNewText === wantsNoNew || noNewText === 'yes',
        },
        'With it, set-uid programs such as su and sudo give nothing: --security-opt no-new-privileges.',
      ),
    ],
  };
}
