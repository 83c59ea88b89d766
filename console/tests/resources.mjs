import { until, visit, picture, api, sid } from './lib.mjs'

/** A declared resource without a line of its own: made, found, changed, deleted. */
export async function keepsADeclaredResource(page) {
  const name = `App ${Date.now()}`
  await visit(page, '/r/Applications/new')
  await page.getByLabel('Friendly name').fill(name)
  await page.getByLabel('SMS URL', { exact: true }).fill('not a url')
  await page.getByLabel('SMS URL', { exact: true }).fill('https://example.com/sms')
  await picture(page, 'resource-new')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('heading', { name }).waitFor()
  await page.getByText('https://example.com/sms').waitFor()
  await page.getByRole('button', { name: 'Edit' }).click()
  await page.getByLabel('Friendly name').fill(`${name} changed`)
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('heading', { name: `${name} changed` }).waitFor()
  await picture(page, 'resource-one')
  await visit(page, '/r/Applications')
  await page.getByRole('link', { name: `${name} changed` }).click()
  await page.getByRole('button', { name: 'Delete…' }).click()
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('heading', { name: 'Applications' }).waitFor()
  await until('it is gone', async () => (await page.getByText(`${name} changed`, { exact: true }).count()) === 0)
}

/** A key's secret is shown once. */
export async function showsAKeysSecretOnce(page) {
  await visit(page, '/r/Keys/new')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByText('Keep the secret now').waitFor()
  await page.getByRole('link', { name: 'I have it' }).click()
  await page.getByRole('button', { name: 'Delete…' }).waitFor()
  const key = page.url().split('/').at(-1)
  await api('DELETE', `/2010-04-01/Accounts/${sid}/Keys/${key}.json`)
}

/** What the server refuses is said with its code, and what was filled in stays. */
export async function saysWhatIsRefused(page) {
  await visit(page, '/r/IncomingPhoneNumbers/new')
  await page.getByLabel('Phone number', { exact: true }).fill('+1555')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('alert').getByText(/\(\d{5}\)/).waitFor()
}
saysWhatIsRefused.allows = [400, 404]

/** The number's page comes from its SID alone. */
export async function findsANumber(page) {
  await visit(page, '/r/IncomingPhoneNumbers')
  await page.getByRole('link', { name: '+15550001111' }).click()
  await page.getByRole('heading', { name: '+15550001111' }).waitFor()
}
