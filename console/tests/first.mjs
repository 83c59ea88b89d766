import assert from 'node:assert/strict'
import { base, login, messages, other, own, phone, picture, send, until, visit, api } from './lib.mjs'

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M/wHwAEBgIApD5fRAAAAABJRU5ErkJggg==',
  'base64',
)

const screen = (page, number) => page.getByRole('log', { name: `Screen of ${number}` })
const said = () => `text ${Math.random().toString(36).slice(2)}`

/** The printed link signs in, once; the first text is seen without a reload. */
export async function aFreshStart(page) {
  await page.goto(login)
  await page.getByRole('heading', { name: 'Handsets' }).waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
  assert(!page.url().includes('token'), 'the token stays in no address')
  await screen(page, phone).getByText('No texts yet').or(screen(page, phone).locator('.bubble').last()).waitFor()
  await picture(page, 'handsets-empty')
  const body = said()
  const at = performance.now()
  await send({ Body: body })
  await screen(page, phone).getByText(body).waitFor()
  const took = performance.now() - at
  assert(took < 1000, `a text appears within a second, not ${took} ms`)
  await page.goto(login)
  await visit(page, '/handsets')
}

/** The snippet's own button sends, and the text leads to its message. */
export async function sendsFromHere(page) {
  await visit(page, '/handsets')
  const body = said()
  await page.getByLabel('Text', { exact: true }).fill(body)
  await page.getByRole('button', { name: 'Send it from here' }).click()
  const bubble = screen(page, phone).locator('li', { hasText: body })
  await bubble.waitFor()
  await bubble.getByRole('button').click()
  await page.getByRole('heading', { name: `Message to ${phone}` }).waitFor()
  await page.getByText(body).waitFor()
}

/** What a phone writes becomes a message, with its picture. */
export async function answersWithTextAndPicture(page) {
  await visit(page, '/handsets')
  const body = said()
  await page.getByLabel(`Picture for ${phone}`).setInputFiles({ name: 'p.png', mimeType: 'image/png', buffer: PIXEL })
  await page.getByAltText('Attached').waitFor()
  await page.getByLabel(`Text from ${phone}`).fill(body)
  await page.keyboard.press('Enter')
  await screen(page, phone).locator('li', { hasText: body }).locator('img').waitFor()
  await picture(page, 'handsets-answered')
  const found = await until('the message', async () =>
    (await messages({ From: phone })).messages.find((message) => message.body === body),
  )
  assert.equal(found.to, own)
  assert.equal(found.num_media, '1')
  await visit(page, `/messages/${found.sid}`)
  await page.getByRole('heading', { name: `Message from ${phone}` }).waitFor()
  const image = page.getByRole('region', { name: 'The text' }).locator('img')
  await image.waitFor()
  await until('the picture', () => image.evaluate((one) => one.naturalWidth > 0))
}
answersWithTextAndPicture.allows = [404]

/** A phone that is switched off: its message comes back, says why, and raises an alert. */
export async function switchesAPhoneOff(page) {
  await visit(page, '/handsets')
  const faults = page.getByRole('group', { name: `Faults of ${other}` })
  await faults.getByRole('button', { name: 'Phone off' }).click()
  await page.getByRole('article', { name: `Handset ${other}` }).getByText('come back undelivered').waitFor()
  await picture(page, 'handsets-fault')
  const { sid } = await send({ To: other, Body: said() })
  await visit(page, `/messages/${sid}`)
  await page.locator('.head').getByText('undelivered').waitFor()
  await page.getByText(/^30003/).first().waitFor()
  await page.getByText('Receipt: not delivered').waitFor()
  await visit(page, '/messages?state=bad')
  await page.locator(`a[href$="${sid}"]`).waitFor()
  await visit(page, '/alerts')
  await page.locator(`a[href$="${sid}"]`).first().click()
  await page.getByRole('heading', { name: `Message to ${other}` }).waitFor()
  await visit(page, '/handsets')
  await faults.getByRole('button', { name: 'Phone off' }).click()
  await until('no fault', async () => (await api('GET', '/dev/faults')).faults.length === 0)
}

/** Phones are added, remembered and put away. */
export async function laysPhones(page) {
  await visit(page, '/handsets')
  await page.getByLabel('Number of the phone to add').fill('+44 20 7946 0123')
  await page.keyboard.press('Enter')
  await page.getByRole('article', { name: 'Handset +442079460123' }).waitFor()
  await page.reload()
  await page.getByRole('article', { name: 'Handset +442079460123' }).waitFor()
  await page.getByRole('button', { name: 'Put +442079460123 away' }).click()
  assert.equal(await page.getByRole('article').count(), 2)
  await page.getByLabel('Number of the phone to add').fill('abc')
  await page.keyboard.press('Enter')
  await page.getByText('Write a number as +').waitFor()
}

/** The Auth Token is hidden until somebody asks for it; copying is asking. */
export async function hidesTheToken(page) {
  const token = process.env.TRUNKLINE_AUTH_TOKEN
  await visit(page, '/handsets')
  const code = page.getByRole('tabpanel')
  await code.getByText('base_url').waitFor()
  assert(!(await page.content()).includes(token))
  await page.getByRole('button', { name: 'Copy with the Auth Token' }).click()
  await until('the copy', async () =>
    (await page.evaluate(() => navigator.clipboard.readText())).includes(token),
  )
  await page.getByRole('tab', { name: 'curl' }).click()
  await code.getByText(`${new URL(base).protocol}//`).first().waitFor()
  await page.getByRole('button', { name: 'Show the Auth Token' }).click()
  await code.getByText(token).waitFor()
}
