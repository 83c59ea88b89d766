import { post, read, remove, useSession } from './http'
import { go, route } from './router.svelte'
import type { Session } from './types'

/** Who is signed in. `known` turns true when the server has said so either way. */
export const app = $state<{ session: Session | null; known: boolean }>({
  session: null,
  known: false,
})

/** Asks who is signed in; nobody is no error. */
export async function resume() {
  try {
    begin(await read<Session>('/console/session'))
  } catch {
    end()
  }
}

/** Signs in with a person's password, or an Account SID and its Auth Token. */
export async function signIn(user: string, password: string) {
  begin(await post<Session>('/console/session', { user, password }))
  go(app.session?.mode === 'dev' ? '/handsets' : '/messages')
}

/** Signs out, here and on the server. */
export async function signOut() {
  await remove('/console/session')
  end()
}

function begin(session: Session) {
  useSession(session.csrf, end)
  app.session = session
  app.known = true
  if (route.path === '/' || route.path === '/sign-in') {
    go(session.mode === 'dev' ? '/handsets' : '/messages', true)
  }
}

function end() {
  useSession('', () => {})
  app.session = null
  app.known = true
}
