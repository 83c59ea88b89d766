// Runs every scene against a running installation; see lib.mjs for what it needs.
import { browser, open } from './lib.mjs'
import * as calls from './calls.mjs'
import * as first from './first.mjs'
import * as looks from './looks.mjs'
import * as objects from './objects.mjs'
import * as resources from './resources.mjs'
import * as session from './session.mjs'
import * as speed from './speed.mjs'
import * as verify from './verify.mjs'
import * as watch from './watch.mjs'

const scenes = [first, session, objects, calls, resources, watch, verify, looks, speed].flatMap((file) => Object.entries(file))
const wanted = process.argv.slice(2)
const { context, close } = await browser()
let failed = 0

for (const [name, scene] of scenes) {
  // That scene signs in: the others need it. (A module tells its scenes in order of the alphabet.)
  if (wanted.length && name !== 'aFreshStart' && !wanted.includes(name)) continue
  const page = await open(context, scene.allows)
  const began = performance.now()
  try {
    await scene(page, context)
    if (page.faults.length) throw new Error(page.faults.join('\n'))
    console.log(`ok    ${name} (${Math.round(performance.now() - began)} ms)`)
  } catch (error) {
    failed += 1
    console.error(`FAIL  ${name}: ${error.stack ?? error}`)
    for (const fault of page.faults) console.error(`      ${fault}`)
  }
  await page.close()
}

await close()
process.exit(failed ? 1 : 0)
