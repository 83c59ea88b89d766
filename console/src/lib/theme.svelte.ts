const KEY = 'trunkline.theme'
const order = ['system', 'light', 'dark'] as const

type Theme = (typeof order)[number]

/** The reader's choice of light and dark; `system` follows the machine. */
export const theme = $state<{ choice: Theme }>({ choice: 'system' })

/** Takes up the choice of last time; called before anything is shown. */
export function startTheme() {
  const kept = localStorage.getItem(KEY)
  set(order.find((choice) => choice === kept) ?? 'system')
}

/** Goes on to the next choice. */
export function nextTheme() {
  set(order[(order.indexOf(theme.choice) + 1) % order.length] ?? 'system')
  localStorage.setItem(KEY, theme.choice)
}

function set(choice: Theme) {
  theme.choice = choice
  if (choice === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = choice
}
