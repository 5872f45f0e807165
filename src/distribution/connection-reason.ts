/**
 * Why no answer came, in the words of Go's net package: scripts and people know them from dockerd
 * (`dial tcp 127.0.0.1:5000: connect: connection refused`).
 */
export function connectionReason(thrown: unknown, url: URL): string {
  const cause = rootCause(thrown);
  const code = textField(cause, 'code');
  const address = `${url.hostname}:${url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port}`;
  const dialled = DIAL_REASONS[code];
  if (dialled !== undefined) return `dial tcp ${address}: ${dialled}`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${url.hostname}: no such host`;
  if (code === 'EAI_AGAIN') return `dial tcp: lookup ${url.hostname}: Temporary failure in name resolution`;
  if (code === 'ECONNRESET') return `read tcp ${address}: read: connection reset by peer`;
  if (code === 'EPIPE') return `write tcp ${address}: write: broken pipe`;
  if (code === 'UND_ERR_SOCKET') return 'EOF';
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
    return 'net/http: timeout awaiting response headers';
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
    return 'http: server gave HTTP response to HTTPS client';
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  const certificate = CERTIFICATE_REASONS[code];
  if (certificate !== undefined) return `tls: failed to verify certificate: x509: ${certificate}`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `tls: failed to verify certificate: x509: ${message}`;
  return code === '' ? message : `${message} (${code})`;
}

const DIAL_REASONS: Record<string, string> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'i/o timeout',
};

const CERTIFICATE_REASONS: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate signed by unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate signed by unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'certificate has expired or is not yet valid',
};

/** A name with several addresses fails with one error per address; the first one speaks for all. */
function rootCause(thrown: unknown): unknown {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return rootCause(thrown.errors[0]);
  if (textField(thrown, 'code') === '' && thrown instanceof Error && thrown.cause !== undefined)
    return rootCause(thrown.cause);
  return thrown;
}

function textField(value: unknown, name: string): string {
  const field: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof field === 'string' ? field : '';
}
