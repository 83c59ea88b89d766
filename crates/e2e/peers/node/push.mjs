// A device that holds a key, as the vendor's open SDKs for phones behave; the official SDK for the
// application.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { ACCOUNT_SID, BASE_URL, client, dev, openSink, refused, waitFor } from './peer.mjs';

const api = client();
api.verify.baseUrl = `${BASE_URL}/verify`;
const made = await api.verify.v2.services.create({ friendlyName: 'Owl Bank', 'push.includeDate': true });
const service = api.verify.v2.services(made.sid);
const identity = 'user-00000001';
const sink = await openSink();
for (const [path, eventTypes] of [['/all', ['*', 'challenge.notified']], ['/star', ['*']]]) {
  await service.webhooks.create({ friendlyName: path.slice(1), eventTypes, webhookUrl: sink.url + path });
}
const root = `${BASE_URL}/verify/v2/Services/${made.sid}/Entities/${identity}`;
const text = (json) => Buffer.from(JSON.stringify(json)).toString('base64url');

/** Signs as JWTs are (ES256: both numbers side by side). */
function jwt(key, header, claims) {
  const signed = `${text({ ...header, typ: 'JWT', alg: 'ES256' })}.${text(claims)}`;
  const signature = crypto.sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

async function ask(password, method, url, form) {
  const authorization = `Basic ${Buffer.from(`token:${password}`).toString('base64')}`;
  const body = form && new URLSearchParams(form);
  const answer = await fetch(url, { method, body, headers: { authorization } });
  const json = answer.status === 204 ? {} : await answer.json();
  return { status: answer.status, json, signed: answer.headers.get('twilio-verify-signature-fields') };
}

class Device {
  constructor() {
    const pair = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.key = pair.privateKey;
    this.publicKey = pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  }

  register(accessToken, more = {}, at = root) {
    return ask(accessToken, 'POST', `${at}/Factors`, {
      FriendlyName: "Ann's phone", FactorType: 'push', 'Binding.Alg': 'ES256',
      'Binding.PublicKey': this.publicKey, 'Config.SdkVersion': '1.0.0', 'Config.AppId': 'com.example.owl',
      'Config.NotificationPlatform': 'fcm', 'Config.NotificationToken': 't'.repeat(40), ...more,
    });
  }

  get token() {
    const now = Math.floor(Date.now() / 1000);
    return jwt(this.key, { cty: 'twilio-pba;v=1', kid: this.factor.config.credential_sid }, { sub: ACCOUNT_SID, nbf: now, exp: now + 600 });
  }

  prove() {
    const signature = crypto.sign('sha256', Buffer.from(this.factor.sid), this.key).toString('base64');
    return ask(this.token, 'POST', `${root}/Factors/${this.factor.sid}`, { AuthPayload: signature });
  }

  async answer(sid, status, change = {}) {
    const got = await ask(this.token, 'GET', `${root}/Challenges/${sid}`);
    assert.equal(got.status, 200, JSON.stringify(got.json));
    const signed = Object.fromEntries(got.signed.split(',').map((name) => [name, got.json[name]]));
    const payload = jwt(this.key, {}, { ...signed, status, ...change });
    return ask(this.token, 'POST', `${root}/Challenges/${sid}`, { AuthPayload: payload });
  }
}

// An access token lets one device register as one entity's factor, for minutes.
await refused(60305, service.accessTokens.create({ identity, factorType: 'push', ttl: 59 }));
await refused(60305, service.accessTokens.create({ identity: 'x', factorType: 'push' }));
const access = await service.accessTokens.create({ identity, factorType: 'push', factorFriendlyName: "Ann's phone", ttl: 300 });
assert.ok(access.sid.startsWith('YK') && access.entityIdentity === identity && access.ttl === 300);
assert.equal((await service.accessTokens(access.sid).fetch()).token, access.token);
const device = new Device();
const elsewhere = root.replace(identity, 'user-00000002');
assert.equal((await device.register(access.token, {}, elsewhere)).json.code, 60313);
assert.equal((await device.register(access.token, { FactorType: 'totp' })).json.code, 60313);
assert.equal((await device.register(`${access.token}x`)).json.code, 20003);
assert.equal((await device.register(access.token, { 'Binding.PublicKey': 'AAAA' })).json.code, 60314);
const registered = await device.register(access.token);
assert.equal(registered.status, 201, JSON.stringify(registered.json));
device.factor = registered.json;
assert.equal(device.factor.binding.public_key, device.publicKey);
assert.equal(device.factor.status, 'unverified');
assert.equal((await ask(access.token, 'GET', `${root}/Factors/${device.factor.sid}`)).status, 404);
assert.equal((await ask(access.token, 'GET', `${root}/Factors`)).json.code, 20003, 'not a route for devices');

// It proves that it holds the key.
const forged = await ask(device.token, 'POST', `${root}/Factors/${device.factor.sid}`, { AuthPayload: 'AAAA' });
assert.deepEqual([forged.status, forged.json.code], [403, 60311]);
await refused(60318, service.entities(identity).challenges.create({ factorSid: device.factor.sid, 'details.message': 'Sign in?' }));
assert.equal((await device.prove()).json.status, 'verified');

// A challenge is signed by the device, or refused.
const challenges = service.entities(identity).challenges;
await refused(60368, challenges.create({ factorSid: device.factor.sid }));
await refused(60368, challenges.create({ factorSid: device.factor.sid, 'details.message': 'x'.repeat(257) }));
await refused(60368, challenges.create({ factorSid: device.factor.sid, 'details.message': 'x', 'details.fields': [{ label: 'a' }] }));
const details = { 'details.message': 'Sign in?', 'details.fields': [{ label: 'Where', value: 'Bern' }], hiddenDetails: { ip: '192.0.2.1' } };
const asked = await challenges.create({ factorSid: device.factor.sid, ...details });
assert.ok(asked.status === 'pending' && asked.details.date && asked.details.fields[0].value === 'Bern');
const polled = await ask(device.token, 'GET', `${root}/Challenges?Status=pending&FactorSid=${device.factor.sid}`);
assert.deepEqual(polled.json.challenges.map((one) => one.sid), [asked.sid]);
const wrong = await device.answer(asked.sid, 'approved', { details: { message: 'Pay 1000?' } });
assert.deepEqual([wrong.status, wrong.json.code], [403, 60324]);
const approved = await device.answer(asked.sid, 'approved');
assert.equal(approved.json.status, 'approved', JSON.stringify(approved.json));
assert.equal((await device.answer(asked.sid, 'denied')).json.code, 60322);
assert.equal((await challenges(asked.sid).fetch()).status, 'approved');

// The application's webhooks heard of it, signed, in order for each object.
const told = await waitFor('four webhooks', () => sink.of('/all').length >= 4 && sink.of('/all'));
assert.ok(told.every(({ signed, form }) => signed && form.entity_identity === identity && form.service_sid === made.sid));
const about = (name, sid) => told.filter(({ form }) => form[name] === sid).map(({ form }) => form.type);
assert.deepEqual(about('challenge_sid', asked.sid), ['challenge.notified', 'challenge.approved']);
const ofFactor = told.filter(({ form }) => !form.challenge_sid).map(({ form }) => form.type);
assert.deepEqual(ofFactor, ['factor.created', 'factor.verified']);
const ids = new Set(told.map(({ form }) => form.uuid));
assert.equal(ids.size, told.length, 'each has a uuid of its own');
assert.deepEqual(JSON.parse(told.find(({ form }) => form.type === 'challenge.notified').form.challenge_details).message, 'Sign in?');
await waitFor('three webhooks', () => sink.of('/star').length === 3);
assert.ok(sink.of('/star').every(({ form }) => form.type !== 'challenge.notified'));
sink.close();

const second = await challenges.create({ factorSid: device.factor.sid, ...details });
assert.equal((await device.answer(second.sid, 'denied')).json.status, 'denied');

// Another device of the same entity reaches nothing of this one.
const other = new Device();
other.factor = (await other.register(access.token, { 'Config.NotificationPlatform': 'none' })).json;
assert.equal((await other.prove()).json.status, 'verified');
const third = await challenges.create({ factorSid: device.factor.sid, ...details });
assert.equal((await ask(other.token, 'GET', `${root}/Challenges/${third.sid}`)).status, 404);
assert.equal((await ask(other.token, 'GET', `${root}/Challenges?FactorSid=${device.factor.sid}`)).status, 404);
assert.equal((await ask(other.token, 'DELETE', `${root}/Factors/${device.factor.sid}`)).status, 404);
const claimed = jwt(other.key, { kid: device.factor.config.credential_sid }, { sub: ACCOUNT_SID, exp: Date.now() });
assert.equal((await ask(claimed, 'GET', `${root}/Challenges/${third.sid}`)).json.code, 20003);

// Notifications, as often as may be.
const notice = await challenges(third.sid).notifications.create({ ttl: 150 });
assert.ok(notice.sid.startsWith('NT') && notice.priority === 'high' && notice.ttl === 150);
for (let count = 1; count < 5; count += 1) await challenges(third.sid).notifications.create();
await refused(60309, challenges(third.sid).notifications.create());
const silent = await challenges.create({ factorSid: other.factor.sid, ...details });
await refused(60307, challenges(silent.sid).notifications.create());

// Tokens and challenges end with the clock; a device removes itself.
await dev('POST', '/clock/advance', { seconds: 301 });
assert.equal((await new Device().register(access.token)).json.code, 20003);
assert.equal((await device.answer(third.sid, 'approved')).json.code, 60323);
await dev('POST', '/clock/advance', { seconds: 600 });
assert.equal((await ask(device.token, 'GET', `${root}/Challenges/${third.sid}`)).json.code, 20003);
await service.entities(identity).factors(device.factor.sid).remove();
assert.equal((await ask(device.token, 'GET', `${root}/Factors/${device.factor.sid}`)).json.code, 20003);
