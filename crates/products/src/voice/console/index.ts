import type { ProductPages } from '$console/lib/products'

const told = (title: string, who: string, tone: 'good' | 'bad' | 'busy' | 'idle') => ({ title, who, tone })

const pages: ProductPages = {
  title: 'Voice',
  places: [{ title: 'Calls', path: '/calls', icon: 'call' }],
  routes: [
    { pattern: '/calls', page: () => import('./Calls.svelte') },
    { pattern: '/calls/:sid', page: () => import('./Call.svelte') },
  ],
  prefixes: { CA: (sid) => `/calls/${sid}` },
  tellings: {
    'voice.call.queued': told('Waits for its turn', 'API', 'busy'),
    'voice.call.initiated': told('Placed', 'SIP', 'busy'),
    'voice.call.ringing': told('Rings', 'SIP', 'busy'),
    'voice.call.answered': told('Answered', 'SIP', 'good'),
    'voice.call.completed': told('Over', 'SIP', 'good'),
    'voice.call.busy': told('Busy', 'SIP', 'bad'),
    'voice.call.failed': told('Failed', 'SIP', 'bad'),
    'voice.call.no-answer': told('Nobody answered', 'SIP', 'bad'),
    'voice.call.canceled': told('Called back', 'SIP', 'idle'),
  },
  phone: () => import('./Panel.svelte'),
}

export default pages
