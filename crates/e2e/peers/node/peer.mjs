// What the scenarios share: a client on the instance under test, a sink for webhooks.
import assert from 'node:assert/strict';
import http from 'node:http';
import twilio from 'twilio';

export const { BASE_URL, ACCOUNT_SID, AUTH_TOKEN, TEST_ACCOUNT_SID } = process.env;
export const OURS = '+15550001111';

export function client(account = ACCOUNT_SID, token = AUTH_TOKEN, options = {}) {
  const made = twilio(account, token, options);
  made.api.baseUrl = BASE_URL;
  made.accounts.baseUrl = `${BASE_URL}/accounts`;
  made.iam.baseUrl = `${BASE_URL}/iam`;
  made.monitor.baseUrl = `${BASE_URL}/monitor`;
  return made;
}

export async function waitFor(what, condition) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < deadline, `waited for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Records webhooks, checks their signature with the official validator, answers as told. */
export async function openSink() {
  const sink = { requests: [], answers: {} };
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const url = `${sink.url}${request.url}`;
      const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
      const signed = twilio.validateRequest(AUTH_TOKEN, request.headers['x-twilio-signature'] ?? '', url, form);
      const path = request.url.split('?')[0];
      sink.requests.push({ method: request.method, path, form, signed });
      const [status, type, body] = sink.answers[path] ?? [204, 'text/xml', ''];
      response.writeHead(status, { 'Content-Type': type }).end(body);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  sink.url = `http://127.0.0.1:${server.address().port}`;
  sink.of = (path) => sink.requests.filter((request) => request.path === path);
  sink.close = () => server.close();
  return sink;
}

export async function dev(method, path, form) {
  const authorization = `Basic ${Buffer.from(`${ACCOUNT_SID}:${AUTH_TOKEN}`).toString('base64')}`;
  const body = form && new URLSearchParams(form);
  const answer = await fetch(`${BASE_URL}/dev${path}`, { method, body, headers: { authorization } });
  return answer.status === 204 ? null : answer.json();
}

export async function handset(number) {
  return (await dev('GET', `/handsets/${number}/messages`)).messages;
}

export function refused(code, promise) {
  return assert.rejects(promise, (error) => {
    assert.equal(error.code, code, String(error));
    return true;
  });
}
