/** `GET /system/df` in the form of each API version: lists up to 1.52, sums for each kind of object from 1.52 on. */
import type { JsonObject } from './backend.ts';

const SUMS_SINCE_MINOR = 52;
/** The last version with the lists at the top. */
const LISTS_UNTIL_MINOR = 52;

interface Usage {
  ActiveCount: number;
  TotalCount: number;
  /** bytes */
  Reclaimable: number;
  /** bytes */
  TotalSize: number;
  Items?: JsonObject[];
}

const isAlive = ({ State }: JsonObject): boolean => State === 'running' || State === 'paused' || State === 'restarting';
const total = (items: readonly JsonObject[], bytes: (item: JsonObject) => number): number =>
  items.reduce((sum, item) => sum + bytes(item), 0);
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);

function imageUsage(images: JsonObject[], layersSize: number): Usage {
  const active = images.filter(({ Containers }) => number(Containers) > 0);
  // As docker's own sum: what a used image shares counts as reclaimable, since nobody says with whom it is shared.
  const used = total(active, ({ Size, SharedSize }) => number(Size) - Math.max(0, number(SharedSize)));
  const Reclaimable = Math.max(0, layersSize - used);
  return { ActiveCount: active.length, TotalCount: images.length, Reclaimable, TotalSize: layersSize };
}

function containerUsage(containers: JsonObject[]): Usage {
  const written = ({ SizeRw }: JsonObject) => number(SizeRw);
  const ended = containers.filter((container) => !isAlive(container));
  return {
    ActiveCount: containers.length - ended.length,
    TotalCount: containers.length,
    Reclaimable: total(ended, written),
    TotalSize: total(containers, written),
  };
}

/** Of objects that this engine has none of. */
function nothing(): Usage {
  return { ActiveCount: 0, TotalCount: 0, Reclaimable: 0, TotalSize: 0 };
}

/** `lists`: the engine's answer. `verbose`: undefined when the client did not say. */
export function diskUsageFor(apiMinor: number, verbose: boolean | undefined, lists: JsonObject): JsonObject {
  const { LayersSize, Images, Containers, Volumes, BuildCache } = lists as Record<string, JsonObject[] | undefined> & {
    LayersSize?: number;
  };
  if (apiMinor < SUMS_SINCE_MINOR) {
    if (apiMinor >= 44) return lists;
    const images = Images?.map((image) => ({ ...image, VirtualSize: image['Size'] }));
    return { ...lists, ...(images ? { Images: images } : {}), ...(apiMinor < 42 ? { BuilderSize: 0 } : {}) };
  }
  const usages: [string, JsonObject[] | undefined, (items: JsonObject[]) => Usage][] = [
    ['ImageUsage', Images, (images) => imageUsage(images, number(LayersSize))],
    ['ContainerUsage', Containers, containerUsage],
    ['VolumeUsage', Volumes, nothing],
    ['BuildCacheUsage', BuildCache, nothing],
  ];
  const answer: JsonObject = apiMinor <= LISTS_UNTIL_MINOR && verbose === undefined ? { ...lists } : {};
  for (const [name, items, usage] of usages) {
    if (items === undefined) continue;
    answer[name] = { ...usage(items), ...(verbose === true && items.length > 0 ? { Items: items } : {}) };
  }
  return answer;
}
