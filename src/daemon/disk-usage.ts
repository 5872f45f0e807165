/** `GET /system/df`, in the form of API versions up to 1.51: what images, containers and their logs take on the disk. */
import type { JsonObject } from '../api/backend.ts';
import { logBytes } from '../containers/logging/settings.ts';
import type { ContainerService } from '../containers/service.ts';
import { EngineError } from '../errors.ts';
import type { ImageService } from '../images/service.ts';

const TYPES = ['container', 'image', 'volume', 'build-cache'];

export interface DiskUsageParts {
  containers: ContainerService;
  images: ImageService;
}

/** `types`: of which objects; none means all. Throws InvalidParameter for one that there is not. */
export async function diskUsage({ containers, images }: DiskUsageParts, types: readonly string[]): Promise<JsonObject> {
  const unknown = types.find((type) => !TYPES.includes(type));
  if (unknown !== undefined) throw new EngineError('InvalidParameter', `unknown object type: ${unknown}`);
  const wanted = (type: string): boolean => types.length === 0 || types.includes(type);
  const { context } = containers;
  const usage: JsonObject = {};
  if (wanted('image')) {
    usage['LayersSize'] = context.snapshots.list().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    usage['Images'] = await images.list({ all: true, digests: false, sharedSize: true, filters: new Map() });
  }
  if (wanted('container')) {
    const all = await containers.list({ all: true, limit: 0, size: true, filters: new Map() });
    // A log can outgrow everything else that a container has written: it counts, where Docker passes over it.
    const logs = all.map(({ Id }) => logBytes(context, String(Id)));
    usage['Containers'] = all.map((summary, index) => ({
      ...summary,
      SizeRw: Number(summary['SizeRw'] ?? 0) + (logs[index] ?? 0),
    }));
  }
  if (wanted('volume')) usage['Volumes'] = [];
  if (wanted('build-cache')) usage['BuildCache'] = [];
  return usage;
}
