import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApi } from '../../../test/fixtures/api-server.ts';
import type { AuditReport } from '../types/audit.ts';

describe('audit', () => {
  it('is of a container, or 404', async () => {
    await using api = await TestApi.start();
    const { id } = api.backend.add('c');
    const { subject } = JSON.parse((await api.ask('GET', '/isle/v1/audit/containers/c')).text) as AuditReport;
    assert.deepEqual(subject, { kind: 'container', id, name: 'c', image: 'hello' });
    assert.equal((await api.ask('GET', '/v1.44/isle/v1/audit/containers/nobody')).status, 404);
  });

  it('is of the body of a create, of which nothing is made', async () => {
    await using api = await TestApi.start();
    const request = { Image: 'hello', HostConfig: { Privileged: true, Binds: ['/:/host'] } };
    const headers = { 'content-type': 'application/json' };
    const answer = await api.ask('POST', '/isle/v1/audit', { headers, body: JSON.stringify(request) });
    assert.equal(answer.status, 200, answer.text);
    assert.equal((JSON.parse(answer.text) as AuditReport).subject.kind, 'request');
    assert.deepEqual(api.backend.last('auditRequest'), [request]);
    assert.equal(api.backend.byName.size, 0);
  });

  it('checks the body as create does', async () => {
    await using api = await TestApi.start();
    const headers = { 'content-type': 'application/json' };
    assert.equal((await api.ask('POST', '/isle/v1/audit')).status, 400);
    const wrong = await api.ask('POST', '/isle/v1/audit', { headers, body: '{"HostConfig":{"Privileged":"yes"}}' });
    assert.equal(wrong.status, 400);
    assert.match(wrong.text, /Privileged/);
  });
});
