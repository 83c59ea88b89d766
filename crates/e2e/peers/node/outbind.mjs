// Another house's SMSC (npm smpp) that calls us: `outbind`, a wrong one first, and again after a cut.
import assert from 'node:assert/strict';
import smpp from 'smpp';
import { OURS, client, waitFor } from './peer.mjs';

const api = client();
let bound = 0;
let refused = 0;

/** Calls, says who it is, and serves whatever is then submitted. */
function call(password) {
  return new Promise((resolve) => {
    const session = smpp.connect({ url: `smpp://127.0.0.1:${process.env.SMPP_PORT}` }, () => {
      session.outbind({ system_id: 'smsc', password });
      resolve(session);
    });
    session.on('error', () => {});
    session.on('close', () => { if (password !== 'right') refused += 1; });
    session.on('bind_transceiver', (pdu) => {
      assert.deepEqual([pdu.system_id, pdu.password], ['trunk', 'pw:1']);
      bound += 1;
      session.send(pdu.response());
    });
    session.on('enquire_link', (pdu) => session.send(pdu.response()));
    session.on('submit_sm', (pdu) => {
      const id = `M${Math.random().toString(36).slice(2)}`;
      session.send(pdu.response({ message_id: id }));
      session.deliver_sm({
        source_addr: pdu.destination_addr, source_addr_ton: 1, source_addr_npi: 1,
        destination_addr: pdu.source_addr, dest_addr_ton: 1, dest_addr_npi: 1,
        esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
        short_message: `id:${id} sub:001 dlvrd:001 submit date:2611240930 done date:2611240931 stat:DELIVRD err:000 text:`,
      });
    });
  });
}

const become = (sid, status) => waitFor(`${sid} to be ${status}`, async () => (await api.messages(sid).fetch()).status === status);
const send = (body) => api.messages.create({ to: '+447700900001', from: OURS, body });

await call('wrong');
await waitFor('the wrong caller to be sent away', () => refused === 1);
assert.equal(bound, 0, 'a stranger is not told our password');
const first = await call('right');
await waitFor('a bind', () => bound === 1);
await become((await send('over its call')).sid, 'delivered');
first.destroy();
// A call that comes before the cut is noticed finds no bind that waits.
await waitFor('a second bind', async () => {
  if (bound === 1) await call('right');
  return bound === 2;
});
await become((await send('over its second call')).sid, 'delivered');
process.exit(0);
