// Another house's SMSC (npm smpp) as the carrier: texts, receipts for every segment, texts in.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import smpp from 'smpp';
import { OURS, client, openSink, waitFor } from './peer.mjs';

const submitted = [];
const sessions = [];
const acknowledged = [];
let nextId = 0xabc0;
const refusals = { 447700900666: smpp.ESME_RINVDSTADR };
let throttled = 3;

/** A receipt as appendix B of SMPP 3.4 has it, its id in decimal where the response had it in hex. */
function receipt(session, pdu, id, stat, err) {
  const text = `id:${String(id).padStart(10, '0')} sub:001 dlvrd:001 submit date:2611240930 done date:2611240931 stat:${stat} err:${err} text:`;
  session.deliver_sm({
    source_addr: pdu.destination_addr, source_addr_ton: 1, source_addr_npi: 1,
    destination_addr: pdu.source_addr, dest_addr_ton: 1, dest_addr_npi: 1,
    esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT, short_message: text,
  }, (answer) => acknowledged.push(answer.command_status));
}

const { SMPP_KEY, SMPP_CERT } = process.env;
const tls = SMPP_KEY ? { key: readFileSync(SMPP_KEY), cert: readFileSync(SMPP_CERT) } : {};
const server = smpp.createServer(tls, (session) => {
  session.on('error', () => {});
  session.on('bind_transceiver', (pdu) => {
    const right = pdu.system_id === 'trunk' && pdu.password === 'pw:1';
    session.send(pdu.response({ command_status: right ? 0 : smpp.ESME_RBINDFAIL }));
    if (right) sessions.push(session);
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('submit_sm', (pdu) => {
    if (throttled > 0) {
      throttled -= 1;
      session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
      return;
    }
    const refusal = refusals[pdu.destination_addr];
    if (refusal) {
      session.send(pdu.response({ command_status: refusal }));
      return;
    }
    const id = nextId++;
    submitted.push(pdu);
    const stat = pdu.destination_addr.endsWith('404') ? ['UNDELIV', '027'] : ['DELIVRD', '000'];
    // Receipts of every other message overtake the response.
    if (id % 2) receipt(session, pdu, id, ...stat);
    session.send(pdu.response({ message_id: id.toString(16) }));
    if (!(id % 2)) receipt(session, pdu, id, ...stat);
  });
});
await new Promise((resolve) => server.listen(Number(process.env.SMPP_PORT), '127.0.0.1', resolve));

const api = client();
const sink = await openSink();
const send = (to, body) => api.messages.create({ to, from: OURS, body, statusCallback: `${sink.url}/${to.slice(1)}` });
const statuses = (to) => sink.of(`/${to.slice(1)}`).map((c) => [c.form.MessageStatus, c.form.ErrorCode]);
const become = (message, status) => waitFor(`${message.to} to be ${status}`, async () => (await api.messages(message.sid).fetch()).status === status);
await waitFor('a bind', () => sessions.length > 0);

// One text; the carrier throttles the first three submits of it.
const hello = await send('+447700900001', 'Hello from SMPP');
await become(hello, 'delivered');
await waitFor('two callbacks', () => statuses('+447700900001').length === 2);
assert.deepEqual(statuses('+447700900001').map(([status]) => status), ['sent', 'delivered']);
assert.ok(sink.requests.every((request) => request.signed));
const [first] = submitted;
assert.deepEqual(
  [first.source_addr, first.source_addr_ton, first.destination_addr, first.dest_addr_ton, first.registered_delivery],
  ['15550001111', 1, '447700900001', 1, 1],
);
assert.equal(first.short_message.message, 'Hello from SMPP');

// The GSM alphabet with its extension, and UTF-16.
await become(await send('+447700900002', '[€] à la carte'), 'delivered');
assert.equal(submitted.at(-1).data_coding, 0);
await become(await send('+447700900002', 'Привет 😀'), 'delivered');
assert.equal(submitted.at(-1).data_coding, 8);
assert.equal(submitted.at(-1).short_message.message, 'Привет 😀');

// A long text: three parts under one reference, delivered when each is.
const body = 'Trunkline carries long texts too. '.repeat(12);
const long = await send('+447700900003', body);
assert.equal(long.numSegments, '3');
await become(long, 'delivered');
const parts = submitted.filter((pdu) => pdu.destination_addr === '447700900003');
assert.equal(parts.length, 3);
assert.equal(parts.map((pdu) => pdu.short_message.message).join(''), body);
assert.deepEqual(parts.map((pdu) => [...pdu.short_message.udh[0]].slice(-2)), [[3, 1], [3, 2], [3, 3]]);
await waitFor('two callbacks', () => statuses('+447700900003').length === 2);

// Refused at the submit, and undelivered by the receipt: Twilio's codes.
const refused = await send('+447700900666', 'x');
await become(refused, 'failed');
assert.equal((await api.messages(refused.sid).fetch()).errorCode, 30005);
const lost = await send('+447700900404', 'x');
await become(lost, 'undelivered');
assert.equal((await api.messages(lost.sid).fetch()).errorCode, 30007, 'err=027 in the URL');

// Texts in: one, and a long one whose parts come in the wrong order.
const [session] = sessions;
const from = { source_addr: '447700900009', source_addr_ton: 1, source_addr_npi: 1, destination_addr: '15550001111', dest_addr_ton: 1, dest_addr_npi: 1 };
session.deliver_sm({ ...from, short_message: 'Hello in' }, (answer) => acknowledged.push(answer.command_status));
for (const [index, message] of [[2, 'second part'], [1, 'first part, ']]) {
  const udh = Buffer.from([5, 0x00, 3, 77, 2, index]);
  session.deliver_sm({ ...from, esm_class: 0x40, short_message: { udh, message } }, (answer) => acknowledged.push(answer.command_status));
}
const inbound = () => api.messages.list({ from: '+447700900009' });
await waitFor('both texts', async () => (await inbound()).length === 2);
assert.deepEqual((await inbound()).map((m) => m.body).sort(), ['Hello in', 'first part, second part']);
await waitFor('every delivery to be acknowledged', () => acknowledged.length === submitted.length + 3);
assert.ok(acknowledged.every((status) => status === 0));

// The connection is cut: it binds again and goes on.
session.socket.destroy();
await waitFor('another bind', () => sessions.length === 2);
await become(await send('+447700900005', 'after the cut'), 'delivered');
sink.close();
server.close();
process.exit(0);
