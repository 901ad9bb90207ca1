// What a personal value looks like where many people read.

export function maskPhone(phone) {
  const digits = String(phone ?? '');
  return digits.length > 4 ? `…${digits.slice(-2)}` : '…';
}

export function maskEmail(email) {
  const [name, host] = String(email ?? '').split('@');
  return host ? `${name.slice(0, 1)}…@${host}` : '…';
}
