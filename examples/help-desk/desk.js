// A help desk by text: customers write, agents answer from the command line. See README.md.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const twilio = require('twilio');

const FILE = process.env.TICKETS ?? 'tickets.jsonl';
const { TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_BASE_URL, TWILIO_NUMBER } = process.env;

// Everything that happened is a line of the file; lines are only ever added. Server and agents may
// write at the same time, and the tickets are what the lines add up to.
const note = (line) => fs.appendFileSync(FILE, `${JSON.stringify({ ...line, at: new Date().toISOString() })}\n`);

function tickets() {
  const found = [];
  const lines = fs.existsSync(FILE) ? fs.readFileSync(FILE, 'utf8').split('\n') : [];
  for (const text of lines.filter(Boolean)) {
    const line = JSON.parse(text);
    if (line.is === 'opened') {
      found.push({ id: found.length + 1, customer: line.customer, state: 'open', since: line.at, said: [] });
    }
    const ticket = line.is === 'opened' ? found.at(-1) : found[line.ticket - 1];
    ticket.said.push(line);
    if (line.is === 'closed') Object.assign(ticket, { state: 'closed', result: line.text });
  }
  return found;
}

const latestOf = (customer) => tickets().findLast((ticket) => ticket.customer === customer);

/** What a customer's text does, and what is answered. */
function hear({ From: customer, Body: text, MessageSid: sid }) {
  const last = latestOf(customer);
  if (text.trim().toUpperCase() === 'STATUS') return statusOf(last);
  // A webhook may be repeated. The same text is not another ticket.
  const before = tickets().find((ticket) => ticket.said.some((line) => line.sid === sid));
  if (before) return `Ticket ${before.id} has your message.`;
  if (last?.state === 'open') {
    note({ is: 'customer', ticket: last.id, sid, text });
    return `Added to ticket ${last.id}.`;
  }
  note({ is: 'opened', customer, sid, text });
  return `Ticket ${latestOf(customer).id} is open. Text STATUS to ask how it stands.`;
}

function statusOf(ticket) {
  if (!ticket) return 'You have no ticket. Tell us what is wrong to open one.';
  if (ticket.state === 'closed') return `Ticket ${ticket.id} is closed: ${ticket.result}`;
  const agents = ticket.said.filter((line) => line.is === 'agent').length;
  return `Ticket ${ticket.id} is open since ${ticket.since.slice(0, 10)}, with ${agents || 'no'} answer${agents === 1 ? '' : 's'} so far.`;
}

function connect() {
  const client = twilio(TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN);
  if (TWILIO_BASE_URL) client.api.baseUrl = TWILIO_BASE_URL;
  return client;
}

async function ownNumber(client) {
  const [number] = await client.incomingPhoneNumbers.list({ phoneNumber: TWILIO_NUMBER, limit: 1 });
  if (!number) throw new Error('this account has no such number');
  return number;
}

async function serve() {
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
    const signature = request.headers['x-twilio-signature'] ?? '';
    if (!twilio.validateRequest(TWILIO_AUTH_TOKEN, signature, url + request.url, form)) {
      return response.writeHead(403).end();
    }
    if (request.url !== '/sms') return response.writeHead(404).end();
    const twiml = new twilio.twiml.MessagingResponse();
    twiml.message(hear(form));
    response.writeHead(200, { 'Content-Type': 'text/xml' }).end(twiml.toString());
  });
  await new Promise((listening) => server.listen(process.env.PORT ?? 3000, '127.0.0.1', listening));
  const url = process.env.PUBLIC_URL ?? `http://127.0.0.1:${server.address().port}`;
  const client = connect();
  const number = await ownNumber(client);
  await client.incomingPhoneNumbers(number.sid).update({ smsUrl: `${url}/sms`, smsMethod: 'POST' });
  console.log(`tickets by text to ${number.phoneNumber}, webhooks at ${url}`);
}

/** An agent says something to the customer of a ticket; `close` says it and ends the ticket. */
async function tell(command, id, text) {
  const ticket = tickets()[id - 1];
  if (!ticket) throw new Error(`there is no ticket ${id}`);
  if (ticket.state === 'closed') throw new Error(`ticket ${id} is closed already`);
  const client = connect();
  const { phoneNumber: from } = await ownNumber(client);
  const body = command === 'close' ? `Ticket ${id} is closed: ${text}` : `Ticket ${id}: ${text}`;
  // Sent first: a ticket whose customer could not be told stays open.
  const { sid } = await client.messages.create({ from, to: ticket.customer, body });
  note({ is: command === 'close' ? 'closed' : 'agent', ticket: ticket.id, sid, text });
}

async function main([command, id, ...words]) {
  if (command === 'serve') return serve();
  if (command === 'list') {
    return tickets().forEach((t) => console.log(t.id, t.state, t.customer, t.said[0].text));
  }
  const number = Number(id);
  if (command === 'show' && tickets()[number - 1]) {
    return tickets()[number - 1].said.forEach((line) => console.log(line.at, line.is, line.text));
  }
  if ((command === 'reply' || command === 'close') && words.length) return tell(command, number, words.join(' '));
  throw new Error('desk.js serve | list | show ID | reply ID TEXT | close ID TEXT');
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.code ? `${error.code}: ${error.message}` : error.message);
  process.exit(1);
});
