// The official validator on signatures that were made by Trunkline.
import assert from 'node:assert/strict';
import twilio from 'twilio';

const { TOKEN, VECTORS } = process.env;
for (const { url, form, body, signature } of JSON.parse(VECTORS)) {
  if (body !== undefined) {
    assert.ok(twilio.validateRequestWithBody(TOKEN, signature, url, body), url);
    assert.ok(!twilio.validateRequestWithBody(TOKEN, signature, url, `${body} `), url);
  } else {
    const params = {};
    for (const [name, value] of form) params[name] = name in params ? [params[name], value].flat() : value;
    assert.ok(twilio.validateRequest(TOKEN, signature, url, params), JSON.stringify({ url, params }));
    assert.ok(!twilio.validateRequest(TOKEN, signature, url, { ...params, More: 'x' }), url);
  }
}
