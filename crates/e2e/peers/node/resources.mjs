// Numbers, applications, addresses, keys, subaccounts, tokens, test credentials: by the Node SDK.
import assert from 'node:assert/strict';
import { ACCOUNT_SID, AUTH_TOKEN, OURS, TEST_ACCOUNT_SID, client, refused, waitFor } from './peer.mjs';

const api = client();

// Numbers.
assert.ok((await api.availablePhoneNumbers.list()).length >= 5);
const [local] = await api.availablePhoneNumbers('US').local.list({ areaCode: 415 });
assert.equal(local.phoneNumber, '+14155550100');
const bought = await api.incomingPhoneNumbers.create({ phoneNumber: local.phoneNumber, smsUrl: 'https://a.example/' });
assert.equal(bought.friendlyName, '(415) 555-0100');
assert.equal(bought.capabilities.sms, true);
await refused(21422, api.incomingPhoneNumbers.create({ phoneNumber: local.phoneNumber }));
assert.equal((await api.incomingPhoneNumbers(bought.sid).update({ friendlyName: 'Shop' })).friendlyName, 'Shop');
assert.equal((await api.incomingPhoneNumbers.list({ phoneNumber: OURS })).length, 1);
assert.equal(await api.incomingPhoneNumbers(bought.sid).remove(), true);

// Applications, addresses, short codes.
const app = await api.applications.create({ friendlyName: 'App', smsUrl: 'https://a.example/sms' });
assert.equal((await api.applications(app.sid).update({ voiceMethod: 'GET' })).voiceMethod, 'GET');
assert.equal(await api.applications(app.sid).remove(), true);
const home = await api.addresses.create({ customerName: 'Ada', street: '1 Loop', city: 'London', region: 'LN', postalCode: 'N1', isoCountry: 'GB' });
assert.equal((await api.addresses(home.sid).fetch()).customerName, 'Ada');
assert.deepEqual(await api.shortCodes.list(), []);

// Keys.
const key = await api.newKeys.create({ friendlyName: 'CI' });
const withKey = client(key.sid, key.secret, { accountSid: ACCOUNT_SID });
await withKey.messages.list({ limit: 1 });
await refused(20003, withKey.keys.list());
const restricted = await api.iam.v1.newApiKey.create({ accountSid: ACCOUNT_SID, keyType: 'restricted', policy: { allow: ['/twilio/messaging/messages/list'] } });
assert.deepEqual(restricted.policy, { allow: ['/twilio/messaging/messages/list'] });
const limited = client(restricted.sid, restricted.secret, { accountSid: ACCOUNT_SID });
await limited.messages.list({ limit: 1 });
await refused(20003, limited.messages.create({ to: '+15558675310', from: OURS, body: 'x' }));
assert.ok((await api.iam.v1.getApiKeys.list({ accountSid: ACCOUNT_SID })).some((k) => k.sid === restricted.sid));
assert.equal(await api.keys(key.sid).remove(), true);

// Subaccounts and tokens.
const sub = await api.api.v2010.accounts.create({ friendlyName: 'Tenant' });
assert.equal(sub.ownerAccountSid, ACCOUNT_SID);
const child = client(sub.sid, sub.authToken);
assert.deepEqual(await child.messages.list(), []);
assert.deepEqual(await client(ACCOUNT_SID, AUTH_TOKEN, { accountSid: sub.sid }).messages.list(), []);
const { secondaryAuthToken } = await child.accounts.v1.secondaryAuthToken().create();
const { authToken } = await child.accounts.v1.authTokenPromotion().update();
assert.equal(authToken, secondaryAuthToken);
await client(sub.sid, authToken).messages.list();
await waitFor('the old token to be refused', () => child.messages.list().then(() => false, (error) => error.code === 20003));
assert.equal((await api.api.v2010.accounts(sub.sid).update({ status: 'suspended' })).status, 'suspended');
await refused(20005, client(sub.sid, authToken).messages.create({ to: '+15558675310', from: OURS, body: 'x' }));
assert.equal((await api.api.v2010.accounts(sub.sid).update({ status: 'closed' })).status, 'closed');

// Test credentials.
const test = client(TEST_ACCOUNT_SID);
assert.equal((await test.messages.create({ to: '+15558675310', from: '+15005550006', body: 'x' })).status, 'queued');
await refused(21211, test.messages.create({ to: '+15005550001', from: '+15005550006', body: 'x' }));
assert.equal((await test.incomingPhoneNumbers.create({ areaCode: '500' })).phoneNumber, '+15005550006');
await refused(20008, test.messages.list());
