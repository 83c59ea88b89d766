// A text out with the official Node SDK: delivered, called back, signature checked by the SDK.
import assert from 'node:assert/strict';
import http from 'node:http';
import twilio from 'twilio';

const { BASE_URL, ACCOUNT_SID, AUTH_TOKEN } = process.env;
const OURS = '+15550001111';
const client = twilio(ACCOUNT_SID, AUTH_TOKEN);
client.api.baseUrl = BASE_URL;

const callbacks = [];
const sink = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
    const url = `http://127.0.0.1:${sink.address().port}${request.url}`;
    const signed = twilio.validateRequest(AUTH_TOKEN, request.headers['x-twilio-signature'], url, form);
    callbacks.push({ form, signed });
    response.writeHead(204).end();
  });
});
await new Promise((resolve) => sink.listen(0, '127.0.0.1', resolve));

async function waitFor(what, condition) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < deadline, `waited for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const message = await client.messages.create({
  to: '+15558675350', from: OURS, body: 'Hello from Node',
  statusCallback: `http://127.0.0.1:${sink.address().port}/status`,
});
assert.equal(message.status, 'queued');
await waitFor('two callbacks', () => callbacks.length === 2);
assert.deepEqual(callbacks.map((c) => c.form.MessageStatus), ['sent', 'delivered']);
assert.ok(callbacks.every((c) => c.signed), 'the official validator accepts the signature');
const fetched = await client.messages(message.sid).fetch();
assert.equal(fetched.status, 'delivered');
assert.equal(fetched.body, 'Hello from Node');

for (let i = 0; i < 12; i += 1) {
  await client.messages.create({ to: '+15558675351', from: OURS, body: `page ${i}` });
}
const all = await client.messages.list({ to: '+15558675351', pageSize: 5 });
assert.equal(all.length, 12);
let seen = 0;
await new Promise((resolve) => {
  client.messages.each({ pageSize: 5, limit: 9, callback: () => { seen += 1; }, done: resolve });
});
assert.equal(seen, 9);

await assert.rejects(
  client.messages.create({ to: '+1', from: OURS, body: 'x' }),
  (error) => error.code === 21211 && error.status === 400,
);
assert.equal((await client.messages(message.sid).update({ body: '' })).body, '');
assert.equal(await client.messages(message.sid).remove(), true);
sink.close();
