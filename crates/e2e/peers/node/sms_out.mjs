// Texts out with the official Node SDK: delivered, called back, signed, listed, filtered, redacted.
import assert from 'node:assert/strict';
import { OURS, client, handset, openSink, refused, waitFor } from './peer.mjs';

const api = client();
const sink = await openSink();

const message = await api.messages.create({
  to: '+15558675350', from: OURS, body: 'Hello from Node 😀', statusCallback: `${sink.url}/status?a=1`,
});
assert.equal(message.status, 'queued');
assert.equal(message.numSegments, '1');
await waitFor('two callbacks', () => sink.of('/status').length === 2);
assert.deepEqual(sink.of('/status').map((c) => c.form.MessageStatus), ['sent', 'delivered']);
assert.ok(sink.of('/status').every((c) => c.signed), 'the official validator accepts the signature');
const fetched = await api.messages(message.sid).fetch();
assert.equal(fetched.status, 'delivered');
assert.equal(fetched.body, 'Hello from Node 😀');
assert.equal(fetched.price, '-0.00790');
assert.ok(fetched.dateSent instanceof Date);
assert.deepEqual((await handset('+15558675350')).map((m) => m.body), ['Hello from Node 😀']);

// Lists: pages, filters, iteration.
for (let i = 0; i < 12; i += 1) {
  await api.messages.create({ to: '+15558675351', from: OURS, body: `page ${i}` });
}
assert.equal((await api.messages.list({ to: '+15558675351', pageSize: 5 })).length, 12);
let seen = 0;
await new Promise((resolve) => {
  api.messages.each({ pageSize: 5, limit: 9, callback: () => { seen += 1; }, done: resolve });
});
assert.equal(seen, 9);
const first = await api.messages.page({ pageSize: 5 });
const second = await first.nextPage();
assert.notEqual(first.instances[0].sid, second.instances[0].sid);
assert.equal((await second.previousPage()).instances[0].sid, first.instances[0].sid);
await waitFor('all to be sent', async () => (await api.messages.list({ to: '+15558675351' })).every((m) => m.status === 'delivered'));
const day = 24 * 60 * 60 * 1000;
assert.equal((await api.messages.list({ to: '+15558675351', dateSentAfter: new Date(Date.now() - day) })).length, 12);
assert.equal((await api.messages.list({ to: '+15558675351', dateSentBefore: new Date(Date.now() - 2 * day) })).length, 0);
assert.equal((await api.messages.list({ dateSent: new Date(), to: '+15558675350' })).length, 1);

// Media, feedback, redaction, removal, a name as the sender.
sink.answers['/cat.png'] = [200, 'image/png', 'a cat'];
const withMedia = await api.messages.create({ to: '+15558675352', from: OURS, mediaUrl: [`${sink.url}/cat.png`], provideFeedback: true });
assert.ok(withMedia.sid.startsWith('MM'));
await waitFor('the media message', async () => (await api.messages(withMedia.sid).fetch()).status === 'delivered');
const [file] = await api.messages(withMedia.sid).media.list();
assert.equal(file.contentType, 'image/png');
assert.equal(await (await fetch((await handset('+15558675352'))[0].media[0])).text(), 'a cat');
assert.equal((await api.messages(withMedia.sid).feedback.create({ outcome: 'confirmed' })).outcome, 'confirmed');
assert.equal(await api.messages(withMedia.sid).media(file.sid).remove(), true);
assert.equal((await api.messages(message.sid).update({ body: '' })).body, '');
assert.equal(await api.messages(message.sid).remove(), true);
await refused(20404, api.messages(message.sid).fetch());
assert.equal((await api.messages.create({ to: '+15558675352', from: 'Shop', body: 'x' })).from, 'Shop');

// Coded errors.
await refused(21211, api.messages.create({ to: '+1', from: OURS, body: 'x' }));
await refused(21606, api.messages.create({ to: '+15558675350', from: '+15559990000', body: 'x' }));
await refused(21617, api.messages.create({ to: '+15558675350', from: OURS, body: 'x'.repeat(1601) }));
await refused(21620, api.messages.create({ to: '+15558675350', from: OURS, mediaUrl: ['nonsense'] }));
await refused(20003, client(undefined, 'wrong').messages.list({ limit: 1 }));
sink.close();
