// Signs people in by a code on their phone. See README.md.
'use strict';
const crypto = require('node:crypto');
const express = require('express');
const twilio = require('twilio');

const { TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, VERIFY_SERVICE_SID } = process.env;
const PORT = Number(process.env.PORT ?? 3000);
const RESEND_AFTER_S = Number(process.env.RESEND_AFTER_S ?? 30);

// What people are told; any other code is our own mistake, and is logged.
const WORDS = {
  60200: 'That is no phone number we can text.',
  60202: 'Too many wrong codes. Wait ten minutes.',
  60203: 'That was the last text for now. Wait ten minutes.',
  60205: 'That is a landline: it takes no texts.',
  60223: "We can't text this number.",
  60410: "We can't text this number now.",
  60605: "We don't text this country.",
  20404: 'That code is not good any more. Ask for another.',
  20429: 'Too many attempts. Wait a minute.',
};

const { services } = twilio(TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN).verify.v2;

async function ownService() {
  const sid = VERIFY_SERVICE_SID ?? (await services.create({ friendlyName: 'Sign-in' })).sid;
  return services(sid);
}

function door(service) {
  const [sentAt, sessions] = [new Map(), new Map()];
  const app = express();
  app.use(express.json());

  /** Sends a code, or the same one again; not sooner than RESEND_AFTER_S after the last. */
  app.post('/begin', async ({ body, ip }, response) => {
    const phone = String(body?.phone ?? '');
    const waits = (sentAt.get(phone) ?? -Infinity) / 1000 + RESEND_AFTER_S - performance.now() / 1000;
    if (waits > 0) return response.status(429).json({ error: 'The text is on its way.', again_in_s: waits });
    await service.verifications.create({ to: phone, channel: 'sms', deviceIp: ip });
    sentAt.set(phone, performance.now());
    return response.json({ sent: true, again_in_s: RESEND_AFTER_S });
  });

  app.post('/finish', async ({ body }, response) => {
    const phone = String(body?.phone ?? '');
    const answer = await service.verificationChecks.create({ to: phone, code: String(body?.code ?? '') });
    if (!answer.valid) return response.status(401).json({ error: 'That is not the code.' });
    sentAt.delete(phone);
    const session = crypto.randomBytes(24).toString('base64url');
    sessions.set(session, answer.to);
    return response.json({ session });
  });

  app.get('/', (request, response) => {
    const phone = sessions.get(request.get('authorization')?.replace(/^Bearer /, ''));
    return phone ? response.json({ phone }) : response.status(401).json({ error: 'Sign in first.' });
  });

  app.use((error, request, response, next) => {
    if (!error.code) return next(error);
    if (!WORDS[error.code]) console.error(`${error.code}: ${error.message}`);
    return response.status(400).json({ error: WORDS[error.code] ?? 'Something went wrong. Try again later.' });
  });
  return app;
}

ownService().then((service) => {
  const server = door(service).listen(PORT, '127.0.0.1', () =>
    console.log(`sign in at http://127.0.0.1:${server.address().port}`));
}).catch((error) => {
  console.error(error.code ? `${error.code}: ${error.message}` : error.message);
  process.exit(1);
});
