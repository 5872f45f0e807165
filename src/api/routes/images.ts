import { EngineError } from '../../errors.ts';
import { imageFor } from '../by-version.ts';
import type { Call } from '../call.ts';
import { requestAuth } from '../registry-auth.ts';
import type { Route } from '../router.ts';
import { ProgressStream } from '../stream.ts';

const LIST_FILTERS = ['dangling', 'label', 'before', 'since', 'reference', 'until'];

/** API versions since which a field is gone from the answers. */
const NO_NONE_TAG_SINCE_MINOR = 43;
const NO_VIRTUAL_SIZE_SINCE_MINOR = 44;
const DESCRIPTOR_SINCE_MINOR = 48;

export const IMAGE_ROUTES: readonly Route[] = [
  { method: 'POST', pattern: '/images/create', handle: createImage },
  { method: 'GET', pattern: '/images/json', handle: listImages },
  { method: 'GET', pattern: '/images/{name}/json', handle: inspectImage },
  {
    method: 'GET',
    pattern: '/images/{name}/history',
    handle: async (call) => call.sendJson(200, await call.backend.images.history(call.name)),
  },
  { method: 'POST', pattern: '/images/{name}/tag', handle: tagImage },
  { method: 'DELETE', pattern: '/images/{name}', handle: removeImage },
];

async function createImage(call: Call): Promise<void> {
  const { query } = call;
  // "pull -a" sends the name with a colon and no tag.
  const fromImage = query.text('fromImage').replace(/:$/, '');
  if (fromImage === '') {
    if (query.text('fromSrc') !== '') {
      throw new EngineError(
        'NotImplemented',
        'isle cannot import a root file system yet (POST /images/create?fromSrc=)',
      );
    }
    throw new EngineError('InvalidParameter', 'invalid reference format: `fromImage` is empty');
  }
  const auth = requestAuth(call);
  const progress = new ProgressStream(call);
  const request = { fromImage, tag: query.text('tag'), platform: query.optionalText('platform'), auth };
  try {
    await call.backend.images.pull(request, (message) => progress.send(message), call.gone);
    progress.end();
  } catch (thrown) {
    progress.fail(thrown);
  }
}

async function listImages(call: Call): Promise<void> {
  const { query, apiMinor } = call;
  const images = await call.backend.images.list({
    all: query.flag('all'),
    digests: query.flag('digests'),
    sharedSize: query.flag('shared-size'),
    filters: query.filters(LIST_FILTERS),
  });
  if (apiMinor >= DESCRIPTOR_SINCE_MINOR) call.sendJson(200, images);
  else
    call.sendJson(
      200,
      images.map((image) => legacySummary(image, apiMinor)),
    );
}

function legacySummary(image: Record<string, unknown>, apiMinor: number): object {
  const { Descriptor: _later, ...summary } = image;
  if (apiMinor < NO_VIRTUAL_SIZE_SINCE_MINOR) summary['VirtualSize'] = summary['Size'];
  if (apiMinor < NO_NONE_TAG_SINCE_MINOR && isEmpty(summary['RepoTags']) && isEmpty(summary['RepoDigests'])) {
    summary['RepoTags'] = ['<none>:<none>'];
    summary['RepoDigests'] = ['<none>@<none>'];
  }
  return summary;
}

function isEmpty(list: unknown): boolean {
  return !Array.isArray(list) || list.length === 0;
}

async function inspectImage(call: Call): Promise<void> {
  const image = await call.backend.images.inspect(call.name);
  call.sendJson(200, imageFor(call.apiMinor, image));
}

async function tagImage(call: Call): Promise<void> {
  const repo = call.query.text('repo');
  if (repo === '') throw new EngineError('InvalidParameter', 'invalid reference format: `repo` is empty');
  await call.backend.images.tag(call.name, repo, call.query.text('tag'));
  call.sendEmpty(201);
}

async function removeImage(call: Call): Promise<void> {
  if (call.name.trim() === '') throw new EngineError('InvalidParameter', 'image name cannot be blank');
  const options = { force: call.query.flag('force'), noprune: call.query.flag('noprune') };
  call.sendJson(200, await call.backend.images.remove(call.name, options));
}
