import { mount } from 'svelte'
import App from './App.svelte'
import './lib/tokens.css'
import './lib/base.css'
import './lib/parts.css'
import { startKeys } from './lib/keys'
import { startRouter } from './lib/router.svelte'
import { resume } from './lib/session.svelte'
import { startTheme } from './lib/theme.svelte'

startTheme()
startRouter()
startKeys()
await resume()

const target = document.getElementById('app')
if (target) {
  target.replaceChildren()
  mount(App, { target })
}
