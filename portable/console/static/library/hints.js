/** What to do about a failure, for the kinds that we know: the cause in plain words, then what to change. */

/**
 * @param {{ error: string|null, outcome: string, handler: string, seconds: number, calls?: any[], frame?: any, max_attempts?: number, attempt?: number, kind: string }} one
 * @returns {{ text: string, code?: string }[]}
 */
export function hints(one) {
  const error = one.error ?? "";
  /** @type {{ text: string, code?: string }[]} */
  const found = [];
  if (one.frame) found.push({ text: `It stopped in ${one.frame.function}, ${one.frame.file} line ${one.frame.line}.` });
  const slowest = [...(one.calls ?? [])].sort((left, right) => right.seconds - left.seconds)[0];
  if (/timeout|timed out|limit of \d/i.test(error)) {
    if (slowest && slowest.seconds > one.seconds / 2) {
      found.push({ text: `${slowest.seconds.toFixed(2)} s of it went to ${slowest.verb} of ${slowest.resource}.` });
    }
    found.push({ text: "Raise the limit where the function is declared, or give its own calls a shorter one so that it can be retried cleanly:", code: `timeout=${Math.max(5, Math.ceil(one.seconds * 2))}` });
  } else if (/NotPermitted|Permission|not allowed/i.test(error)) {
    found.push({ text: "The grants are derived from the code: call the resource where the analysis can see it, or declare it:", code: "grants=[…]" });
  } else if (/Conflict/.test(error)) {
    found.push({ text: "Somebody else wrote first. Read the item again and write what follows from it, or let the retry do that." });
  } else if (/ValidationError|InvalidPayload|BadRequest/i.test(error)) {
    found.push({ text: "What was sent does not fit the model. Edit the request and replay it." });
  }
  if (one.outcome === "dead") found.push({ text: "No attempt is left: it waits among the dead letters, where it can be sent again." });
  else if (one.kind !== "http" && (one.attempt ?? 1) < (one.max_attempts ?? 1)) found.push({ text: `It will be tried again: attempt ${(one.attempt ?? 1) + 1} of ${one.max_attempts}.` });
  return found;
}
