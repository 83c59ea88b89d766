// Passkeys: the browser's own ceremonies in Chromium, with its virtual authenticator, on a page
// that is served here; the official SDK for the application.
import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import { BASE_URL, client, refused } from './peer.mjs';

const console_ = createRequire(new URL('../../../../console/package.json', import.meta.url));
const { chromium } = console_('playwright-core');
const page_ = http.createServer((_, response) => {
  response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>Owl</title>');
});
await new Promise((resolve) => page_.listen(0, 'localhost', resolve));
const origin = `http://localhost:${page_.address().port}`;

const api = client();
api.verify.baseUrl = `${BASE_URL}/verify`;
const made = await api.verify.v2.services.create({
  friendlyName: 'Owl Bank', 'passkeys.relyingParty.id': 'localhost', 'passkeys.relyingParty.name': 'Owl',
  'passkeys.relyingParty.origins': origin, 'passkeys.authenticatorAttachment': 'platform',
  'passkeys.discoverableCredentials': 'required', 'passkeys.userVerification': 'required',
});
const service = api.verify.v2.services(made.sid);
const bare = await api.verify.v2.services.create({ friendlyName: 'Bare' });
const identity = 'user-00000001';

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const context = await browser.newContext();
const page = await context.newPage();
await page.goto(origin);
const cdp = await context.newCDPSession(page);
await cdp.send('WebAuthn.enable');
const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
  options: {
    protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
    isUserVerified: true, automaticPresenceSimulation: true,
  },
});
const register = (options) => page.evaluate(async ({ publicKey }) => {
  const parsed = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
  return (await navigator.credentials.create({ publicKey: parsed })).toJSON();
}, options);
const sign = (options) => page.evaluate(async ({ publicKey }) => {
  const parsed = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
  return (await navigator.credentials.get({ publicKey: parsed })).toJSON();
}, options);

/** The same without the SDK, for what it would not send or show. */
async function post(path, body, sid = made.sid) {
  const authorization = `Basic ${Buffer.from(`${process.env.ACCOUNT_SID}:${process.env.AUTH_TOKEN}`).toString('base64')}`;
  const headers = { authorization, 'content-type': 'application/json' };
  const url = `${BASE_URL}/verify/v2/Services/${sid}/Passkeys/${path}`;
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: answer.status, json: await answer.json() };
}

try {
  // Registration.
  assert.equal((await post('Factors', { friendly_name: 'x', identity }, bare.sid)).json.code, 60393);
  assert.equal((await post('Factors', { friendly_name: 'x', identity: 'x' })).json.code, 60367);
  const factor = await service.newFactors.create({ friendly_name: 'Laptop', identity });
  assert.equal(factor.status, 'unverified');
  assert.equal(factor.factorType, 'passkeys');
  assert.equal(factor.options.publicKey.rp.id, 'localhost');
  const credential = await register(factor.options);
  const tampered = structuredClone(credential);
  const cut = Buffer.from(credential.response.attestationObject, 'base64url').subarray(0, -8);
  tampered.response.attestationObject = cut.toString('base64url');
  assert.equal((await post('VerifyFactor', tampered)).json.code, 60311);
  assert.equal((await post('VerifyFactor', credential, bare.sid)).json.code, 60311, 'another service');
  const verified = await service.newVerifyFactors.update(credential);
  assert.equal(verified.status, 'verified');
  assert.equal((await post('VerifyFactor', credential)).json.code, 60383, 'once');
  const listed = await service.entities(identity).factors.list();
  assert.deepEqual(listed.map((one) => [one.sid, one.status]), [[factor.sid, 'verified']]);

  // The same authenticator is not registered twice: the browser is told of what is known.
  const again = await post('Factors', { friendly_name: 'Laptop', identity });
  assert.equal(again.json.options.publicKey.excludeCredentials[0].id, credential.id);
  await assert.rejects(register(again.json.options), /InvalidStateError/);

  // Signing in: by name, by factor, and by a passkey that names its owner itself.
  for (const asked of [{ identity }, { factor_sid: factor.sid }, {}]) {
    const challenge = await service.newChallenge().create(asked);
    assert.equal(challenge.status, 'pending');
    const assertion = await sign(challenge.options);
    const approved = await service.approveChallenge.update(assertion);
    assert.equal(approved.status, 'approved');
    assert.deepEqual([approved.identity, approved.factorSid], [identity, factor.sid]);
    assert.equal((await post('ApproveChallenge', assertion)).json.code, 60322, 'replayed');
  }

  // What does not fit.
  const challenge = (await post('Challenges', { identity })).json;
  const assertion = await sign(challenge.options);
  const other = (await post('Challenges', { identity })).json;
  const forged = structuredClone(assertion);
  const data = JSON.parse(Buffer.from(forged.response.clientDataJSON, 'base64url'));
  data.challenge = other.options.publicKey.challenge;
  forged.response.clientDataJSON = Buffer.from(JSON.stringify(data)).toString('base64url');
  assert.equal((await post('ApproveChallenge', forged)).json.code, 60324, 'signed for another challenge');
  data.challenge = Buffer.from('made up').toString('base64url');
  forged.response.clientDataJSON = Buffer.from(JSON.stringify(data)).toString('base64url');
  assert.equal((await post('ApproveChallenge', forged)).json.code, 60324, 'never begun');
  assert.equal((await post('ApproveChallenge', { response: {} })).json.code, 60300);
  assert.equal((await post('ApproveChallenge', assertion)).json.status, 'approved');
  assert.equal((await post('Challenges', { identity: 'user-00000002' })).json.code, 60392);
  assert.equal((await post('Challenges', { factor_sid: again.json.sid })).json.code, 60318);

  // A user who is there and not verified is not let in; an origin that is not listed neither.
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  const unverified = (await post('Challenges', { identity })).json.options;
  unverified.publicKey.userVerification = 'discouraged';
  assert.equal((await post('ApproveChallenge', await sign(unverified))).json.code, 60324);
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
  const strict = { relying_party: { id: 'localhost', name: 'Owl', origins: ['https://owl.example'] } };
  const foreign = await post('Factors', { friendly_name: 'x', identity: 'user-00000003', config: strict });
  assert.equal((await post('VerifyFactor', await register(foreign.json.options))).json.code, 60311);

  // A passkey that is removed lets nobody in.
  const last = (await post('Challenges', {})).json;
  await service.entities(identity).factors(factor.sid).remove();
  const credentials = await cdp.send('WebAuthn.getCredentials', { authenticatorId });
  for (const one of credentials.credentials) {
    if (Buffer.from(one.credentialId, 'base64').toString('base64url') !== credential.id) {
      await cdp.send('WebAuthn.removeCredential', { authenticatorId, credentialId: one.credentialId });
    }
  }
  assert.equal((await post('ApproveChallenge', await sign(last.options))).json.code, 60324);
  await refused(20404, service.entities(identity).factors(factor.sid).fetch());
} finally {
  await browser.close();
  page_.close();
}
