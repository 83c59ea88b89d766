// One-time codes by the official SDK for Node: begin, resend, check, refusals, attempts.
import assert from 'node:assert/strict';
import { ACCOUNT_SID, BASE_URL, client, dev, handset, refused, waitFor } from './peer.mjs';

const api = client();
api.verify.baseUrl = `${BASE_URL}/verify`;
const { v2 } = api.verify;
const made = await v2.services.create({ friendlyName: 'Owl Bank', codeLength: 8 });
const service = v2.services(made.sid);
const to = '+15558670020';
const codeIn = (text) => text.body.match(/\d{8}/)[0];

const begun = await service.verifications.create({ to, channel: 'sms' });
assert.deepEqual([begun.status, begun.valid, begun.accountSid], ['pending', false, ACCOUNT_SID]);
const again = await service.verifications.create({ to, channel: 'sms', locale: 'es' });
assert.equal(again.sid, begun.sid);
assert.deepEqual(again.sendCodeAttempts.map((attempt) => attempt.channel), ['SMS', 'SMS']);
const texts = await waitFor('two texts', async () => {
  const found = await handset(to);
  return found.length === 2 && found;
});
assert.equal(codeIn(texts[0]), codeIn(texts[1]));
assert.match(texts[1].body, /^Tu código de Owl Bank es \d{8}\.$/);

const wrong = await service.verificationChecks.create({ to, code: '0000' });
assert.deepEqual([wrong.status, wrong.valid], ['pending', false]);
const right = await service.verificationChecks.create({ verificationSid: begun.sid, code: codeIn(texts[0]) });
assert.deepEqual([right.status, right.valid], ['approved', true]);
await refused(20404, service.verificationChecks.create({ to, code: codeIn(texts[0]) }));
await refused(60200, service.verifications.create({ to: 'nobody', channel: 'sms' }));
await refused(60223, service.verifications.create({ to, channel: 'whatsapp' }));

const late = await service.verifications.create({ to: '+15558680021', channel: 'sms' });
await dev('POST', '/clock/advance', { seconds: 601 });
assert.equal((await service.verifications(late.sid).fetch()).status, 'expired');

// Delivery that fails is seen at the attempt; nothing is there to move on to.
await dev('POST', '/faults', { effect: 'undelivered', code: 30005, prefix: '+15558690022' });
const lost = await service.verifications.create({ to: '+15558690022', channel: 'sms' });
const attempt = await waitFor('the receipt', async () => {
  const [found] = await v2.verificationAttempts.list({ verificationSid: lost.sid });
  return found?.channelData.message_status === 'undelivered' && found;
});
assert.deepEqual([attempt.channelData.error_code, attempt.conversionStatus], ['30005', 'unconverted']);
await dev('POST', '/clock/advance', { seconds: 601 });
assert.equal((await service.verifications(lost.sid).fetch()).status, 'failed');
const summary = await v2.verificationAttemptsSummary().fetch({ verifyServiceSid: made.sid });
assert.deepEqual([summary.totalAttempts, summary.totalConverted], [4, 2]);
