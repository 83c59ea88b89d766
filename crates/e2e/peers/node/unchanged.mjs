// An application that knows nothing of Trunkline: two of Twilio's hosts, by the official SDK.
import assert from 'node:assert/strict';
import twilio from 'twilio';

const client = twilio(process.env.TWILIO_ACCOUNT_SID, process.env.TWILIO_AUTH_TOKEN);
const message = await client.messages.create({ from: '+15550001111', to: '+15558675310', body: 'node, unchanged' });
assert.equal((await client.messages(message.sid).fetch()).body, 'node, unchanged');
assert.deepEqual(await client.monitor.v1.alerts.list({ limit: 5 }), []);
