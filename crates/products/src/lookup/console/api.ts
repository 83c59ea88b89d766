import { read } from '$console/lib/http'

/** All that is known of a number. */
export interface Known {
  phone_number: string
  national_format: string | null
  country_code: string | null
  calling_country_code: string | null
  valid: boolean
  validation_errors: string[]
  line_type: string | null
  carrier_name: string | null
  phone_number_sid: string | null
  messages: null | {
    out: number
    delivered: number
    failed: number
    in: number
    first_at: string
    last_at: string
  }
  receipts: null | {
    line_status: string | null
    reached_at: string | null
    failed_at: string | null
    error_code: number | null
  }
  opt_outs: { sender: string; at: string }[]
  overrides: { line_type: string; original_line_type: string; reason: string; at: string }[]
  lookups: { at: string; fields: string[] }[]
}

/** Asks what is known; nobody outside is asked, and nothing is counted. */
export const known = (number: string) =>
  read<Known>(`/trunkline/v1/Lookup/Numbers/${encodeURIComponent(number)}`)

const reasons: Record<string, string> = {
  TOO_SHORT: 'It has too few digits.',
  TOO_LONG: 'It has too many digits.',
  INVALID_BUT_POSSIBLE: 'No range of its country holds it.',
  INVALID_COUNTRY_CODE: 'No country has this code.',
  INVALID_LENGTH: 'No number of its country is as long.',
  NOT_A_NUMBER: 'It is no phone number.',
}

/** Why a number is not valid, in words. */
export const why = (reason: string) => reasons[reason] ?? reason
