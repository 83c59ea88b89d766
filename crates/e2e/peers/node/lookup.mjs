// Look-ups by the Node SDK: both versions, overrides, buckets, many at once.
import assert from 'node:assert/strict';
import { ACCOUNT_SID, BASE_URL, client, refused } from './peer.mjs';

const api = client();
api.lookups.baseUrl = `${BASE_URL}/lookups`;
const [US, GB] = ['+14159929960', '+447772000001'];
const { v1, v2 } = api.lookups;

const plain = await v2.phoneNumbers('(415) 992-9960').fetch();
assert.deepEqual([plain.phoneNumber, plain.valid, plain.nationalFormat], [US, true, '(415) 992-9960']);
const wrong = await v2.phoneNumbers('+141599299600').fetch();
assert.deepEqual([wrong.valid, wrong.validationErrors], [false, ['TOO_LONG']]);
const sourced = await v2.phoneNumbers(GB).fetch({ fields: 'line_type_intelligence,line_status,sim_swap' });
assert.equal(sourced.lineTypeIntelligence.type, 'mobile');
assert.equal(sourced.lineStatus.status, 'reachable');
assert.equal(sourced.simSwap.mobile_country_code ?? null, null);
await refused(60618, v2.phoneNumbers(US).fetch({ fields: 'radio' }));

const override = v2.lookupOverrides('line_type_intelligence', US);
const made = await override.create({ line_type: 'mobile', reason: 'seen' });
assert.deepEqual([made.overriddenLineType, made.overriddenByAccountSid], ['mobile', ACCOUNT_SID]);
await refused(20409, override.create({ lineType: 'mobile', reason: 'seen' }));
assert.equal((await override.update({ lineType: 'pager', reason: 'heard' })).overriddenLineType, 'pager');
assert.equal((await v2.phoneNumbers(US).fetch({ fields: 'line_type_intelligence' })).lineTypeIntelligence.type, 'pager');
assert.equal(await override.remove(), true);
await refused(20404, override.fetch());

const bucket = v2.bucket('sim_swap', 'day');
assert.equal((await bucket.update({ limit: 1, ttl: 86400 })).limit, 1);
await v2.phoneNumbers(GB).fetch({ fields: 'sim_swap' });
await refused(60616, v2.phoneNumbers(GB).fetch({ fields: 'sim_swap' }));
assert.equal((await v2.rateLimits.fetch()).rateLimits.length, 2);
assert.equal(await bucket.remove(), true);

const many = await v2.query.create({ phone_numbers: [{ correlation_id: '1', phone_number: GB }, { correlation_id: '2', phone_number: 'x' }] });
assert.equal(many.phoneNumbers.length, 2);

const old = await v1.phoneNumbers(GB).fetch({ type: ['carrier'] });
assert.equal(old.carrier.type, 'mobile');
await refused(20404, v1.phoneNumbers('+15558675310').fetch());
await refused(20001, v1.phoneNumbers(US).fetch({ addOns: ['payfone_tcpa_compliance'] }));
