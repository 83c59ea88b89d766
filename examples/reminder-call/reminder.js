// Calls people before their appointments, and takes the answer by a key. See README.md.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const twilio = require('twilio');

const FILE = process.env.REMINDERS ?? 'reminders.jsonl';
const RETRY_S = Number(process.env.RETRY_S ?? 600);
const SWEEP_S = Number(process.env.SWEEP_S ?? 15);
const BEFORE_S = Number(process.env.REMIND_BEFORE_S ?? 24 * 3600);
const { TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_BASE_URL, TWILIO_NUMBER } = process.env;

// So often somebody is called before a text is sent instead.
const CALLS_MAX = 2;
const NOT_REACHED = ['busy', 'no-answer', 'failed', 'canceled'];

// Everything that happened is a line of the file; lines are only ever added.
const note = (line) => fs.appendFileSync(FILE, `${JSON.stringify({ ...line, at: Date.now() })}\n`);

function reminders() {
  const found = [];
  const lines = fs.existsSync(FILE) ? fs.readFileSync(FILE, 'utf8').split('\n').filter(Boolean) : [];
  for (const line of lines.map((text) => JSON.parse(text))) {
    if (line.is === 'booked') {
      found.push({ id: found.length + 1, ...line, state: 'booked', calls: 0, dueAt: line.when - BEFORE_S * 1000 });
      continue;
    }
    const reminder = found[line.reminder - 1];
    if (line.is === 'calling') Object.assign(reminder, { state: 'calling', calls: reminder.calls + 1 });
    // An answer by a key counts, whatever the call's end is told to be after it.
    if (line.is === 'missed' && reminder.state === 'calling') {
      Object.assign(reminder, { state: reminder.calls < CALLS_MAX ? 'again' : 'unreached', last: line.result, dueAt: line.at + RETRY_S * 1000 });
    }
    if (['confirmed', 'reschedule', 'texted', 'lost'].includes(line.is)) reminder.state = line.is;
  }
  return found;
}

const spoken = (when) => new Date(when).toLocaleString('en-US', { weekday: 'long', month: 'long', day: 'numeric', hour: 'numeric', minute: '2-digit' });

function connect() {
  const client = twilio(TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN);
  if (TWILIO_BASE_URL) client.api.baseUrl = TWILIO_BASE_URL;
  return client;
}

/** Calls who is due, and texts who was called in vain. */
async function sweep(client, from, url) {
  for (const reminder of reminders()) {
    const due = reminder.dueAt <= Date.now() && Date.now() < reminder.when;
    const query = `?reminder=${reminder.id}`;
    try {
      if (due && ['booked', 'again'].includes(reminder.state)) {
        // Written before it is placed: a crash in between skips a call and never repeats one.
        note({ is: 'calling', reminder: reminder.id });
        await client.calls.create({
          from, to: reminder.phone, timeout: 20, url: `${url}/call${query}`, statusCallback: `${url}/status${query}`,
        });
      } else if (reminder.state === 'unreached') {
        const body = `${reminder.name}, we could not reach you by phone. Your appointment is on ${spoken(reminder.when)}. Call us if you can't come.`;
        note({ is: 'texted', reminder: reminder.id });
        await client.messages.create({ from, to: reminder.phone, body });
      }
    } catch (error) {
      console.error(`reminder ${reminder.id}: ${error.code ?? ''} ${error.message}`);
      // A number that is none is not tried again; what else went wrong may pass.
      const refused = error.status >= 400 && error.status < 500 && error.status !== 429;
      note({ is: refused ? 'lost' : 'missed', reminder: reminder.id, result: 'failed' });
    }
  }
}

/** What a call says, and what its keys do. */
function answer(path, reminder, form) {
  const twiml = new twilio.twiml.VoiceResponse();
  const ask = () => {
    const query = `?reminder=${reminder.id}`;
    const gather = twiml.gather({ numDigits: 1, timeout: 6, action: `/key${query}` });
    gather.say(`Hello ${reminder.name}. Your appointment is on ${spoken(reminder.when)}. Press one to confirm, or two to find another time.`);
  };
  if (path === '/call') {
    ask();
    ask();
    twiml.say('We will try again. Goodbye.');
  } else if (form.Digits === '1') {
    note({ is: 'confirmed', reminder: reminder.id });
    twiml.say('Thank you. See you then. Goodbye.');
  } else if (form.Digits === '2') {
    note({ is: 'reschedule', reminder: reminder.id });
    twiml.say('We will call you today to find another time. Goodbye.');
  } else {
    twiml.say('Sorry, that was neither one nor two.');
    ask();
  }
  return twiml.toString();
}

/** How a call ended. One that was answered, and whose question was not, was in vain as well. */
function told(reminder, form) {
  const vain = NOT_REACHED.includes(form.CallStatus) || form.CallStatus === 'completed';
  if (vain && reminder.state === 'calling') {
    note({ is: 'missed', reminder: reminder.id, result: form.CallStatus });
  }
}

async function serve() {
  let base;
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
    const signature = request.headers['x-twilio-signature'] ?? '';
    if (!twilio.validateRequest(TWILIO_AUTH_TOKEN, signature, base + request.url, form)) {
      return response.writeHead(403).end();
    }
    const { pathname, searchParams } = new URL(request.url, base);
    const reminder = reminders()[Number(searchParams.get('reminder')) - 1];
    if (!reminder || !['/call', '/key', '/status'].includes(pathname)) return response.writeHead(404).end();
    if (pathname === '/status') {
      told(reminder, form);
      return response.writeHead(204).end();
    }
    response.writeHead(200, { 'Content-Type': 'text/xml' }).end(answer(pathname, reminder, form));
  });
  await new Promise((listening) => server.listen(process.env.PORT ?? 3000, '127.0.0.1', listening));
  base = process.env.PUBLIC_URL ?? `http://127.0.0.1:${server.address().port}`;
  const client = connect();
  const [number] = await client.incomingPhoneNumbers.list({ phoneNumber: TWILIO_NUMBER, limit: 1 });
  if (!number) throw new Error('this account has no such number');
  console.log(`reminders from ${number.phoneNumber}, webhooks at ${base}`);
  for (;;) {
    await sweep(client, number.phoneNumber, base);
    await new Promise((waited) => setTimeout(waited, SWEEP_S * 1000));
  }
}

async function main([command, phone, when, name]) {
  if (command === 'serve') return serve();
  if (command === 'add' && name) return note({ is: 'booked', phone, when: new Date(when).getTime(), name });
  if (command === 'list') {
    return reminders().forEach((r) => console.log(r.id, r.name, r.phone, r.state, `${r.calls} called`, r.last ?? ''));
  }
  throw new Error("reminder.js serve | list | add PHONE 'YYYY-MM-DD HH:MM' NAME");
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.code ? `${error.code}: ${error.message}` : error.message);
  process.exit(1);
});
