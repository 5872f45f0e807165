import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectionReason } from './connection-reason.ts';

function failed(code: string, message = 'x'): Error {
  return Object.assign(new Error(message), { code });
}

const registry = new URL('https://registry.example/v2/');

describe('a connection that failed', () => {
  it("is told in dockerd's words", () => {
    const reasons: [string, string][] = [
      ['ECONNREFUSED', 'dial tcp registry.example:443: connect: connection refused'],
      ['UND_ERR_CONNECT_TIMEOUT', 'dial tcp registry.example:443: i/o timeout'],
      ['EHOSTUNREACH', 'dial tcp registry.example:443: connect: no route to host'],
      ['ENOTFOUND', 'dial tcp: lookup registry.example: no such host'],
      ['ECONNRESET', 'read tcp registry.example:443: read: connection reset by peer'],
      ['UND_ERR_SOCKET', 'EOF'],
      ['EPROTO', 'http: server gave HTTP response to HTTPS client'],
      ['SELF_SIGNED_CERT_IN_CHAIN', 'tls: failed to verify certificate: x509: certificate signed by unknown authority'],
      ['CERT_HAS_EXPIRED', 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid'],
      ['EMFILE', 'x (EMFILE)'],
    ];
    for (const [code, reason] of reasons) assert.equal(connectionReason(failed(code), registry), reason);
  });

  it('is told by its first address when a name has several', () => {
    const both = new AggregateError([failed('ECONNREFUSED'), failed('ENETUNREACH')]);
    const reason = 'dial tcp registry.example:5000: connect: connection refused';
    assert.equal(connectionReason(both, new URL('http://registry.example:5000')), reason);
  });

  it('is told by its cause when it says nothing itself', () => {
    const wrapped = new Error('fetch failed', { cause: failed('ENOTFOUND') });
    assert.match(connectionReason(wrapped, registry), /no such host$/);
    assert.equal(connectionReason('odd', registry), 'odd');
  });
});
