/** A price of the API, a decimal string that is negative for a charge, as people write it. */
export function costOf(price: string | null, unit: string): string {
  if (!price) return 'None yet'
  const amount = new Intl.NumberFormat(undefined, { style: 'currency', currency: unit, maximumFractionDigits: 5 })
  return amount.format(Math.abs(Number(price)))
}
