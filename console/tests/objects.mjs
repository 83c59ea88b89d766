import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { hook, message, messages, phone, picture, send, token, until, visit } from './lib.mjs'

/** The timeline tells each step and each webhook; a webhook is replayed; the text is redacted. */
export async function tellsAMessagesStory(page) {
  const endpoint = await hook()
  try {
    const { sid } = await send({ Body: 'a story', StatusCallback: endpoint.url })
    await visit(page, `/messages/${sid}`)
    const steps = page.getByRole('list', { name: 'Timeline' })
    await steps.getByText('Accepted').waitFor()
    await steps.getByText('Rules passed, route chosen').waitFor()
    await steps.getByText('content, recipient, sender').waitFor()
    await steps.getByText('Receipt: delivered').waitFor()
    await until('two webhooks', async () => (await steps.getByText('Webhook answered 200').count()) === 2)
    await page.locator('.gap').first().waitFor()
    assert.match(await page.locator('.gap').first().textContent(), /^\+[\d.]+ ms$/)
    const last = steps.locator('details').last()
    await last.locator('summary').click()
    await last.getByText('MessageStatus').first().waitFor()
    const signed = await last.locator('pre.signed').textContent()
    const expected = createHmac('sha1', token).update(signed).digest('base64')
    await last.getByText(expected).waitFor()
    assert(endpoint.heard.some(({ signature }) => signature === expected), 'the shown string is the signed one')
    await picture(page, 'message-webhook-open')
    const before = endpoint.heard.length
    await last.getByRole('button', { name: 'Replay this webhook' }).click()
    await until('the replay', () => endpoint.heard.length > before)
    await steps.getByText('try 2').waitFor()
    await page.getByRole('button', { name: 'Redact…' }).click()
    await page.getByRole('dialog').getByText('can’t be undone').waitFor()
    await page.getByRole('button', { name: 'Keep it' }).click()
    assert.equal((await message(sid)).body, 'a story')
    await page.getByRole('button', { name: 'Redact…' }).click()
    await page.getByRole('button', { name: 'Redact for ever' }).click()
    await page.getByText('nobody can read this text').waitFor()
    assert.equal((await message(sid)).body, '')
    await picture(page, 'message-redacted')
  } finally {
    endpoint.close()
  }
}

/** A signature that an endpoint refuses: the exact string is shown without asking. */
export async function explainsARefusedSignature(page) {
  const endpoint = await hook(403)
  try {
    const { sid } = await send({ Body: 'refused', StatusCallback: endpoint.url })
    await visit(page, `/messages/${sid}`)
    await page.getByText('The endpoint refused this').first().waitFor()
    await page.locator('pre.signed').first().waitFor()
    await page.getByText('bad signature').first().waitFor()
    await picture(page, 'message-refused')
  } finally {
    endpoint.close()
  }
}

/** Sending again makes a new message with the same text. */
export async function sendsAgain(page) {
  const body = `again ${Date.now()}`
  const { sid } = await send({ Body: body })
  await visit(page, `/messages/${sid}`)
  await page.getByRole('button', { name: 'Send again' }).click()
  await until('another address', () => !page.url().includes(sid))
  await page.getByText(body).waitFor()
  const found = (await messages({ To: phone })).messages.filter((one) => one.body === body)
  assert.equal(found.length, 2)
}

/** The list is live: a new row comes on top and changes its state. */
export async function keepsTheListLive(page) {
  await visit(page, '/messages')
  await page.getByText('Live', { exact: true }).waitFor()
  const body = `live ${Date.now()}`
  const { sid } = await send({ Body: body })
  const row = page.locator(`a[href$="${sid}"]`)
  await row.getByText('delivered').waitFor()
  assert.equal(await page.locator('a.line').first().getAttribute('href'), `#/messages/${sid}`)
  await page.getByLabel('To', { exact: true }).fill('+19999999999')
  await page.keyboard.press('Enter')
  await page.getByText('No message is like that').waitFor()
}

/** Everything without a mouse: the palette, the list, the message, the help. */
export async function worksByKeyboard(page) {
  const { sid } = await send({ Body: 'by keyboard' })
  await visit(page, '/handsets')
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: /A page/ }).waitFor()
  await page.keyboard.type('messa')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Messages' }).waitFor()
  await page.locator(`a[href$="${sid}"]`).waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('k')
  await page.locator('a.line.at').waitFor()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Message to' }).waitFor()
  assert(page.url().endsWith(sid))
  await page.keyboard.press('/')
  await page.keyboard.type(phone)
  await page.getByRole('option', { name: `Messages to ${phone}` }).waitFor()
  await picture(page, 'palette')
  await page.keyboard.press('Enter')
  await until('the filter', () => page.url().includes('To='))
  await page.keyboard.press('/')
  await page.keyboard.type(sid)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Message to' }).waitFor()
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.keyboard.press('g')
  await page.keyboard.press('h')
  await page.getByRole('heading', { name: 'Handsets' }).waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('a')
  await page.getByRole('heading', { name: 'Alerts' }).waitFor()
}
