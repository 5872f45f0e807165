/**
 * Makes test/fixtures/engine-api.json out of Docker's published description of the Engine API (Swagger 2.0, Apache-2.0):
 * names, types and required fields, none of the prose. Reads that file as JSON:
 *   npx yaml --json --single <docker-engine-api-1.56.yaml | node scripts/engine-api-schema.ts >test/fixtures/engine-api.json
 */
import { text } from 'node:stream/consumers';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});
const listOf = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);

/** What isle answers now: whole folders of the path. */
const OPERATIONS =
  /^\/(containers|exec|info|version|events|system|auth|commit|distribution|networks$|networks\/\{id\}$)/;

class Trimmer {
  readonly definitions: JsonObject;
  readonly used = new Map<string, Json>();

  constructor(definitions: JsonObject) {
    this.definitions = definitions;
  }

  trim(schema: JsonObject): JsonObject {
    const reference = schema['$ref'];
    if (typeof reference === 'string') {
      const name = reference.replace('#/definitions/', '');
      if (!this.used.has(name)) {
        this.used.set(name, null);
        this.used.set(name, this.trim(objectOf(this.definitions[name])));
      }
      return { $ref: `#/$defs/${name}`, ...flags(schema) };
    }
    if (schema['allOf'] !== undefined) return this.trim(this.#merged(schema));
    const trimmed: JsonObject = flags(schema);
    for (const key of ['type', 'enum', 'required', 'pattern', 'minItems', 'maxItems', 'minimum', 'maximum']) {
      const value = schema[key];
      // A field named like a keyword is inside `properties`, never here.
      // A list of allowed objects (`{}` in sets) says nothing.
      const isOfObjects = Array.isArray(value) && value.some(isObject);
      if (value !== undefined && !isObject(value) && !isOfObjects) trimmed[key] = value;
    }
    if (isObject(schema['properties'])) {
      const fields = Object.entries(schema['properties']).map(([name, field]) => [name, this.trim(objectOf(field))]);
      trimmed['properties'] = Object.fromEntries(fields) as JsonObject;
    }
    if (isObject(schema['items'])) trimmed['items'] = this.trim(schema['items']);
    const more = schema['additionalProperties'];
    if (more !== undefined) trimmed['additionalProperties'] = isObject(more) ? this.trim(more) : more;
    return trimmed;
  }

  /** One schema of all parts: what is strict about its fields could not be a part of another. */
  #merged({ allOf, ...rest }: JsonObject): JsonObject {
    const merged: JsonObject = { ...rest };
    for (const part of listOf(allOf)) {
      let piece = objectOf(part);
      while (typeof piece['$ref'] === 'string') {
        piece = objectOf(this.definitions[piece['$ref'].replace('#/definitions/', '')]);
      }
      if (piece['allOf'] !== undefined) piece = this.#merged(piece);
      const properties = { ...objectOf(merged['properties']), ...objectOf(piece['properties']) };
      const required = [...listOf(merged['required']), ...listOf(piece['required'])];
      Object.assign(merged, piece, Object.keys(properties).length > 0 ? { properties } : {});
      if (required.length > 0) merged['required'] = required;
    }
    return merged;
  }
}

function flags(schema: JsonObject): JsonObject {
  return {
    ...(schema['x-nullable'] === true ? { nullable: true } : {}),
    ...(schema['x-omitempty'] === true ? { omitempty: true } : {}),
  };
}

const source = JSON.parse(await text(process.stdin)) as JsonObject;
const trimmer = new Trimmer(objectOf(source['definitions']));
const operations: JsonObject = {};
for (const [path, item] of Object.entries(objectOf(source['paths']))) {
  if (!OPERATIONS.test(path)) continue;
  for (const [method, operation] of Object.entries(objectOf(item))) {
    const described = objectOf(operation);
    const body = listOf(described['parameters'])
      .map(objectOf)
      .find((parameter) => parameter['in'] === 'body');
    const responses: JsonObject = {};
    for (const [status, response] of Object.entries(objectOf(described['responses']))) {
      const schema = objectOf(response)['schema'];
      responses[status] = isObject(schema) ? trimmer.trim(schema) : null;
    }
    operations[`${method.toUpperCase()} ${path}`] = {
      ...(body === undefined ? {} : { body: trimmer.trim(objectOf(body['schema'])) }),
      responses,
    };
  }
}
const $defs: JsonObject = Object.fromEntries([...trimmer.used].toSorted(([a], [b]) => a.localeCompare(b)));
const origin = 'Docker Engine API (Apache-2.0), made by scripts/engine-api-schema.ts';
const { version } = objectOf(source['info']);
process.stdout.write(`${JSON.stringify({ origin, version, operations, $defs }, null, 2)}\n`);
