import assert from 'node:assert/strict'
import { api, hook, message, phone, picture, send, sid, until, visit } from './lib.mjs'

/** What was used is a picture by day, with its table a click away. */
export async function countsUsage(page) {
  const sent = await send({ Body: 'counted' })
  await until('its end', async () => (await message(sent.sid)).status === 'delivered')
  await visit(page, '/usage')
  const texts = page.getByRole('region', { name: 'Texts out', exact: true })
  await texts.getByRole('img').waitFor()
  assert.equal(await texts.locator('svg g').count(), 30)
  assert.match(await texts.getByRole('img').getAttribute('aria-label'), /Texts out by day since .*: [1-9]/)
  await texts.getByText('By day').click()
  assert.equal(await texts.locator('tbody tr').count(), 30)
  await page.getByRole('button', { name: '7 days' }).click()
  await until('a week', async () => (await texts.locator('svg g').count()) === 7)
  await page.getByText('sms-outbound', { exact: true }).waitFor()
}

/** The carrier is up, its last hour is drawn, and a route is explained. */
export async function explainsRoutes(page) {
  await send({ Body: 'by the carrier' })
  await visit(page, '/carriers')
  const carrier = page.getByRole('list', { name: 'Carriers' }).getByRole('listitem').first()
  await carrier.getByText('simulated').waitFor()
  await carrier.getByText('up', { exact: true }).waitFor()
  assert.equal(await carrier.locator('svg g').count(), 60)
  await page.getByLabel('To', { exact: true }).fill(phone)
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('takes it').waitFor()
  await page.getByLabel('To', { exact: true }).fill('nobody at all')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('To must be a number').waitFor()
  await picture(page, 'carriers-refused')
}
explainsRoutes.allows = [400]

/** Every webhook is on one page: those that were given up by themselves, each sent again by a click. */
export async function replaysFromTheList(page) {
  const endpoint = await hook(500)
  try {
    const { sid: sent } = await send({ Body: 'unheard', StatusCallback: endpoint.url })
    await until('two tries', () => endpoint.heard.length >= 2)
    await visit(page, '/webhooks')
    await page.getByRole('button', { name: 'Given up' }).click()
    const list = page.getByRole('list', { name: 'Deliveries' })
    const one = list.getByRole('listitem').filter({ hasText: sent }).first()
    await one.getByText('exhausted').waitFor()
    await page.getByText(new URL(endpoint.url).origin).first().waitFor()
    await one.locator('summary').click()
    const before = endpoint.heard.length
    await one.getByRole('button', { name: 'Replay this webhook' }).click()
    await until('the replay', () => endpoint.heard.length > before)
    await picture(page, 'webhooks-open')
    await page.getByRole('button', { name: 'Waiting' }).click()
    await page.getByText('None waits').waitFor()
  } finally {
    endpoint.close()
  }
}

/** Who changed what, with what it was before; it appears as it happens. */
export async function tellsWhoChangedWhat(page) {
  const path = `/2010-04-01/Accounts/${sid}/Applications`
  const made = await api('POST', `${path}.json`, { FriendlyName: 'before' })
  await visit(page, `/audit?ResourceSid=${made.sid}`)
  const list = page.getByRole('list', { name: 'Changes' })
  await list.getByText('Application created').waitFor()
  await api('POST', `${path}/${made.sid}.json`, { FriendlyName: 'after' })
  const change = list.getByRole('listitem').filter({ hasText: 'Application updated' })
  await change.getByText('The Auth Token').waitFor()
  await change.locator('summary').click()
  const row = change.locator('tbody tr').filter({ hasText: 'Friendly name' })
  assert.deepEqual((await row.locator('td').allTextContents()), ['before', 'after'])
  await picture(page, 'audit-open')
  await api('DELETE', `${path}/${made.sid}.json`)
  await list.getByText('Application deleted').waitFor()
}
