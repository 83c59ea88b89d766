// Calls by the official SDK for Node: out with keys, recordings, conferences, queues and refusals.
import assert from 'node:assert/strict';
import twilio from 'twilio';
import { BASE_URL, OURS, client, openSink, refused, waitFor } from './peer.mjs';
import { calls, got, heard, live, phone, play, power, samples, tone, toneMs } from './phones.mjs';

const { VoiceResponse } = twilio.twiml;
const api = client();
const sink = await openSink();
const xml = (response) => [200, 'text/xml', response.toString()];
const ended = (sid, status = 'completed') =>
  waitFor(`${sid} to be ${status}`, async () => {
    const now = await api.calls(sid).fetch();
    return now.endTime && now;
  }).then((now) => assert.equal(now.status, status) ?? now);

// A menu: it is said, keys are gathered, and what was pressed is told.
const menu = new VoiceResponse();
menu.gather({ numDigits: 2, action: `${sink.url}/keys`, timeout: 20 }).say({ voice: 'alice' }, 'Please enter two digits.');
const thanks = new VoiceResponse();
thanks.say('Thank you.');
sink.answers['/keys'] = xml(thanks);
const ann = '+15558675950';
const steps = ['initiated', 'ringing', 'answered', 'completed'];
const made = await api.calls.create({
  to: ann, from: OURS, twiml: menu, record: true, recordingChannels: 'dual',
  recordingStatusCallback: `${sink.url}/kept`, statusCallback: `${sink.url}/steps`, statusCallbackEvent: steps,
});
assert.deepEqual([made.status, made.direction, made.to, made.from], ['queued', 'outbound-api', ann, OURS]);
await live(ann, 'ringing');
await phone(ann, { action: 'answer' });
await waitFor('the prompt', async () => (await heard(ann)).filter((sample) => Math.abs(sample) > 1000).length > 2000);
await phone(ann, { action: 'digits', digits: '42' });
const [keys] = await waitFor('the digits', () => sink.of('/keys').length && sink.of('/keys'));
assert.ok(keys.signed);
assert.deepEqual([keys.form.Digits, keys.form.CallSid, keys.form.Direction], ['42', made.sid, 'outbound-api']);
const over = await ended(made.sid);
assert.ok(Number(over.duration) >= 1 && over.startTime < over.endTime);
await waitFor('four steps', () => sink.of('/steps').length === 4);
const told = sink.of('/steps').map(({ form }) => [form.CallStatus, form.SequenceNumber]);
assert.deepEqual(told, [['initiated', '0'], ['ringing', '1'], ['in-progress', '2'], ['completed', '3']]);
const [kept] = await waitFor('the recording', () => sink.of('/kept').length && sink.of('/kept'));
const [recording] = await api.calls(made.sid).recordings.list();
assert.deepEqual([recording.sid, recording.channels, recording.source], [kept.form.RecordingSid, 2, 'OutboundAPI']);
const file = await got(`${BASE_URL}${recording.uri.replace('.json', '.wav')}`);
assert.equal(file.readUInt16LE(22), 2);
assert.ok(await api.recordings(recording.sid).remove());
await refused(21220, api.calls(made.sid).update({ status: 'completed' }));

// A call in: a message after the tone.
const [number] = await api.incomingPhoneNumbers.list({ phoneNumber: OURS });
await api.incomingPhoneNumbers(number.sid).update({ voiceUrl: `${sink.url}/voice` });
const record = new VoiceResponse();
record.record({ action: `${sink.url}/recorded`, finishOnKey: '#', maxLength: 20 });
sink.answers['/voice'] = xml(record);
sink.answers['/recorded'] = xml(new VoiceResponse());
await phone(ann, { to: OURS });
await live(ann);
await waitFor('the beep', async () => Math.max(0, ...(await heard(ann))) > 2000);
await play(ann, tone(700, 2));
await phone(ann, { action: 'digits', digits: 'ww#' });
const [{ form: done }] = await waitFor('the message', () => sink.of('/recorded').length && sink.of('/recorded'));
const said = toneMs(samples(await got(`${done.RecordingUrl}.wav`)), 700);
assert.ok(said >= 1700 && said <= 2100, `${said} ms`);

// A conference of two who are called; one is muted, then it is ended.
const [bob, carl] = ['+15558675951', '+15558675952'];
for (const to of [bob, carl]) {
  await api.conferences('node').participants.create({ from: OURS, to, label: to === bob ? 'bob' : 'carl', beep: 'false' });
  await live(to, 'ringing');
  await phone(to, { action: 'answer' });
  await live(to);
}
const [room] = await waitFor('it starts', async () => {
  const found = await api.conferences.list({ friendlyName: 'node', status: 'in-progress' });
  return found.length && found;
});
await play(bob, tone(640, 60));
await play(carl, tone(1080, 60));
const newest = async (who) => (await heard(who)).slice(-3200);
await waitFor('carl hears bob', async () => power(await newest(carl), 640) > 0.8);
await waitFor('bob hears carl', async () => power(await newest(bob), 1080) > 0.8);
assert.equal((await api.conferences(room.sid).participants('bob').update({ muted: true })).muted, true);
await waitFor('carl hears nothing', async () => power(await newest(carl), 640) < 0.05);
assert.ok(power(await newest(bob), 1080) > 0.8);
assert.deepEqual((await api.conferences(room.sid).participants.list()).map(({ label }) => label).sort(), ['bob', 'carl']);
assert.equal((await api.conferences(room.sid).update({ status: 'completed' })).status, 'completed');
await Promise.all([bob, carl].map((who) => live(who, 'ended')));

// A queue that is made, waited in and left.
const queue = await api.queues.create({ friendlyName: 'node', maxSize: 3 });
const enter = new VoiceResponse();
enter.enqueue({ action: `${sink.url}/out` }, 'node');
sink.answers['/voice'] = xml(enter);
await phone(ann, { to: OURS });
const [member] = await waitFor('a member', async () => {
  const found = await api.queues(queue.sid).members.list();
  return found.length && found;
});
assert.equal(member.position, 1);
sink.answers['/elsewhere'] = xml(thanks);
await api.queues(queue.sid).members(member.callSid).update({ url: `${sink.url}/elsewhere` });
const [{ form: out }] = await waitFor('its end', () => sink.of('/out').length && sink.of('/out'));
assert.deepEqual([out.QueueResult, out.QueueSid], ['redirected', queue.sid]);
await ended(member.callSid);
assert.ok(await api.queues(queue.sid).remove());

await refused(21211, api.calls.create({ to: 'nobody', from: OURS, twiml: '<Response/>' }));
await refused(21210, api.calls.create({ to: ann, from: '+15557770000', twiml: '<Response/>' }));
assert.equal((await calls(ann)).length, 3);
sink.close();
