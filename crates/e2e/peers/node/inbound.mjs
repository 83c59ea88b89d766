// A text in: the signed webhook, TwiML made by the official builder, STOP, alerts.
import assert from 'node:assert/strict';
import twilio from 'twilio';
import { OURS, client, dev, handset, openSink, refused, waitFor } from './peer.mjs';

const api = client();
const sink = await openSink();
const PHONE = '+15558675450';
const says = (body, more = {}) => dev('POST', `/handsets/${PHONE}/messages`, { to: OURS, body, ...more });
const bodies = async () => (await handset(PHONE)).map((m) => m.body);

const [number] = await api.incomingPhoneNumbers.list({ phoneNumber: OURS });
await api.incomingPhoneNumbers(number.sid).update({ smsUrl: `${sink.url}/sms`, smsFallbackUrl: `${sink.url}/fallback` });

const twiml = new twilio.twiml.MessagingResponse();
twiml.message('one');
twiml.message({ statusCallback: `${sink.url}/told` }).body('two').parent?.toString();
twiml.redirect('/next');
sink.answers['/sms'] = [200, 'text/xml', twiml.toString()];
sink.answers['/next'] = [200, 'text/plain', 'three'];
sink.answers['/photo.jpg'] = [200, 'image/jpeg', 'a photo'];
await says('Hi', { mediaUrl: `${sink.url}/photo.jpg` });
await waitFor('three replies', async () => (await bodies()).length === 3);
assert.deepEqual((await bodies()).sort(), ['one', 'three', 'two']);
const asked = sink.of('/sms')[0];
assert.ok(asked.signed);
assert.equal(asked.form.Body, 'Hi');
assert.equal(await (await fetch(asked.form.MediaUrl0)).text(), 'a photo');
const replies = await api.messages.list({ to: PHONE });
assert.deepEqual([...new Set(replies.map((m) => m.direction))], ['outbound-reply']);
await waitFor('the callbacks of a reply', () => sink.of('/told').length === 2);

sink.answers['/sms'] = [500, 'text/plain', ''];
sink.answers['/fallback'] = [200, 'text/xml', new twilio.twiml.MessagingResponse().toString()];
await says('fail');
await waitFor('the fallback', () => sink.of('/fallback').length === 1);
assert.equal(sink.of('/fallback')[0].form.ErrorCode, '11200');
sink.answers['/sms'] = [200, 'text/xml', '<Response><Message>'];
await says('bad');
await waitFor('the alert', async () => (await api.monitor.v1.alerts.list()).some((a) => a.errorCode === '12100'));

sink.answers['/sms'] = [204, 'text/xml', ''];
await says('STOP');
await waitFor('the answer to STOP', async () => (await bodies()).some((b) => b.includes('unsubscribed')));
await refused(21610, api.messages.create({ to: PHONE, from: OURS, body: 'x' }));
await says('START');
await waitFor('the answer to START', async () => (await bodies()).some((b) => b.includes('subscribed again')));
await api.messages.create({ to: PHONE, from: OURS, body: 'welcome back' });
sink.close();
