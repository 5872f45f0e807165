import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ApiSchema, bodyOf, resolved } from '../../test/fixtures/engine-api.ts';
import { createRequest, updateRequest } from './create-request.ts';
import { checkValue } from './schema.ts';

/** Of an endpoint: what the engine fills in, which a client may send back as it was read. */
const STATE =
  'DNSNames[0] EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen IPAddress IPPrefixLen IPv6Gateway'.split(' ');

/** A value of the schema with every field that it has, in lists and maps too. */
function sample(schema: ApiSchema, depth = 0): unknown {
  const { type, properties, items, additionalProperties, enum: words } = resolved(schema);
  assert.ok(depth < 12, 'the description goes round');
  if (words !== undefined) return words[0];
  if (properties !== undefined) {
    return Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, sample(field, depth + 1)]));
  }
  if (type === 'array') return items === undefined ? [] : [sample(items, depth + 1)];
  if (typeof additionalProperties === 'object') return { key: sample(additionalProperties, depth + 1) };
  if (type === 'integer' || type === 'number') return 1;
  if (type === 'boolean') return true;
  return type === 'string' ? 'x' : {};
}

/** Paths of all fields of a value, lists and maps gone through. */
function fieldsOf(value: unknown, at = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => fieldsOf(item, `${at}[${index}]`));
  if (typeof value !== 'object' || value === null) return [at];
  const inner = Object.entries(value).flatMap(([name, field]) => fieldsOf(field, at === '' ? name : `${at}.${name}`));
  return at === '' ? inner : [at, ...inner];
}

describe('the fields that the published description gives a request', () => {
  it('are each known to a create, down to the last of a mount or an endpoint', () => {
    const body = sample(bodyOf('POST /containers/create'));
    assert.ok(fieldsOf(body).length > 150, 'the description has lost its fields');
    const { value, unknownFields } = checkValue(body, createRequest);
    assert.deepEqual(unknownFields, []);
    // What is known is handed on as well; the rules behind it are complete by type.
    const kept = new Set(fieldsOf(value));
    const lost = fieldsOf(body).filter((path) => !kept.has(path));
    assert.deepEqual(lost.map((path) => path.replace('NetworkingConfig.EndpointsConfig.key.', '')).toSorted(), STATE);
  });

  it('are each known to an update', () => {
    const { unknownFields } = checkValue(sample(bodyOf('POST /containers/{id}/update')), updateRequest);
    assert.deepEqual(unknownFields, []);
  });

  it('would be found if they were not', () => {
    assert.deepEqual(checkValue({ HostConfig: { Memroy: 1 } }, createRequest).unknownFields, ['HostConfig.Memroy']);
  });
});
